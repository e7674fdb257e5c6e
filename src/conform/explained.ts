/** Differences between kernels and the model whose reason is known. docs/conform.md tells more of each. */
import type { Difference } from './agreement';

export interface Explanation {
  /** The fixture; null for any. */
  readonly fixture: string | null;
  readonly about: readonly string[];
  readonly why: string;
}

export const explanations: readonly Explanation[] = [
  {
    fixture: 'concurrent-4-writers',
    about: ['content'],
    why: 'which of the threads that are woken at once stores last is up to the scheduler',
  },
  {
    fixture: 'pfnmap-mprotect-nouffd',
    about: ['reads', 'content'],
    why: 'what the memory of a real device holds is not ours to know',
  },
];

/** The reason, where every difference of an observation has one. */
export function explain(fixture: string, differences: readonly Difference[]): string | null {
  const reasons = differences.map(
    ({ about }) =>
      explanations.find(
        (one) => (one.fixture === null || one.fixture === fixture) && one.about.includes(about),
      )?.why,
  );
  return reasons.every((why) => why !== undefined) ? [...new Set(reasons)].join('; ') : null;
}
