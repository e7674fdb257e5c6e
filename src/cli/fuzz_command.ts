/** `faultline fuzz` on the command line. What it does is in fuzz.ts, and the fuzzer is loaded only when it runs. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CommonOptions } from './arguments';
import {
  atLeast,
  boundOption,
  examples,
  hardwareOption,
  type Run,
  repeatable,
  sharding,
  threadsOption,
} from './options';
import type { Terminal } from './terminal';

export interface FuzzCommandOptions extends CommonOptions {
  readonly seed?: number;
  readonly runs?: number;
  readonly time?: number;
  readonly variant?: readonly string[];
  readonly differ?: readonly string[];
  readonly without?: readonly string[];
  readonly shard?: { readonly index: number; readonly of: number };
  readonly bound?: number;
  readonly hardware?: boolean;
  readonly jobs?: number;
  readonly format: 'table' | 'json';
  /** The folder for fixtures. */
  readonly save: string;
  readonly quiet?: boolean;
}

export const RUNS = 500;
export const SEEDS = 2 ** 31;

export const saveOption = (): Option =>
  new Option('--save <folder>', 'where the fixtures go that were found').default('fuzz-found');

export function addFuzz(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('fuzz')
    .description(
      'Random fixtures, judged like the others; what breaks is shrunk and saved as a fixture. Exit code 1 if something was found.',
    );
  searchOptions(command)
    .addOption(saveOption())
    .addOption(
      new Option('--format <format>', 'how to print; json is what merge reads')
        .choices(['table', 'json'])
        .default('table'),
    )
    .option('--output <file>', 'write there instead of stdout, all or nothing')
    .option('--quiet', 'no progress on stderr')
    .option('--config <file>', 'settings (default: faultline.config.ts or .js, if it is there)')
    .option(
      '--verbose',
      'the variants, every fixture and how long it took, on stderr; errors with their stack',
    )
    .addHelpText(
      'after',
      examples(
        'faultline fuzz --seed 1 --runs 1000',
        'faultline fuzz --variant ./my-fix.ts --time 60',
        'faultline fuzz --differ uffd-wp-2018 dirty-accountable-false',
        'faultline fuzz --seed 1 --runs 1000 --shard 1/4 --format json --output 1.json',
      ),
    )
    .action((options: FuzzCommandOptions) =>
      run(() => (require('./fuzz') as typeof import('./fuzz')).runFuzz(options, terminal)),
    );
}

function searchOptions(command: Command): Command {
  return command
    .addOption(new Option('--seed <n>', 'where to start (default: anywhere; it is printed)').argParser(seed))
    .addOption(
      new Option('--runs <n>', `fixtures to try (default: ${RUNS}, no end with --time)`).argParser(
        atLeast(1),
      ),
    )
    .addOption(new Option('--time <seconds>', 'start no fixture later than that').argParser(atLeast(1)))
    .addOption(
      repeatable(
        '--variant <id|file>',
        'a built-in variant or your own .ts or .js file; repeatable (default: all that build)',
      ),
    )
    .option(
      '--differ <variants...>',
      'two variants: look for fixtures that break one and surely not the other',
    )
    .addOption(
      repeatable('--without <verb|group>', 'verbs, or groups of verbs, that do not appear; repeatable'),
    )
    .addOption(boundOption())
    .addOption(hardwareOption())
    .addOption(threadsOption())
    .addOption(sharding('fixture'));
}

function seed(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value >= SEEDS) {
    throw new InvalidArgumentError(`It must be a whole number below ${SEEDS}.`);
  }
  return value;
}
