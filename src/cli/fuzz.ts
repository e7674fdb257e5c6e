/** `faultline fuzz`. The fuzzer is loaded only when it runs. */
import { randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { InputError, reasonOf } from '../compare/input';
import { type LoadedVariant, loadVariants } from '../compare/load';
import type { Finding, FuzzOptions, FuzzResult } from '../fuzz/index';
import { verbs } from '../workload/step_grammar';
import { didYouMean } from '../workload/suggestion';
import type { CommonOptions } from './arguments';
import { variantOrigin } from './cells';
import { type Details, detailsOn } from './details';
import { exit } from './failure';
import { sharding } from './options';
import { writeOutput } from './output';
import { progressOn, type Terminal } from './terminal';

interface FuzzCommandOptions extends CommonOptions {
  readonly seed?: number;
  readonly runs?: number;
  readonly time?: number;
  readonly variant?: readonly string[];
  readonly differ?: readonly string[];
  readonly without?: readonly string[];
  readonly shard?: { readonly index: number; readonly of: number };
  readonly quiet?: boolean;
}

const RUNS = 500;
const FOLDER = 'fuzz-found';
const SEEDS = 2 ** 31;

export function addFuzz(
  program: Command,
  terminal: Terminal,
  run: (work: () => Promise<number>) => Promise<void>,
): void {
  program
    .command('fuzz')
    .description(
      'Random fixtures, judged like the others; what breaks is shrunk and saved as a fixture. Exit code 1 if something was found.',
    )
    .addOption(
      new Option('--seed <n>', 'where to start (default: anywhere; it is printed)').argParser(natural),
    )
    .addOption(
      new Option('--runs <n>', `fixtures to try (default: ${RUNS}, no end with --time)`).argParser(natural),
    )
    .addOption(new Option('--time <seconds>', 'start no fixture later than that').argParser(natural))
    .addOption(
      list(
        '--variant <id|file>',
        'a built-in variant or your own .ts or .js file; repeatable (default: all that build)',
      ),
    )
    .option(
      '--differ <variants...>',
      'two variants: look for fixtures that break one and surely not the other',
    )
    .addOption(list('--without <verb|group>', 'verbs, or groups of verbs, that do not appear; repeatable'))
    .addOption(sharding('fixture'))
    .option('--output <folder>', `where to save what was found (default: ${FOLDER})`)
    .option('--quiet', 'no progress on stderr')
    .option('--config <file>', 'settings (default: faultline.config.ts or .js, if it is there)')
    .option(
      '--verbose',
      'the variants, every fixture and how long it took, on stderr; errors with their stack',
    )
    .addHelpText(
      'after',
      [
        '',
        'Examples:',
        '  $ faultline fuzz --seed 1 --runs 1000',
        '  $ faultline fuzz --variant ./my-fix.ts --time 60',
        '  $ faultline fuzz --differ uffd-wp-2018 dirty-accountable-false',
        '',
      ].join('\n'),
    )
    .action((options: FuzzCommandOptions) => run(() => runFuzz(options, terminal)));
}

/** Saves and tells every finding at once, so that an interrupt loses none. */
async function runFuzz(options: FuzzCommandOptions, terminal: Terminal): Promise<number> {
  const details = detailsOn(terminal, options);
  const begin = details.now();
  const { variants, differ } = asked(options, details);
  const seed = options.seed ?? randomInt(SEEDS);
  const folder = options.output ?? FOLDER;
  const until = options.time === undefined ? Number.POSITIVE_INFINITY : Date.now() + options.time * 1000;
  const runs = options.runs ?? (options.time === undefined ? RUNS : SEEDS);
  const progress = progressOn(terminal, (options.quiet || options.verbose) ?? false);
  let interrupted = false;
  const stopListening = terminal.onInterrupt(() => {
    interrupted = true;
  });
  const { fuzz } = require('../fuzz/index') as typeof import('../fuzz/index');
  const campaign: FuzzOptions = {
    seed,
    runs,
    variants,
    ...(differ ? { differ } : {}),
    without: checkedWithout(options.without ?? []),
    ...(options.shard ? { shard: options.shard } : {}),
    stopped: () => interrupted || Date.now() > until,
    onRun(done, found) {
      const far = `seed ${seed}: ${done} fixtures, ${found} findings`;
      details.say(far);
      progress.show(far);
    },
    onFinding(finding) {
      progress.clear();
      terminal.stdout.write(`${save(finding, folder)}: ${sentence(finding)}\n`);
    },
  };
  const result = await fuzz(campaign).finally(() => {
    progress.clear();
    stopListening();
  });
  details.stage(`tried fixtures (${result.runs})`, begin);
  terminal.stdout.write(`${summary(result, seed)}\n`);
  if (interrupted) {
    terminal.stderr.write('faultline: interrupted\n');
    return exit.interrupted;
  }
  return exitCode(result.findings);
}

function asked(
  { variant, differ }: FuzzCommandOptions,
  details: Details,
): Pick<FuzzOptions, 'variants' | 'differ'> {
  const builds = ({ variant: { meta } }: LoadedVariant): boolean => meta.builds;
  if (!differ) {
    const loaded = loadVariants(variant ?? []).filter(builds);
    if (loaded.length === 0) throw new InputError('input', 'none of the variants builds');
    for (const one of loaded) details.say(variantOrigin(one));
    return { variants: loaded.map((one) => one.variant) };
  }
  if (variant) throw new InputError('usage', '--variant and --differ cannot be used together');
  const [one, other, ...more] = loadVariants(differ);
  if (!one || !other || more.length > 0) throw new InputError('usage', '--differ needs two variants');
  const broken = [one, other].find((loaded) => !builds(loaded));
  if (broken) throw new InputError('input', `${broken.variant.meta.id} does not build`);
  for (const loaded of [one, other]) details.say(variantOrigin(loaded));
  return { variants: [], differ: [one.variant, other.variant] };
}

function checkedWithout(without: readonly string[]): readonly string[] {
  const known = new Set(Object.entries(verbs).flatMap(([verb, { group }]) => [verb, group]));
  const unknown = without.find((one) => !known.has(one));
  if (unknown === undefined) return without;
  throw new InputError(
    'usage',
    `there is no verb or group of verbs "${unknown}"${didYouMean(unknown, known)}; docs/fixtures.md has them all`,
  );
}

function save({ fixture, text }: Finding, folder: string): string {
  const file = join(folder, `${fixture.name}.yaml`);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new InputError('usage', `cannot write --output ${folder}: ${reasonOf(error)}`);
  }
  writeOutput(file, text);
  return file;
}

function sentence({ failure, holdsOn, breaksOn }: Finding): string {
  const { variant, invariant, saw } = failure;
  if (invariant === 'model') return `the model itself fails on ${variant}: ${saw}`;
  const others = breaksOn.length > 1 ? ` (and ${breaksOn.length - 1} more)` : '';
  const but = holdsOn ? `, which ${holdsOn} keeps` : '';
  return `${variant}${others} breaks ${invariant}${but}: ${saw}`;
}

function summary({ runs, unusable, cutShort, findings }: FuzzResult, seed: number): string {
  const notes = [`${unusable} of them could not be run`, `${cutShort} searches were cut short`];
  return `seed ${seed}: ${runs} fixtures, ${findings.length} findings; ${notes.join(', ')}`;
}

function exitCode(findings: readonly Finding[]): number {
  if (findings.some(({ failure }) => failure.invariant === 'model')) return exit.internal;
  return findings.length > 0 ? exit.found : exit.done;
}

const list = (flags: string, description: string): Option =>
  new Option(flags, description).argParser((value: string, before: string[] = []) => [...before, value]);

function natural(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value >= SEEDS) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}
