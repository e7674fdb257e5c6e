/** What an invariant is: a name, a sentence, where it comes from, and a pure predicate over what happens. */
import type { Happening, Machine } from '../core/index';
import type { Notes } from './notes';
import type { InvariantClass } from './verdict';

export interface Invariant {
  readonly id: string;
  readonly class: InvariantClass;
  /** Present tense, true of a correct kernel. */
  readonly says: string;
  /** Where the claim comes from: documentation, commit or kernel function. */
  readonly source: string;
  /** The happenings at which it is checked. */
  readonly at: readonly Happening['kind'][];
  /**
   * Looks before the notes take the happening in.
   * @returns what was seen, if it does not hold
   */
  check(h: Happening, m: Machine, notes: Notes): string | null;
}

type Of<K extends Happening['kind']> = Extract<Happening, { kind: K }>;

/** An invariant that is checked at one sort of happening. */
export function invariant<K extends Happening['kind']>(
  what: Omit<Invariant, 'at' | 'check'> & { at: K; check(h: Of<K>, m: Machine, notes: Notes): string | null },
): Invariant {
  return { ...what, at: [what.at], check: (h, m, notes) => what.check(h as Of<K>, m, notes) };
}
