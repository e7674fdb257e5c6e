/** What the model found about one variant on one fixture. */
import type { Cost } from '../core/index';
import type { Explored } from '../explore/index';

export const invariantClasses = [
  'sigbus-loop',
  'unsafe-write',
  'lost-event',
  'lost-tracking',
  'kernel-integrity',
  'spurious',
] as const;
export type InvariantClass = (typeof invariantClasses)[number];

/** An invariant that did not hold, with the shortest run that shows it. */
export interface Broken {
  readonly invariant: string;
  readonly class: InvariantClass;
  /** What was seen, in words. */
  readonly saw: string;
  /** The witness, up to the break: positions of the fixture's task actors, in the order of their steps. */
  readonly schedule: readonly number[];
  readonly preemptions: number;
  /** Execution.checksum of the witness. */
  readonly checksum: number;
  /** A search was stopped by its bound, so there may be a shorter run that shows it. */
  readonly mayBeShorter?: true;
  /** Found with hardware that acts on its own, and to be replayed so. */
  readonly hardware?: true;
}

export type Verdict =
  /** At least one broken invariant of a class that breaks proposals. */
  | { kind: 'breaks'; broken: readonly Broken[]; explored: Explored; cost: Cost }
  /** The window was entered and nothing broke; `broken` may hold spurious findings. */
  | {
      kind: 'survives';
      broken: readonly Broken[];
      explored: Explored;
      cost: Cost;
      witness: readonly number[];
      checksum: number;
      hardware?: true;
    }
  /** No run entered the window: a function that the fixture's `shows` names was never reached. */
  | { kind: 'closed'; broken: readonly Broken[]; explored: Explored; cost: Cost; missing: readonly string[] }
  /** The budget ran out: proves nothing. */
  | { kind: 'cut-short'; broken: readonly Broken[]; explored: Explored; cost: Cost }
  | { kind: 'does-not-build'; defects: readonly string[] }
  /** The kernel cannot run this fixture, e.g. it lacks the system call. */
  | { kind: 'not-applicable'; reason: string };
export type VerdictKind = Verdict['kind'];
