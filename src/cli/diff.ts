/** `faultline diff`: two variants beside each other. */
import { availableParallelism } from 'node:os';
import { compare } from '../compare/compare';
import {
  costOf,
  type Difference,
  differ,
  functionsThatDiffer,
  schedulesOf,
  type VerdictPair,
  verdictsOf,
} from '../compare/difference';
import { type Divergence, divergenceOf } from '../compare/divergence';
import { InputError } from '../compare/input';
import { type LoadedFixture, type LoadedVariant, loadFixtures, loadVariants } from '../compare/load';
import { defaultBounds } from '../explore/explore';
import { renderDifference } from '../report/difference';
import { variants as builtIn } from '../variants/index';
import { compile } from '../workload/index';
import type { CommonOptions } from './arguments';
import { exit } from './failure';
import { checkOutput, writeOutput } from './output';
import { progressOn, screenOf, type Terminal } from './terminal';

export interface DiffOptions extends CommonOptions {
  readonly fixture?: readonly string[];
  readonly jobs?: number;
  readonly bound?: number;
  readonly quiet?: boolean;
}

export async function runDiff(
  one: string,
  other: string,
  options: DiffOptions,
  terminal: Terminal,
): Promise<number> {
  if (options.output !== undefined) checkOutput(options.output);
  const [a, b] = loadVariants([one, other]) as [LoadedVariant, LoadedVariant];
  const fixtures = loadFixtures(options.fixture ?? []);
  if (fixtures.length === 0) throw new InputError('input', 'there are no fixtures to run');
  const progress = progressOn(terminal, options.quiet ?? false);
  const interrupt = new AbortController();
  const stopListening = terminal.onInterrupt(() => interrupt.abort());
  const comparison = await compare(fixtures, [a, b], {
    workers: options.jobs ?? availableParallelism(),
    bounds: { ...defaultBounds, ...(options.bound ? { maxExecutions: options.bound } : {}) },
    signal: interrupt.signal,
    onCell: ({ fixture, variant }, done, of) => progress.show(`${done}/${of} ${fixture} ${variant}`),
  }).finally(() => {
    progress.clear();
    stopListening();
  });
  const [idA, idB] = [a.variant.meta.id, b.variant.meta.id];
  const pairs = verdictsOf(comparison, idA, idB);
  const verdicts = pairs.filter(differ);
  // Whoever names fixtures wants to see the runs of each; else one is enough to begin with.
  const shown = options.fixture ? pairs : verdicts.slice(0, 1);
  const difference: Difference = {
    a: idA,
    b: idB,
    functions: functionsThatDiffer(a, b, builtIn),
    compared: pairs.length,
    verdicts,
    cost: costOf(a, b, comparison),
    divergences: shown.flatMap((pair) => divergence(pair, fixtures, a, b) ?? []),
  };
  const text = renderDifference(difference, screenOf(terminal, options));
  if (options.output === undefined) terminal.stdout.write(text);
  else writeOutput(options.output, text);
  return interrupt.signal.aborted ? exit.interrupted : exit.done;
}

/** On the first schedule that tells them apart. What does not build or cannot run has no run. */
function divergence(
  pair: VerdictPair,
  fixtures: readonly LoadedFixture[],
  a: LoadedVariant,
  b: LoadedVariant,
): Divergence | null {
  if (!('explored' in pair.a) || !('explored' in pair.b)) return null;
  const { fixture } = fixtures.find((one) => one.fixture.name === pair.fixture)!;
  const workload = compile(fixture);
  let last: Divergence | null = null;
  for (const schedule of schedulesOf(pair)) {
    last = divergenceOf(workload, a, b, schedule);
    if (last.at !== null) return last;
  }
  return last;
}
