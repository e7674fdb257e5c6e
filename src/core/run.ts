/**
 * How kernel functions run: as generators whose every access to shared state is one step, announced before it
 * happens. Kernel functions only `yield*`; the `yield`s are in steps.ts.
 */

/** What an actor is about to do: which objects it reads and writes, and whether it can proceed. One per task, reused. */
export interface Step {
  /** For the trace, never part of a decision. */
  label: string;
  /** Identities from objects.ts. */
  objects: number[];
  /** Bit i set: objects[i] is written. */
  writes: number;
  /** Where the objects depend on what others did meanwhile: names them anew. Null where they are fixed. */
  footprint: (() => readonly number[]) | null;
  /** With `footprint`: what is written may depend on it, too. */
  writesNow: (() => number) | null;
  /** With `footprint`: bit i set where the write to objects[i] may change places with others of its kind. */
  commutes: (() => number) | null;
  /** Takes a lock: cannot happen at the same time as the release of that lock. */
  acquires: boolean;
  /** Locks that the running step released on its way, by object: a release needs no step of its own. */
  released: number[];
  /** Bit i: released[i] was held by a reader, of whom others take no notice unless they want to write. */
  sharedReleases: number;
  /** Null for a step that can always proceed. */
  ready: (() => boolean) | null;
  /** What the actor waits for, in words; set with `ready`. */
  waitsFor: string;
}

/** The running of a kernel function: steps, then a result. */
export interface Run<T> {
  [Symbol.iterator](): Iterator<Step, T, undefined>;
}

/** What done() returns. */
export class Done implements Iterator<Step, unknown, undefined> {
  readonly result: IteratorReturnResult<unknown> = { done: true, value: undefined };
  [Symbol.iterator](): this {
    return this;
  }
  next(): IteratorReturnResult<unknown> {
    return this.result;
  }
}
const shared = new Done();

/**
 * A run that needs no step, because nobody else is running. `yield*` consumes it at once, so one object serves all:
 * this is what makes a straight run over a gigabyte affordable.
 */
export function done<T>(value: T): Run<T> {
  shared.result.value = value;
  return shared as unknown as Run<T>;
}
