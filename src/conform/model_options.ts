/** What a run of the model is told besides the fixture. */
import type { Choices } from './choices';
import type { KernelFeatures, Message, Observation } from './observation';

export interface ModelOptions {
  /** Of the kernel that the run is held against. */
  readonly features: KernelFeatures;
  /** Steps that this kernel cannot do, with the reason: not performed here either. */
  readonly skips?: ReadonlyMap<number, string>;
  /** As in JobOptions. */
  readonly turns?: readonly string[];
  /** Who goes on where several can; the first of them unless told. */
  readonly choices?: Choices;
  /** Whoever wakes somebody by a call on a userfaultfd may have to let them go first. */
  readonly preempts?: boolean;
  /** Who looks on, and may end the run by saying no. */
  readonly witness?: {
    saw(at: number, observation: Observation): boolean;
    expects(at: number, heard: readonly Message[]): readonly number[];
    mayHear(at: number, message: Message, nth: number): boolean;
  };
}
