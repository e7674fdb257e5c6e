/** How `faultline b4-check` is called. What it does is in b4_check.ts, which is loaded only when it runs. */
import type { Command } from 'commander';
import type { B4Options } from './b4_check';
import { examples, fixtureOption, type Run, searching } from './options';
import type { Terminal } from './terminal';

export function addB4Check(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('b4-check')
    .description(
      "The external check of b4 review: a mail on stdin, the verdict of the proposal in it as b4's JSON on stdout; [] for a mail that no variant is of.",
    )
    .addOption(fixtureOption())
    .option('--mail <file>', 'the mail (default: stdin)')
    .option('--verbose', 'errors with their stack');
  searching(command, 'no progress on stderr')
    .addHelpText(
      'after',
      examples(
        'git config b4.review-perpatch-check-cmd "faultline b4-check"',
        'faultline b4-check < proposal.eml',
      ),
    )
    .action((options: B4Options) => {
      const { runB4Check } = require('./b4_check') as typeof import('./b4_check');
      return run(() => runB4Check(options, terminal));
    });
}
