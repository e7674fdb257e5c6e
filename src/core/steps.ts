/**
 * The two ways in which a kernel function lets others run: before an access to shared state, and while it waits.
 * All `yield`s of the project's kernel are here.
 */
import type { Machine } from './machine';
import { done, type Run, type Step } from './run';
import type { Task } from './task';

export abstract class Steps {
  constructor(
    readonly m: Machine,
    /** The task that runs, `current` in the kernel. */
    readonly task: Task,
  ) {}

  /** One access to one object, announced before it happens. */
  step<T>(label: string, object: number, write: boolean, action: () => T): Run<T> {
    return this.m.solo ? done(action()) : this.announced(label, object, write, action);
  }

  private *announced<T>(
    label: string,
    object: number,
    write: boolean,
    action: () => T,
  ): Generator<Step, T, undefined> {
    const step = this.task.pending;
    step.label = label;
    onlyObject(step, object);
    step.writes = write ? 1 : 0;
    step.footprint = null;
    step.acquires = false;
    step.ready = null;
    yield step;
    return action();
  }

  /**
   * One access that touches several objects at once.
   * @param objects asked for again when the step is about to happen, since they may depend on what others did
   * @param writes bit i is set where objects[i] is written; a function where that depends on others, too
   * @param commutes bit i is set where the write to objects[i] may change places with other such writes: whichever comes
   *   first, all is the same after both
   */
  stepOn<T>(
    label: string,
    objects: () => readonly number[],
    writes: number | (() => number),
    action: () => T,
    commutes: (() => number) | null = null,
  ): Run<T> {
    return this.m.solo ? done(action()) : this.announcedOn(label, objects, writes, action, commutes);
  }

  private *announcedOn<T>(
    label: string,
    objects: () => readonly number[],
    writes: number | (() => number),
    action: () => T,
    commutes: (() => number) | null,
  ): Generator<Step, T, undefined> {
    const step = this.task.pending;
    step.label = label;
    // Setting the length of an array is slow even where it has that length.
    if (step.objects.length > 0) step.objects.length = 0;
    step.writes = typeof writes === 'number' ? writes : 0;
    step.writesNow = typeof writes === 'number' ? null : writes;
    step.footprint = objects;
    step.commutes = commutes;
    step.acquires = false;
    step.ready = null;
    yield step;
    return action();
  }

  /**
   * An access that can only happen once `ready()` holds; until then the task waits.
   * @param waitsFor in words, for whoever reports a deadlock
   */
  wait<T>(label: string, object: number, ready: () => boolean, waitsFor: string, action: () => T): Run<T> {
    if (this.m.solo && ready()) return done(action());
    return this.waiting({ label, object, write: true, acquires: false, ready, waitsFor }, action);
  }

  /**
   * wait() for a lock. Readers of the same lock do not disturb each other.
   * @param write whether it is taken for oneself alone
   */
  acquire<T>(
    label: string,
    object: number,
    write: boolean,
    ready: () => boolean,
    name: string,
    action: () => T,
  ): Run<T> {
    if (this.m.solo && ready()) return done(action());
    return this.waiting({ label, object, write, acquires: true, ready, waitsFor: name }, action);
  }

  /**
   * Releases a lock within the step that is running: nobody could have told the moment before from the moment
   * after, because all who want the lock wait for it.
   */
  release(object: number, shared = false): void {
    if (this.m.solo) return;
    const { pending } = this.task;
    if (shared) pending.sharedReleases |= 1 << pending.released.length;
    pending.released.push(object);
  }

  private *waiting<T>(wanted: Wanted, action: () => T): Generator<Step, T, undefined> {
    const step = this.task.pending;
    step.label = wanted.label;
    onlyObject(step, wanted.object);
    step.writes = wanted.write ? 1 : 0;
    step.footprint = null;
    step.acquires = wanted.acquires;
    step.ready = wanted.ready;
    step.waitsFor = wanted.waitsFor;
    yield step;
    step.ready = null;
    return action();
  }
}

function onlyObject(step: Step, object: number): void {
  if (step.objects.length !== 1) step.objects.length = 1;
  step.objects[0] = object;
}

interface Wanted {
  label: string;
  object: number;
  write: boolean;
  acquires: boolean;
  ready: () => boolean;
  waitsFor: string;
}
