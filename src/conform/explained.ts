/** Differences between kernels and the model whose reason is known. docs/conform.md tells more of each. */
import type { Difference } from './agreement';
import type { ObservedRun } from './observation';

export interface Explanation {
  /** Words of the differences that it is about. */
  readonly about: readonly string[];
  readonly why: string;
  readonly holds: (seen: Seen) => boolean;
}

/** The turn in which the two differ, as the real kernel took it. */
interface Seen {
  readonly run: ObservedRun;
  readonly at: number;
}

const of =
  (fixture: string) =>
  ({ run }: Seen): boolean =>
    run.fixture === fixture;

export const explanations: readonly Explanation[] = [
  {
    about: ['reads', 'content'],
    why: 'what the memory of a real device holds is not ours to know',
    holds: of('pfnmap-mprotect-nouffd'),
  },
];

/** The reason, where every difference of an observation has one. */
export function explain(run: ObservedRun, at: number, differences: readonly Difference[]): string | null {
  const reasons = differences.map(
    ({ about }) => explanations.find((one) => one.about.includes(about) && one.holds({ run, at }))?.why,
  );
  return reasons.every((why) => why !== undefined) ? [...new Set(reasons)].join('; ') : null;
}
