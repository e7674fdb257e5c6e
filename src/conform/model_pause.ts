/**
 * Where an actor that follows an order of turns pauses in the middle of a step, because it is in user mode there: after
 * each page of a write or a read, and after each message that it reads while it serves. conform/agent has the same.
 */
import {
  type AnyFunction,
  type Kernel,
  type KRun,
  mainline,
  must,
  sleeperObject,
  type VariantKernel,
} from '../core/index';
import type { Workload } from '../workload/index';
import type { Slot } from './model_slot';
import { pausesAt } from './steps';

export class Pauses {
  /** An order of turns is being followed. */
  holding = false;

  constructor(
    private readonly workload: Workload,
    private readonly slots: readonly Slot[],
  ) {}

  /** @param below the layers under this one */
  layer(below: readonly VariantKernel[]): Record<string, AnyFunction> {
    const functions = Object.assign({}, mainline, ...below) as Record<string, AnyFunction>;
    const pausesAfter = (name: string, isDue: (slot: Slot, first: unknown) => boolean): AnyFunction => {
      const pause = (k: Kernel): KRun<void> => this.pause(k);
      const due = (k: Kernel, first: unknown): boolean => this.holding && isDue(this.slotOf(k), first);
      return function* (k: Kernel, ...args: unknown[]): KRun<unknown> {
        const result = yield* functions[name]!(k, ...args) as KRun<unknown>;
        if (due(k, args[0])) yield* pause(k);
        return result;
      };
    };
    const isBetweenPages = (slot: Slot, va: unknown): boolean => this.isBetweenPages(slot, va as number);
    const isServing = (slot: Slot): boolean => slot.step?.verb === 'uffd_serve';
    return {
      user_store: pausesAfter('user_store', isBetweenPages),
      user_load: pausesAfter('user_load', isBetweenPages),
      userfaultfd_read: pausesAfter('userfaultfd_read', isServing),
      userfaultfd_read_nonblock: pausesAfter('userfaultfd_read_nonblock', isServing),
    };
  }

  /** Everybody goes on from where he pauses, and pauses no more. */
  release(): void {
    this.holding = false;
    for (const slot of this.slots) slot.paused = false;
  }

  private slotOf(k: Kernel): Slot {
    return must(
      this.slots.find(({ task }) => task === k.task),
      `slotOf(): no actor for ${k.task.name}`,
    );
  }

  private isBetweenPages({ step }: Slot, va: number): boolean {
    if (!step?.on || !pausesAt(step)) return false;
    const { start } = this.workload.regions.get(step.on.region)!;
    return Math.floor((va - start) / 4096) < step.on.last;
  }

  private *pause(k: Kernel): KRun<void> {
    const slot = this.slotOf(k);
    slot.paused = true;
    yield* k.wait(
      'pause',
      sleeperObject(k.task.id),
      () => !slot.paused,
      'its turn',
      () => {},
    );
  }
}
