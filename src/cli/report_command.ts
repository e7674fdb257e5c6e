/** How `faultline report` is called. What it does is in report.ts, which is loaded only when it runs. */
import { type Command, Option } from 'commander';
import { formats } from './formats';
import { examples, fixtureOption, printing, type Run, repeatable, searching } from './options';
import type { ReportOptions } from './report';
import type { Terminal } from './terminal';

export function addReport(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('report')
    .description('The review: an overview and one page per variant, written into a folder, all or nothing.')
    .addOption(
      repeatable('--variant <id|file>', 'a built-in variant or your own .ts or .js file; repeatable'),
    )
    .addOption(fixtureOption())
    .addOption(new Option('--format <format>', 'how to write it').choices([...formats]).default('markdown'))
    .option('--against <file>', 'a comparison saved as JSON: mark what is new; exit code 1 if something is');
  printing(
    searching(command, 'no progress, and no list of the files that were written'),
    '--output <folder>',
    'where to write it (default: reports)',
  )
    .addHelpText(
      'after',
      examples(
        'faultline report',
        'faultline report --variant ./my-fix.ts --format lkml --output mails',
        'faultline report --format ktap --against comparison.json',
      ),
    )
    .action((options: ReportOptions) => {
      const { runReport } = require('./report') as typeof import('./report');
      return run(() => runReport(options, terminal));
    });
}
