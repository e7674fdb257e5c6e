/** How `faultline new` is called. What it does is in new.ts, which is loaded only when it runs. */
import type { Command } from 'commander';
import type { NewOptions } from './new';
import { examples, type Run } from './options';
import type { Terminal } from './terminal';

const creating = (): typeof import('./new') => require('./new');

export function addNew(program: Command, terminal: Terminal, run: Run): void {
  const parent = program
    .command('new')
    .description('A file to begin with: a variant, also from the mail of a patch, or a fixture.')
    .addHelpText(
      'after',
      examples('faultline new variant my-fix --mail proposal.mbox', 'faultline new fixture my-race'),
    );
  parent
    .command('variant')
    .description(
      'A module that compiles and behaves as its base, with the hunks of a mail beside its functions.',
    )
    .argument('<id>', 'its name: the idea, not the author')
    .option('--base <id|file>', 'the kernel that it changes (default: uffd-wp-2018)')
    .option('--mail <file>', 'an mbox, .eml or git format-patch file with the patch; - for stdin')
    .option(
      '--output <file>',
      'where to write it (default: ./ID.ts; in the project src/variants, and its list)',
    )
    .option('--verbose', 'errors with their stack')
    .addHelpText(
      'after',
      examples(
        'faultline new variant my-fix',
        'faultline new variant my-fix --base uffd-wp-bit --mail 0001-my-fix.patch',
      ),
    )
    .action((id: string, options: NewOptions) => run(() => creating().runNewVariant(id, options, terminal)));
  parent
    .command('fixture')
    .description('A fixture that runs, with the line by which editors know its schema.')
    .argument('<name>', 'its name, which is the name of its file')
    .option('--output <file>', 'where to write it (default: ./NAME.yaml; in the project fixtures)')
    .option('--verbose', 'errors with their stack')
    .addHelpText('after', examples('faultline new fixture my-race'))
    .action((name: string, options: NewOptions) =>
      run(() => creating().runNewFixture(name, options, terminal)),
    );
}
