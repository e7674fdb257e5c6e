/** The choices along an execution, and at which of them the search looks at the state or keeps a checkpoint. */
import type { Checkpoint } from './checkpoint';
import type { Footprint } from './footprint';
import type { Future } from './seen';

/** One choice along the current execution. */
export interface Choice {
  /** Steps of the execution before it. */
  readonly at: number;
  /** Actors that could step here; of twins that have not begun, only the first. */
  readonly enabled: readonly number[];
  /** Bit i: actor i has taken a step before. */
  readonly begun: number;
  /** Actors that must be tried here. */
  readonly wanted: number[];
  /** Actors that were tried here, with what their step touched. */
  readonly tried: Map<number, Footprint>;
  /** Actors whose step here leads nowhere new, with what it touches. */
  readonly asleep: Map<number, Footprint>;
  /** What was found to happen from here on. */
  future: Future;
  /** Fingerprint of the state, where one was taken. */
  readonly state: number | null;
  /** Here and there along the path; from there the steps in between are taken again. */
  readonly checkpoint: Checkpoint | null;
  /** A step from here was found to lead back to here: what was tried then has not shown all that can follow. */
  isInRound: boolean;
  /** Actors whose step here was the last of all: hardware, which does nothing afterwards, may still act before it. */
  readonly endedBy: number[];
  taken: number;
  /** How many steps that came to: one, and those after it of which nobody else takes notice. */
  length: number;
}

/** Steps after a change of actors at which two orders often meet. */
const CATCHES_UP = 4;
/** Least number of steps between two checkpoints. A checkpoint costs as much as some steps. */
const CHECKPOINT_EVERY = 3;

/**
 * Whether another order may have led to the end of this path, too. Orders meet where an actor has caught up with what
 * it was overtaken by, or where something was written that makes them equal; elsewhere to look is not worth it.
 */
export function mayMeet(path: readonly Choice[]): boolean {
  const last = path.at(-1);
  if (!last) return false;
  if (last.tried.get(last.taken)!.writes !== 0) return true;
  for (let i = path.length - 2; i >= 0 && i >= path.length - CATCHES_UP; i--) {
    if (path[i]!.taken !== last.taken) return true;
  }
  return false;
}

/**
 * The further in, the rarer: a run of many thousand steps would otherwise be kept a thousand times.
 * @param steps of the execution so far
 */
export function isCheckpointDue(path: readonly Choice[], steps: number): boolean {
  const apart = Math.max(CHECKPOINT_EVERY, steps >> 4);
  for (let i = path.length - 1; i >= 0 && steps - path[i]!.at < apart; i--) {
    if (path[i]!.checkpoint !== null) return false;
  }
  return true;
}
