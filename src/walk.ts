/**
 * The whole path on one screen:
 *
 *     fixture -> workload -> simulate(machine + variant, schedule) -> trace -> verdict -> comparison -> report
 *
 * Each step is one function from one named type to the next, and no step reaches back.
 */
import {
  type CompareOptions,
  type Comparison,
  compare,
  type LoadedFixture,
  type LoadedVariant,
} from './compare/index';
import { buildKernel } from './core/index';
import { type ExploreOptions, type Trace, tellAll, traceRun } from './explore/index';
import { type Broken, foundIn, judge, prepareJudged, type Verdict } from './judge/index';
import { renderTable, type Screen } from './report/index';
import { compile, type Workload } from './workload/index';

/** Fixtures and variants to the table: what `faultline compare` does. */
export async function walk(
  fixtures: readonly LoadedFixture[],
  variants: readonly LoadedVariant[],
  screen: Screen,
  options: CompareOptions = {},
): Promise<string> {
  const comparison: Comparison = await compare(fixtures, variants, options);
  return renderTable(comparison, screen);
}

/** One exact run. */
export interface Run {
  readonly trace: Trace;
  /** What was broken, as `invariant: what was seen`. */
  readonly found: readonly string[];
  /** Whose turn it was, step by step. */
  readonly schedule: readonly number[];
  /** Of what its steps touched, for the replay token. */
  readonly checksum: number;
  /** The schedule could not be followed to its end: it belongs to another version of the model. */
  readonly diverged: boolean;
}

/**
 * One schedule of one fixture under one variant, told step by step.
 * @param goesOn where the schedule ends the run goes on without preemptions; otherwise it ends there, as a witness does
 */
export function simulate(
  workload: Workload,
  { variant }: LoadedVariant,
  schedule: readonly number[],
  goesOn = false,
): Run {
  const Kernel = buildKernel(variant.layers, tellAll);
  const start = prepareJudged(workload, Kernel);
  const { trace, execution, diverged } = traceRun(start, variant.meta.id, schedule, goesOn);
  const { notes, checksum } = execution;
  return { trace, found: foundIn(notes), schedule: execution.schedule, checksum, diverged };
}

/** One cell with the runs that prove it. */
export interface Explained {
  readonly workload: Workload;
  readonly verdict: Verdict;
  /** Everything that broke, the gravest first. */
  readonly broken: readonly Broken[];
}

export function explain(
  { fixture }: LoadedFixture,
  { variant }: LoadedVariant,
  bounds?: ExploreOptions,
): Explained {
  const workload = compile(fixture);
  const verdict = judge(workload, variant, bounds);
  return { workload, verdict, broken: 'broken' in verdict ? verdict.broken : [] };
}
