/** What a real kernel did in the order of a witness, held against the model of both kernels in that very order. */
import type { ResolvedVariant } from '../core/index';
import { compile, type Fixture } from '../workload/index';
import { compareRuns, type Difference, differencesOf, skipsOf } from './agreement';
import { courseStart } from './course';
import { explain } from './explained';
import { runModel } from './model_run';
import type { KernelFeatures, ObservedRun } from './observation';
import { followTurns } from './turn_order';
import { fullSize, type Witness } from './witness_plan';

export type Outcome =
  /** The kernel showed the failure. */
  | 'shown'
  /** It did not, as the variant that models it says. */
  | 'not-shown'
  /** The failure and its absence look alike to user space in this order. */
  | 'unseen'
  /** It did neither what the witness's variant does nor what its own does. */
  | 'differs'
  /** Somebody ran who was to be held, each time. */
  | 'not-held'
  | 'cannot-run';

export interface Judgement {
  readonly outcome: Outcome;
  /** In the model, the kernel's own variant breaks the same invariant in this order. */
  readonly ownBreaks: boolean;
  /** The kernel did, turn by turn, what its own variant does; null where it was not compared. */
  readonly agrees: boolean | null;
  /** Why it could not be run, what differs, or why a difference is none of the model. */
  readonly reason: string | null;
  /** What the kernel did, turn by turn. */
  readonly order: readonly string[];
}

export interface Sides {
  readonly fixture: Fixture;
  readonly turns: readonly string[];
  readonly variant: ResolvedVariant;
  /** The variant that models the kernel. */
  readonly own: ResolvedVariant;
  readonly features: KernelFeatures;
}

export function judgeWitness(
  { invariant, class: kind }: Witness,
  real: ObservedRun,
  sides: Sides,
): Judgement {
  const { fixture, turns, variant, own, features } = sides;
  const skips = skipsOf(real);
  const model = (of: ResolvedVariant): ObservedRun =>
    runModel(fullSize(fixture), of, { features, skips, turns });
  const ownRun = model(own);
  const order = orderLines(real, ownRun);
  const ownBreaks = followTurns(courseStart(compile(fixture), own), turns).found.has(invariant);
  const answer = (outcome: Outcome, agrees: boolean | null, reason: string | null): Judgement => ({
    outcome,
    ownBreaks,
    agrees,
    reason,
    order,
  });
  const unable = unableOf(real, skips);
  if (unable !== null) return answer('cannot-run', null, unable);
  const ran = whoRan(real);
  if (ran !== null) return answer('not-held', null, ran);
  const { first } = compareRuns(real, ownRun);
  const known = first ? explain(real, first.at, first.differences) : null;
  const theirs = model(variant);
  if (!first || known !== null) {
    const isVisible = kind !== 'kernel-integrity' || real.end.kind === 'kernel';
    if (ownBreaks) return answer(isVisible ? 'shown' : 'unseen', true, known);
    return answer(compareRuns(theirs, ownRun).first ? 'not-shown' : 'unseen', true, known);
  }
  const differs = differenceText(first.differences);
  return answer(isAsWitness(real, theirs, first.at) ? 'shown' : 'differs', false, differs);
}

/** Whether a run that has left the model of its kernel did there what the witness's variant does. */
function isAsWitness(real: ObservedRun, theirs: ObservedRun, at: number): boolean {
  const [a, b] = [real.observations[at], theirs.observations[at]];
  if (!a || !b) return compareRuns(real, theirs).first === null;
  return differencesOf(a, b).length === 0;
}

const differenceText = (differences: readonly Difference[]): string =>
  differences.map(({ about, real, model }) => `${about}: kernel ${real}, model ${model}`).join('; ');

function unableOf(real: ObservedRun, skips: ReadonlyMap<number, string>): string | null {
  const [reason] = skips.values();
  if (reason !== undefined) return reason;
  if (real.end.kind === 'skipped') return real.end.reason;
  return real.end.kind === 'stopped' && !real.end.reason.includes('neither ends') ? real.end.reason : null;
}

function whoRan({ observations, steps }: ObservedRun): string | null {
  const found = observations.find(({ ran = [] }) => ran.length > 0);
  return found
    ? `${found.ran!.join(', ')} ran beside "${found.actor}: ${steps[found.step]?.text}", although held`
    : null;
}

const ends: Readonly<Record<string, string>> = {
  waits: ', which sleeps',
  paused: ', which pauses',
  blocked: ', which still sleeps',
  spins: ', which spins',
};

/** The turns in words, and who was held although the kernel had woken him. */
export function orderLines(real: ObservedRun, model: ObservedRun): string[] {
  const lines: string[] = [];
  const begun = new Set<number>();
  const isTask = new Set(real.steps.filter(({ part }) => part === 'tasks').map(({ id }) => id));
  for (const [at, { actor, step, how }] of real.observations.entries()) {
    if (how === 'released') break;
    if (!isTask.has(step)) continue;
    const what = begun.has(step) ? `${actor} goes on` : `${actor}: ${real.steps[step]?.text}`;
    const held = model.observations[at]?.held ?? [];
    const beside = held.length > 0 ? ` (woken and held: ${held.join(', ')})` : '';
    lines.push(`${what}${ends[how] ?? ''}${beside}`);
    begun.add(step);
  }
  return lines;
}
