/**
 * States that were explored to the end, and what could still happen from each of them: whoever comes there again by
 * another way need not go on, but has to know with what its own steps could have changed places.
 * (Yang, Chen, Gopalakrishnan, Kirby: "Efficient Stateful Dynamic Partial Order Reduction", SPIN 2008.)
 */
import { kindOf } from '../core/index';
import { type Footprint, Manner, mannerOf } from './footprint';

/** Bits of what an actor can still do to an object. */
const Touch = {
  write: 1,
  /** Otherwise than to take a lock. */
  access: 2,
  /** A lock that some only try to take, and that is released. */
  release: 4,
  /** A write that may change places with others of its kind; of locks there are none. */
  commute: 8,
} as const;

/** More than a search can have actors: `begun` of a choice is a word of bits. */
const ACTORS = 32;

/** What actors can still touch and how, by object and actor in one number. */
export type Future = Map<number, number>;
/** The same in little room, because a search keeps one for every state: touch, actor and object in one number. */
export type PackedFuture = Float64Array;
const TOUCHES = 16;

export interface Seen {
  readonly future: PackedFuture;
  /** By visit: actors whose steps from here were left out because they led nowhere new. */
  readonly leftOut: readonly (readonly number[])[];
}

export function addStep(future: Future, actor: number, step: Footprint): void {
  step.objects.forEach((object, i) => {
    const releases = i >= step.releasesFrom;
    // What follows a release was known at the acquisition, except by those who only try.
    if (releases && kindOf(object) !== 'mmap_sem') return;
    addTouch(future, object * ACTORS + actor, touchOf(step, i, releases));
  });
}

function touchOf(step: Footprint, i: number, releases: boolean): number {
  const manner = mannerOf(step, i);
  if (manner === Manner.commutingWrite) return Touch.commute;
  const write = manner === Manner.write ? Touch.write : 0;
  if (releases) return write | Touch.release;
  return step.acquires ? write : write | Touch.access;
}

function addTouch(future: Future, key: number, touch: number): void {
  future.set(key, (future.get(key) ?? 0) | touch);
}

export function addFuture(into: Future, from: Future): void {
  if (into === from) return;
  for (const [key, touch] of from) addTouch(into, key, touch);
}

export function pack(future: Future): PackedFuture {
  const packed = new Float64Array(future.size);
  let i = 0;
  for (const [key, touch] of future) packed[i++] = key * TOUCHES + touch;
  return packed;
}
export function addPacked(into: Future, from: PackedFuture): void {
  for (const one of from) addTouch(into, Math.floor(one / TOUCHES), one % TOUCHES);
}

/** Is shown each thing that an actor can still do, as a step of its own. */
export function forEachStep(future: PackedFuture, show: (actor: number, step: Footprint) => void): void {
  for (let i = 0; i < future.length; i++) {
    const touch = future[i]! % TOUCHES;
    const key = Math.floor(future[i]! / TOUCHES);
    const actor = key % ACTORS;
    const objects = [Math.floor(key / ACTORS)];
    const writes = touch & Touch.write;
    if (touch & Touch.commute)
      show(actor, { objects, writes: 1, commutes: 1, acquires: false, releasesFrom: 1 });
    if (touch === Touch.commute) continue;
    show(actor, { objects, writes, commutes: 0, acquires: !(touch & Touch.access), releasesFrom: 1 });
    if (touch & Touch.release)
      show(actor, { objects, writes, commutes: 0, acquires: false, releasesFrom: 0 });
  }
}

/** What more than one actor touches, and one of them writes. */
export function sharedIn(future: Future): Set<number> {
  const actors = new Map<number, number>();
  const writers = new Map<number, number>();
  for (const [key, touch] of future) {
    const object = Math.floor(key / ACTORS);
    const actor = 1 << (key % ACTORS);
    actors.set(object, (actors.get(object) ?? 0) | actor);
    if (touch & (Touch.write | Touch.commute)) writers.set(object, (writers.get(object) ?? 0) | actor);
  }
  const isOne = (bits: number): boolean => (bits & (bits - 1)) === 0;
  return new Set([...writers.keys()].filter((object) => !isOne(actors.get(object)!)));
}
