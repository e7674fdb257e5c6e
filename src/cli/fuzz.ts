/** What `faultline fuzz` does. */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { InputError } from '../compare/input';
import { type LoadedVariant, loadVariants } from '../compare/load';
import {
  boundOf,
  type CampaignKey,
  type FuzzOptions,
  type FuzzResult,
  fuzz,
  fuzzBounds,
  runsIn,
  type SavedFuzz,
  savedOf,
} from '../fuzz/index';
import { plural } from '../report/words';
import { version } from '../version';
import { variantOrigin } from './cells';
import { hashOfFiles, modelHash } from './code_hash';
import { type Details, detailsOn } from './details';
import { exit } from './failure';
import { type FuzzCommandOptions, RUNS, SEEDS } from './fuzz_command';
import { checkSavable, exitCode, jsonOf, lineOf, saveFinding, summaryOf, wholeText } from './fuzz_result';
import { checkOutput, writeOutput } from './output';
import { progressOn, type Terminal } from './terminal';
import { checkedWithout } from './without';

type Asked = Required<
  Pick<FuzzOptions, 'variants' | 'differ' | 'without' | 'bounds' | 'seed' | 'hardware'>
> & {
  /** Null: as many as the time allows. */
  readonly runs: number | null;
  readonly key: CampaignKey;
};

export async function runFuzz(options: FuzzCommandOptions, terminal: Terminal): Promise<number> {
  if (options.shard && options.shard.of > 1 && options.seed === undefined) {
    throw new InputError(
      'usage',
      '--shard needs --seed: each part would start at another seed, and parts of different seeds cannot be merged',
    );
  }
  checkSavable(options.save);
  if (options.output !== undefined) checkOutput(options.output);
  const details = detailsOn(terminal, options);
  const asked = askedFor(options, details);
  const begin = details.now();
  const { result, isInterrupted } = await search(asked, options, terminal);
  details.stage(`tried fixtures (${result.runs})`, begin);
  const saved = savedResult(asked.key, result, options, isInterrupted);
  const text = textOf(saved, options, options.output === undefined);
  // A part never replaces a file.
  if (options.output === undefined || isInterrupted) terminal.stdout.write(text);
  else writeOutput(options.output, text);
  if (!isInterrupted) return exitCode(saved.findings);
  const unwritten = options.output === undefined ? '' : `: ${options.output} was not written`;
  terminal.stderr.write(`faultline: interrupted${unwritten}\n`);
  return exit.interrupted;
}

/** @param isTold the findings were told on stdout one by one */
function textOf(saved: SavedFuzz, { format, save }: FuzzCommandOptions, isTold: boolean): string {
  if (format === 'json') return jsonOf(saved);
  return isTold ? `${summaryOf(saved)}\n` : wholeText(saved, save);
}

/** Saves and tells every finding at once, so that nothing that ends it loses one. */
async function search(
  asked: Asked,
  options: FuzzCommandOptions,
  terminal: Terminal,
): Promise<{ result: FuzzResult; isInterrupted: boolean }> {
  const details = detailsOn(terminal, options);
  const { seed, runs, key: _, ...others } = asked;
  const until = options.time === undefined ? Number.POSITIVE_INFINITY : Date.now() + options.time * 1000;
  const progress = progressOn(terminal, (options.quiet || options.verbose) ?? false);
  const interrupt = new AbortController();
  const stopListening = terminal.onInterrupt(() => interrupt.abort());
  // What a program reads, or what goes to a file, is not told twice on stdout.
  const isTold = options.format === 'table' && options.output === undefined;
  const result = await fuzz({
    ...others,
    seed,
    runs: runs ?? SEEDS,
    workers: options.jobs ?? availableParallelism(),
    ...(options.shard ? { shard: options.shard } : {}),
    isLate: () => Date.now() > until,
    signal: interrupt.signal,
    onRun(done, found) {
      const far = `seed ${seed}: ${plural(done, 'fixture')}, ${plural(found, 'finding')}`;
      details.say(far);
      progress.show(far);
    },
    onFinding(finding) {
      progress.clear();
      saveFinding(finding, options.save);
      const line = `${lineOf({ ...finding, ...finding.failure }, options.save)}\n`;
      if (isTold) terminal.stdout.write(line);
      else if (!options.quiet) terminal.stderr.write(line);
    },
  }).finally(() => {
    progress.clear();
    stopListening();
  });
  return { result, isInterrupted: interrupt.signal.aborted };
}

function savedResult(
  key: CampaignKey,
  result: FuzzResult,
  { shard }: FuzzCommandOptions,
  isInterrupted: boolean,
): SavedFuzz {
  const whole = key.runs === null ? Number.POSITIVE_INFINITY : runsIn(key.runs, shard ?? { index: 0, of: 1 });
  const stoppedBy = isInterrupted ? 'interrupt' : result.runs < whole ? 'time' : null;
  return savedOf(key, result, {
    stoppedBy,
    ...(shard ? { shard: `${shard.index + 1}/${shard.of}` } : {}),
  });
}

function askedFor(options: FuzzCommandOptions, details: Details): Asked {
  const files = new Map<string, string[]>();
  const { variants, differ } = variantsFor(options, (path, argument) =>
    files.set(argument, [...(files.get(argument) ?? []), path]),
  );
  for (const one of variants) details.say(variantOrigin(one));
  const seed = options.seed ?? randomInt(SEEDS);
  const runs = options.runs ?? (options.time === undefined ? RUNS : null);
  const without = checkedWithout(options.without ?? []);
  const bounds = { ...fuzzBounds, ...(options.bound ? { maxExecutions: options.bound } : {}) };
  const saved = variants.map(({ variant: { meta }, argument }) => {
    const { id, title, author, messageId, date, base, supersedes } = meta;
    const code = hashOfFiles(files.get(argument ?? '') ?? []);
    return { id, title, author, messageId, date, base, supersedes, code };
  });
  const same = { seed, runs, differ, without, hardware: options.hardware ?? false };
  const key = { tool: version, model: modelHash(), ...same, variants: saved, bound: boundOf(bounds) };
  return { ...same, variants, bounds, key };
}

function variantsFor(
  { variant, differ }: FuzzCommandOptions,
  onFile: (path: string, argument: string) => void,
): { variants: readonly LoadedVariant[]; differ: boolean } {
  const builds = ({ variant: { meta } }: LoadedVariant): boolean => meta.builds;
  if (!differ) {
    const variants = loadVariants(variant ?? [], onFile).filter(builds);
    if (variants.length === 0) throw new InputError('input', 'none of the variants builds');
    return { variants, differ: false };
  }
  if (variant) throw new InputError('usage', '--variant and --differ cannot be used together');
  if (differ.length !== 2) {
    throw new InputError('usage', `--differ needs two variants, found ${differ.join(' ')}`);
  }
  const variants = loadVariants(differ, onFile);
  const broken = variants.find((one) => !builds(one));
  if (broken) throw new InputError('input', `${broken.variant.meta.id} does not build`);
  return { variants, differ: true };
}
