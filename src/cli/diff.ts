/** `faultline diff`: two variants beside each other. */
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
import type { LoadedFixture, LoadedVariant } from '../compare/load';
import { renderDifference } from '../report/difference';
import { renderDifferenceJson } from '../report/difference_json';
import { variants as builtIn } from '../variants/index';
import { compile } from '../workload/index';
import { type CellOptions, judgeCells, loadCells } from './cells';
import { detailsOn } from './details';
import { exit } from './failure';
import { checkOutput, writeOutput } from './output';
import { screenOf, type Terminal } from './terminal';

export interface DiffOptions extends Omit<CellOptions, 'variant' | 'shard'> {
  readonly format: 'text' | 'json';
}

export async function runDiff(
  one: string,
  other: string,
  options: DiffOptions,
  terminal: Terminal,
): Promise<number> {
  if (options.output !== undefined) checkOutput(options.output);
  const sources = loadCells({ ...options, variant: [one, other] }, terminal);
  const { fixtures } = sources;
  const [a, b] = sources.variants as [LoadedVariant, LoadedVariant];
  const { comparison, isInterrupted } = await judgeCells(sources, options, terminal);
  const details = detailsOn(terminal, options);
  const begin = details.now();
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
  const text =
    options.format === 'json'
      ? renderDifferenceJson(difference)
      : renderDifference(difference, screenOf(terminal, options));
  details.stage('compared the runs', begin);
  if (options.output === undefined) terminal.stdout.write(text);
  else writeOutput(options.output, text);
  return isInterrupted ? exit.interrupted : exit.done;
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
