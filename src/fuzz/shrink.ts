/** From a fixture that fails to one that stops failing whatever single thing is taken away. */
import type { Fixture } from '../workload/index';
import { type Draft, fixtureOf, type Heading } from './draft';
import { smaller } from './simplify';
import type { Failure, Question } from './trial';

export interface Shrunk {
  readonly fixture: Fixture;
  readonly failure: Failure;
  /** False: it was interrupted, so something may still be taken away. */
  readonly minimal: boolean;
}

/**
 * Takes things away as long as the question is still answered with a failure. At the end every single removal has
 * been tried and none was possible.
 * @param pause is awaited between two tries; false stops
 */
export async function shrink(
  fixture: Fixture,
  failure: Failure,
  heading: Heading,
  question: Question,
  pause: () => Promise<boolean>,
): Promise<Shrunk> {
  let best: Shrunk = { fixture, failure, minimal: false };
  for (;;) {
    const next = await smallerFailing(best.fixture, heading, question, pause);
    if (next === 'interrupted') return best;
    if (next === null) return { ...best, minimal: true };
    best = next;
  }
}

/** The first smaller fixture that still fails; null where there is none. */
async function smallerFailing(
  fixture: Draft,
  heading: Heading,
  question: Question,
  pause: () => Promise<boolean>,
): Promise<Shrunk | null | 'interrupted'> {
  const seen = new Set<string>();
  for (const draft of smaller(fixture)) {
    if (!(await pause())) return 'interrupted';
    const candidate = fixtureOf(draft, heading);
    if (candidate === null) continue;
    const text = JSON.stringify([candidate.memory, candidate.start, [...candidate.tasks], candidate.finally]);
    if (seen.has(text)) continue;
    seen.add(text);
    const failure = question(candidate);
    if (failure) return { fixture: candidate, failure, minimal: false };
  }
  return null;
}
