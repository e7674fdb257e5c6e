/**
 * A step that others may notice, and those after it that they cannot, taken as one: what that touches as a whole.
 *
 * Where it takes a spinlock and has released it again at its end, nobody ever finds the lock taken by it. Two such
 * sections need an order only where they touch something else in common, so for them the lock is merely read; for those
 * who can be found inside it is written, as always.
 */
import { kindOf, type Task } from '../core/index';
import { type Footprint, Manner, mannerOf, withReleases } from './footprint';
import type { Traffic } from './traffic';

/** The bits of a word, less what one more step may come with. */
const MOST_OBJECTS = 24;

export class Block {
  length = 0;
  private readonly first: Footprint;
  private readonly before: readonly number[];
  /** What its steps touch that others touch, too. */
  private readonly touched = new Map<number, Manner>();
  private readonly released: { readonly lock: number; readonly isShared: boolean }[] = [];

  /**
   * @param first the step that it begins with, as announced
   * @param locks that the actor holds then
   */
  constructor(
    first: Footprint,
    locks: Task['spinlocks'],
    private readonly traffic: Traffic,
  ) {
    this.first = first;
    this.before = locks.map(({ id }) => id);
  }

  /** Whether another step may be added, whatever it touches and releases. */
  get hasRoom(): boolean {
    const { first, touched, released } = this;
    return first.objects.length + touched.size + released.length < MOST_OBJECTS;
  }

  /** Adds a step that was taken, with what it released. */
  add(step: Footprint): void {
    this.length++;
    for (let i = 0; i < step.objects.length; i++) {
      const object = step.objects[i]!;
      if (i < step.releasesFrom) {
        if (this.traffic.isContested(object)) this.touch(object, mannerOf(step, i));
      } else if (this.length === 1 || this.traffic.isContested(object)) {
        this.released.push({ lock: object, isShared: mannerOf(step, i) === Manner.read });
      }
    }
  }

  private touch(object: number, manner: Manner): void {
    const before = this.touched.get(object);
    if (before === undefined) this.touched.set(object, manner);
    else if (before !== manner) this.touched.set(object, Manner.write);
  }

  /** @param locks that the actor holds at its end */
  footprint(locks: Task['spinlocks']): Footprint {
    const isWhole = this.isWholeSection(locks);
    const released = isWhole ? this.released.filter(({ lock }) => !isSpinlock(lock)) : this.released;
    return withReleases(
      isWhole ? this.section() : this.first,
      released.map(({ lock }) => lock),
      released.reduce((bits, { isShared }, i) => bits | (Number(isShared) << i), 0),
    );
  }

  /** All that a section touches. Whatever lock was taken on the way is free again, so it is merely read. */
  private section(): Footprint {
    const objects: number[] = [];
    let writes = 0;
    let commutes = 0;
    for (const [object, manner] of this.touched) {
      if (manner !== Manner.read && !isSpinlock(object)) writes |= 1 << objects.length;
      if (manner === Manner.commutingWrite) commutes |= 1 << objects.length;
      objects.push(object);
    }
    return { objects, writes, commutes, acquires: true, releasesFrom: objects.length };
  }

  private isWholeSection(locks: Task['spinlocks']): boolean {
    const { first, before } = this;
    return (
      first.acquires &&
      isSpinlock(first.objects[0]!) &&
      locks.length === before.length &&
      locks.every(({ id }, i) => id === before[i])
    );
  }
}

const isSpinlock = (object: number): boolean => kindOf(object) === 'spinlock';
