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

const verbOf = (run: ObservedRun, step: number): string => run.steps[step]?.text.replace(/ .*/, '') ?? '';

/** Actors that wait for messages when the turn begins. */
function readersBefore({ run, at }: Seen): string[] {
  const readers = new Set<string>();
  for (const { actor, step, how, ends } of run.observations.slice(0, at)) {
    for (const end of ends) readers.delete(end.actor);
    if (how === 'waits' && /^uffd_(serve|wait)$/.test(verbOf(run, step))) readers.add(actor);
  }
  return [...readers];
}

const endedInIt = ({ run, at }: Seen): number =>
  new Set((run.observations[at]?.ends ?? []).map(({ actor }) => actor)).size;

export const explanations: readonly Explanation[] = [
  {
    about: ['content', 'reads'],
    why: 'which of the threads that are woken at once stores last is up to the scheduler',
    holds: (seen) => of('concurrent-4-writers')(seen) || endedInIt(seen) > 1,
  },
  {
    about: ['messages', 'turn', 'ends', 'result', 'uffd-wp', 'present', 'content', 'reads'],
    why: 'which of the threads that read one userfaultfd gets a message, and answers it, is up to the scheduler',
    holds: (seen) => readersBefore(seen).length > 1,
  },
  {
    about: ['vmas', 'uffd-wp', 'present', 'ends', 'turn', 'result', 'messages'],
    why: 'a userfaultfd that somebody reads is released when its reader lets go of it; in the model when it is closed',
    holds: (seen) => {
      const { run, at } = seen;
      const closes = run.observations.slice(0, at + 1).some(({ step }) => verbOf(run, step) === 'uffd_close');
      return closes && readersBefore(seen).length > 0;
    },
  },
  {
    about: ['soft-dirty'],
    why: 'a page that was dirty is made dirty again when it has moved, which on x86 sets soft-dirty (6.1 and later)',
    holds: ({ run, at }) => verbOf(run, run.observations[at]?.step ?? -1) === 'migrate',
  },
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
