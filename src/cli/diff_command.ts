/** How `faultline diff` is called. What it does is in diff.ts, which is loaded only when it runs. */
import { type Command, Option } from 'commander';
import type { DiffOptions } from './diff';
import { examples, fixtureOption, printing, type Run, searching } from './options';
import type { Terminal } from './terminal';

export function addDiff(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('diff')
    .description(
      'What two variants have differently, what was found on each, and the first step at which they part.',
    )
    .argument('<variant>', 'a built-in variant or your own .ts or .js file')
    .argument('<other>', 'another one')
    .addOption(fixtureOption())
    .addOption(new Option('--format <format>', 'how to print').choices(['text', 'json']).default('text'));
  printing(searching(command, 'no progress on stderr'))
    .addHelpText(
      'after',
      examples(
        'faultline diff dirty-accountable-false page-dirty-check',
        'faultline diff mkwrite-reuse ./my-fix.ts --fixture thp-partial',
        'faultline diff linux-5.9 linux-5.12 --format json --output difference.json',
      ),
    )
    .action((variant: string, other: string, options: DiffOptions) => {
      const { runDiff } = require('./diff') as typeof import('./diff');
      return run(() => runDiff(variant, other, options, terminal));
    });
}
