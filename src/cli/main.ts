/** argv to exit code. What a command does is in its own file, which is loaded only when it runs. */
import { Argument, Command, Option } from 'commander';
import { InputError } from '../compare/input';
import { version } from '../version';
import type { CommonOptions, CompareOptions, ReplayOptions, RunOptions } from './arguments';
import type { ConformOptions } from './conform';
import { failureOf } from './failure';
import { formats } from './formats';
import {
  boundOption,
  examples,
  fixtureOption,
  hardwareOption,
  printing,
  repeatable,
  searching,
  seedOrCount,
  sharding,
} from './options';
import { screenOf, type Terminal } from './terminal';

/** @returns the exit code; see docs/design.md section 5 */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  let code = 0;
  const run: Run = async (work) => {
    code = await work();
  };
  try {
    await programOf(argv[0], terminal, run).parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    const failure = failureOf(error, argv.includes('--verbose'));
    terminal.stderr.write(failure.text);
    return failure.code;
  }
}

type Run = (work: () => Promise<number> | number) => Promise<void>;

const comparing = (): typeof import('./compare') => require('./compare');
const explaining = (): typeof import('./explain') => require('./explain');
const conforming = (): typeof import('./conform') => require('./conform');
const reporting = (): typeof import('./report_command') => require('./report_command');
const checkingMail = (): typeof import('./b4_command') => require('./b4_command');
const completing = (): typeof import('./completion') => require('./completion');
const creating = (): typeof import('./new_command') => require('./new_command');
const diffing = (): typeof import('./diff_command') => require('./diff_command');
const fuzzing = (): typeof import('./fuzz_command') => require('./fuzz_command');
const merging = (): typeof import('./merge') => require('./merge');
const listing = (): typeof import('./list') => require('./list');

/** Adds a command to the program. */
type Add = (program: Command, terminal: Terminal, run: Run) => void;

const commands: Readonly<Record<string, Add>> = {
  compare: addCompare,
  check: addCheck,
  merge: (program, terminal, run) => merging().addMerge(program, terminal, run),
  list: addList,
  explain: addExplain,
  replay: addReplay,
  report: (program, terminal, run) => reporting().addReport(program, terminal, run),
  diff: (program, terminal, run) => diffing().addDiff(program, terminal, run),
  new: (program, terminal, run) => creating().addNew(program, terminal, run),
  'b4-check': (program, terminal, run) => checkingMail().addB4Check(program, terminal, run),
  fuzz: (program, terminal, run) => fuzzing().addFuzz(program, terminal, run),
  conform: addConform,
  completion: (program, terminal, run) => completing().addCompletion(program, terminal, run, commands),
};

export const commandNames: readonly string[] = Object.keys(commands);

/** @param named the first argument: if it is a command, the others are not looked at */
function programOf(named: string | undefined, terminal: Terminal, run: Run): Command {
  const program = new Command('faultline');
  program
    .description(
      'Runs competing kernel patches for one fault against one executable model, over every interleaving.',
    )
    .version(version)
    .exitOverride()
    .configureOutput({
      getOutHelpWidth: () => screenOf(terminal, {}).width,
      getErrHelpWidth: () => screenOf(terminal, {}).width,
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
    })
    .showHelpAfterError('(--help shows what there is)')
    .addHelpText(
      'after',
      examples('faultline compare', 'faultline explain FIXTURE VARIANT', 'faultline list'),
    )
    .hook('preAction', (_, command) => {
      checkDirectory();
      const { applyConfig } = require('./config') as typeof import('./config');
      applyConfig(command, terminal);
    });
  const asked = named !== undefined && Object.hasOwn(commands, named) ? [commands[named]!] : null;
  for (const add of asked ?? Object.values(commands)) add(program, terminal, run);
  return program;
}

/** Threads and a user's files need it, and what Node says of it tells nobody what to do. */
function checkDirectory(): void {
  try {
    process.cwd();
  } catch {
    throw new InputError('usage', 'the directory in which it was started is gone; start it in another');
  }
}

function addCompare(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('compare')
    .description('All variants on all fixtures, unless some are named.')
    .addOption(
      repeatable('--variant <id|file>', 'a built-in variant or your own .ts or .js file; repeatable'),
    )
    .addOption(fixtureOption());
  searchOptions(command);
  command.addOption(sharding('cell'));
  printing(command)
    .addHelpText(
      'after',
      examples(
        'faultline compare',
        'faultline compare --variant mkwrite-reuse --variant ./my-fix.ts --fixture thp-partial',
        'faultline compare --format json --output comparison.json',
        'faultline compare --variant ./my-fix.ts --watch',
        'faultline compare --config ci/faultline.config.ts --quiet',
      ),
    )
    .action((options: CompareOptions) => run(() => comparing().runCompare(options, terminal)));
}

function addCheck(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('check')
    .description('One proposal or a few on all fixtures; exit code 1 unless all of them stand.')
    .argument('<variant...>', 'built-in variants or your own .ts or .js files')
    .addOption(fixtureOption());
  searchOptions(command);
  printing(command)
    .addHelpText(
      'after',
      examples(
        'faultline check uffd-wp-bit',
        'faultline check ./my-fix.ts --format json',
        'faultline check ./my-fix.ts --quiet',
      ),
    )
    .action((variant: string[], options: CompareOptions) =>
      run(() => comparing().runCheck({ ...options, variant }, terminal)),
    );
}

function addList(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('list')
    .description('What there is.')
    .addArgument(
      new Argument(
        '[what]',
        'one of the lists; the first three if none is named; signs: what stands in tables and drawings',
      ).choices(['variants', 'fixtures', 'invariants', 'functions', 'signs']),
    );
  printing(command)
    .addHelpText('after', examples('faultline list', 'faultline list fixtures', 'faultline list signs'))
    .action((what: string | undefined, options: CommonOptions) =>
      run(() => listing().runList(what, options, terminal)),
    );
}

function addExplain(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('explain')
    .description('The shortest run behind a verdict, in columns per CPU, with what each step changed.')
    .argument('<fixture>', 'a built-in fixture or your own .yaml file')
    .argument('<variant>', 'a built-in variant or your own .ts or .js file')
    .option('--invariant <id>', 'the run that breaks this one, of several')
    .option('--full', 'also steps that changed nothing, and all of start and finally')
    .option('--c', 'a C program in the manner of selftests/mm that does the same on a real kernel');
  searchOptions(command.addOption(hardwareOption()), false);
  printing(command)
    .addHelpText(
      'after',
      examples(
        'faultline explain thp-partial dirty-accountable-false',
        'faultline explain thp-partial mkwrite-reuse --invariant refcount --full',
        'faultline explain thp-partial uffd-wp-2018 --c --output thp-partial.c',
      ),
    )
    .action((fixture: string, variant: string, options: RunOptions) =>
      run(() => explaining().runExplain(fixture, variant, options, terminal)),
    );
}

function addReplay(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('replay')
    .description('One exact run again.')
    .argument('<fixture>', 'a built-in fixture or your own .yaml file')
    .argument('<variant>', 'a built-in variant or your own .ts or .js file')
    .argument(
      '<schedule>',
      'from a replay line, for example a12b3a-0f3c9e: 12 steps of the first actor, 3 of the second, ...; ' +
        'without what stands after the dash the run goes on to its end',
    )
    .option('--full', 'also steps that changed nothing, and all of start and finally')
    .addOption(
      new Option('--then <what>', 'then: every run that begins with these steps').choices(['explore']),
    );
  searchOptions(command, false);
  printing(command)
    .addHelpText(
      'after',
      examples(
        'faultline replay thp-partial dirty-accountable-false a7b26a8',
        'faultline replay thp-partial dirty-accountable-false a7 --then explore',
      ),
    )
    .action((fixture: string, variant: string, schedule: string, options: ReplayOptions) =>
      run(() => explaining().runReplay(fixture, variant, schedule, options, terminal)),
    );
}

function addConform(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('conform')
    .description(
      'The fixtures on a real kernel, held against the model step by step. Exit code 1 where they disagree.',
    )
    .addOption(
      new Option(
        '--kernel <kernel>',
        "live, a bzImage to boot in QEMU, or Debian's kernel as in debian:6.1",
      ).default('live'),
    )
    .addOption(fixtureOption())
    .option('--variant <id|file>', 'what the kernel is held against (default: the variant of its version)')
    .option('--observed', 'print all that the kernel did, too')
    .addOption(
      repeatable(
        '--witnesses <id|file>',
        'instead: the order of each witness of this variant, forced on the kernel where user space can; repeatable',
      ),
    )
    .addOption(new Option('--runs <n>', 'so many random fixtures instead').argParser(seedOrCount(1)))
    .addOption(
      new Option('--seed <n>', 'where they start (default: anywhere; it is printed)').argParser(
        seedOrCount(0),
      ),
    )
    .addOption(
      repeatable('--without <verb|group>', 'verbs, or groups of verbs, that do not appear; repeatable'),
    )
    .option('--record <file>', 'keep the figures in this JSON file, too')
    .option('--no-shrink', 'leave random fixtures that disagree as long as they are')
    .addOption(new Option('--format <format>', 'how to print').choices(['table', 'json']).default('table'))
    .option('--quiet', 'no progress, and of what differs only the names');
  printing(command)
    .addHelpText(
      'after',
      examples(
        'faultline conform',
        'faultline conform --kernel arch/x86/boot/bzImage --fixture base-dirty-4k',
        'faultline conform --kernel debian:6.1 --format json --output observed.json',
        'faultline conform --witnesses uffd-wp-2018 --fixture fork-cow-4k',
      ),
    )
    .action((options: ConformOptions) => run(() => conforming().runConform(options, terminal)));
}

/** @param threads whether it searches many cells, not one */
function searchOptions(command: Command, threads = true): void {
  if (!threads) {
    command.addOption(boundOption());
    return;
  }
  searching(command)
    .addOption(new Option('--format <format>', 'how to print').choices([...formats]).default('table'))
    .option('--against <file>', 'a comparison saved as JSON: mark what is new; exit code 1 if something is')
    .option('--watch', 'again whenever a file that was named changes, the cells that it touches; ^C ends');
}
