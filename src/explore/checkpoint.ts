/** What an execution keeps to come back to a moment, or to know one again. */
import type { Memento, SavedFrames } from '../core/index';

/** Where the actors stand. */
interface Standing {
  /** By actor. */
  readonly programs: readonly SavedFrames[];
  /** By actor: whether it has no next step. */
  readonly ends: readonly boolean[];
}

/** A moment of an execution that it can come back to. */
export interface Checkpoint extends Standing {
  readonly state: Memento;
  readonly schedule: readonly number[];
  readonly preemptions: number;
  readonly checksum: number;
  readonly spinning: readonly number[];
  readonly rounds: readonly Round[];
}

/** What a look at an execution finds. */
export interface Looked extends Standing {
  readonly hash: number;
}

/** A moment at which an actor was about to try an access again. */
export interface Round {
  readonly state: number;
  /** Steps before it. */
  readonly steps: number;
}
