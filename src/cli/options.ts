/** Options that several commands have, for commands that are described in files of their own. */
import { type Command, InvalidArgumentError, Option } from 'commander';

/** Does a command's work and keeps its exit code. */
export type Run = (work: () => Promise<number> | number) => Promise<void>;

export const repeatable = (flags: string, description: string): Option =>
  new Option(flags, description).argParser((value: string, before: string[] = []) => [...before, value]);

export const examples = (...lines: string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ ${line}\n`).join('')}`;

export const fixtureOption = (): Option =>
  repeatable('--fixture <id|file>', 'a built-in fixture or your own .yaml file; repeatable');

export const boundOption = (): Option =>
  new Option('--bound <n>', 'runs of one cell after which its search stops, and says so').argParser(
    atLeast(1),
  );

export const hardwareOption = (): Option =>
  new Option(
    '--hardware',
    'CPUs act on their own, too: they use any translation that was not flushed, and set A at any moment',
  );

export const threadsOption = (): Option =>
  new Option('--jobs <n>', 'threads; 0: none beside the main one (default: one per core)').argParser(
    atLeast(0),
  );

/** @param quiet what --quiet does */
export function searching(
  command: Command,
  quiet = 'no progress, and a line per variant instead of the table',
): Command {
  return command
    .addOption(boundOption())
    .addOption(hardwareOption())
    .addOption(threadsOption())
    .option('--quiet', quiet);
}

export const VERBOSE = 'what is loaded, every cell and how long it took, on stderr; errors with their stack';

/** @param output the flags of --output and what it does */
export function printing(command: Command, ...output: [string, string] | []): Command {
  const [flags = '--output <file>', says = 'write there instead of stdout, all or nothing'] = output;
  return command
    .option(flags, says)
    .addOption(
      new Option(
        '--width <columns>',
        'columns (default: the terminal; in a pipe 80, 72 for a run)',
      ).argParser(atLeast(40)),
    )
    .option('--color', 'colour also where it is no terminal')
    .option('--no-color', 'no colour')
    .option('--config <file>', 'settings (default: faultline.config.ts or .js, if it is there)')
    .option('--verbose', VERBOSE);
}

export const atLeast =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number, at least ${least}.`);
    }
    return value;
  };

/** One more than the greatest seed, and more random fixtures than anybody waits for. */
const SEEDS = 2 ** 31;

export const seedOrCount =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value >= SEEDS) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${SEEDS - 1}.`);
    }
    return value;
  };

export const sharding = (what: string): Option =>
  new Option('--shard <i/n>', `only every n-th ${what}, from the i-th on`).argParser(shardOf);

function shardOf(text: string): { index: number; of: number } {
  const [, i, n] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  if (!i || !n || Number(i) < 1 || Number(i) > Number(n)) {
    throw new InvalidArgumentError('It must be I/N, such as 1/4.');
  }
  return { index: Number(i) - 1, of: Number(n) };
}
