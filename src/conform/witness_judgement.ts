/** What a real kernel did in the order of a witness, held against the model of both kernels in that very order. */
import type { ResolvedVariant } from '../core/index';
import { compile, type Fixture } from '../workload/index';
import { compareRuns, type Difference, differencesOf, skipsOf } from './agreement';
import { shortSides } from './brevity';
import { courseStart } from './course';
import { explain } from './explained';
import { runModel } from './model_run';
import type { How, KernelFeatures, Observation, ObservedRun } from './observation';
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
  /** What tells the witness's variant from the kernel's own in this order, in words of Difference.about. */
  readonly apart: readonly string[];
  /** Why it could not be run, what differs, or why a difference is none of the model. */
  readonly reason: string | null;
  /** What the kernel did, turn by turn. */
  readonly order: readonly TurnTaken[];
}

export interface TurnTaken {
  readonly actor: string;
  /** The step that it begins; null where it goes on with the one before. */
  readonly begins: string | null;
  readonly how: How;
  /** Those who could go on, mostly because the kernel has woken them, and are held. */
  readonly held: readonly string[];
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
  const theirs = model(variant);
  const about = {
    ownBreaks: followTurns(courseStart(compile(fixture), own), turns).found.has(invariant),
    apart: apartBy(theirs, ownRun),
    order: turnsTaken(real, ownRun),
  };
  const unable = unableOf(real, skips);
  if (unable !== null) return { ...about, outcome: 'cannot-run', agrees: null, reason: unable };
  const ran = whoRan(real);
  if (ran !== null) return { ...about, outcome: 'not-held', agrees: null, reason: ran };
  const { first } = compareRuns(real, ownRun);
  const known = first ? explain(real, first.at, first.differences) : null;
  if (first && known === null) {
    const outcome = isAsWitness(real, theirs, first.at) ? 'shown' : 'differs';
    return { ...about, outcome, agrees: false, reason: differenceText(first.differences) };
  }
  // What a run does to counts and locks is seen by nobody before the kernel itself complains.
  const isVisible = kind !== 'kernel-integrity' || real.end.kind === 'kernel';
  const isTold = about.ownBreaks ? isVisible : about.apart.length > 0;
  const outcome = !isTold ? 'unseen' : about.ownBreaks ? 'shown' : 'not-shown';
  return { ...about, outcome, agrees: true, reason: known };
}

/** In what two runs of one order differ, turn by turn and at the end. */
function apartBy(one: ObservedRun, other: ObservedRun): string[] {
  const common = Math.min(one.observations.length, other.observations.length);
  const words = new Set<string>();
  for (let at = 0; at < common; at++) {
    for (const { about } of differencesOf(one.observations[at]!, other.observations[at]!)) words.add(about);
  }
  for (const { about } of compareRuns(one, other).first?.differences ?? []) words.add(about);
  return [...words];
}

/** Whether a run that has left the model of its kernel did there what the witness's variant does. */
function isAsWitness(real: ObservedRun, theirs: ObservedRun, at: number): boolean {
  const [a, b] = [real.observations[at], theirs.observations[at]];
  if (!a || !b) return compareRuns(real, theirs).first === null;
  return differencesOf(a, b).length === 0;
}

const differenceText = (differences: readonly Difference[]): string =>
  differences
    .map((one) => {
      const { kernel, model } = shortSides(one);
      return `${one.about}: kernel ${kernel}, model ${model}`;
    })
    .join('; ');

function unableOf(real: ObservedRun, skips: ReadonlyMap<number, string>): string | null {
  const [reason] = skips.values();
  if (reason !== undefined) return reason;
  if (real.end.kind === 'skipped') return real.end.reason;
  // Only what other programs do to a thread of the kernel keeps a step of the start from its end.
  const isStart = ({ step }: Observation): boolean => real.steps[step]?.part === 'start';
  const stuck = real.observations.find((one) => isStart(one) && one.how !== 'ended');
  if (stuck) return `"${stuck.actor}: ${real.steps[stuck.step]!.text}" did not come to its end`;
  return real.end.kind === 'stopped' && !real.end.reason.includes('neither ends') ? real.end.reason : null;
}

function whoRan({ observations, steps }: ObservedRun): string | null {
  const found = observations.find(({ ran = [] }) => ran.length > 0);
  return found
    ? `${found.ran!.join(', ')} ran beside "${found.actor}: ${steps[found.step]?.text}", although held`
    : null;
}

/** The turns that a kernel took; the model knows who was held, though the kernel had woken him. */
export function turnsTaken(real: ObservedRun, model: ObservedRun): TurnTaken[] {
  const turns: TurnTaken[] = [];
  const begun = new Set<string>();
  for (const [at, { actor, step, how }] of real.observations.entries()) {
    if (how === 'released') break;
    const { part, text } = real.steps[step]!;
    if (part !== 'tasks') continue;
    const key = `${actor} ${step}`;
    turns.push({
      actor,
      begins: begun.has(key) ? null : text,
      how,
      held: model.observations[at]?.held ?? [],
    });
    if (how === 'ended') begun.delete(key);
    else begun.add(key);
  }
  return turns;
}
