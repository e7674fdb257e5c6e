/**
 * States that were explored to the end, and what could still happen from each of them: whoever comes there again by
 * another way need not go on, but has to know with what its own steps could have changed places.
 * (Yang, Chen, Gopalakrishnan, Kirby: "Efficient Stateful Dynamic Partial Order Reduction", SPIN 2008.)
 */
import { kindOf } from '../core/index';
import type { Footprint } from './footprint';

interface Touched {
  write: boolean;
  /** Only to take a lock. */
  acquiresOnly: boolean;
  /** A lock that some only try to take, and that is released. */
  releases: boolean;
}

/** What one actor can still touch, by object. */
export type Touches = Map<number, Touched>;
/** By actor. */
export type Future = Map<number, Touches>;

export interface Seen {
  readonly future: Future;
  /** By visit: actors whose steps from here were left out because they led nowhere new. */
  readonly leftOut: readonly (readonly number[])[];
}

/** @returns whether the future did not know this yet */
export function addStep(future: Future, actor: number, step: Footprint): void {
  let touches = future.get(actor);
  if (!touches) future.set(actor, (touches = new Map()));
  step.objects.forEach((object, i) => {
    const releases = i >= step.releasesFrom;
    // What follows a release was known at the acquisition, except by those who only try.
    if (releases && kindOf(object) !== 'mmap_sem') return;
    const write = ((step.writes >> i) & 1) === 1;
    addTouch(touches, object, { write, acquiresOnly: step.acquires || releases, releases });
  });
}

function addTouch(touches: Touches, object: number, { write, acquiresOnly, releases }: Touched): void {
  const known = touches.get(object);
  if (!known) {
    touches.set(object, { write, acquiresOnly, releases });
    return;
  }
  known.write ||= write;
  known.acquiresOnly &&= acquiresOnly;
  known.releases ||= releases;
}

export function addFuture(into: Future, from: Future): void {
  if (into === from) return;
  for (const [actor, touches] of from) {
    let known = into.get(actor);
    if (!known) into.set(actor, (known = new Map()));
    for (const [object, touched] of touches) addTouch(known, object, touched);
  }
}

/** Each thing that an actor can still do, as a step of its own. */
export function* stepsOf(future: Future): Generator<{ actor: number; step: Footprint }> {
  for (const [actor, touches] of future) {
    for (const [object, { write, acquiresOnly, releases }] of touches) {
      const step = { objects: [object], writes: write ? 1 : 0, acquires: acquiresOnly, releasesFrom: 1 };
      yield { actor, step };
      if (releases) yield { actor, step: { ...step, acquires: false, releasesFrom: 0 } };
    }
  }
}
