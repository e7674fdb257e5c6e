/** Who has woken somebody by a call on a userfaultfd may lose the CPU to them when that call returns. */
import {
  type AnyFunction,
  type Kernel,
  type KRun,
  mainline,
  sleeperObject,
  type VariantKernel,
} from '../core/index';
import { canGoOn, isPending, type Slot } from './model_slot';

const calls = ['userfaultfd_writeprotect', 'userfaultfd_copy', 'userfaultfd_zeropage', 'userfaultfd_wake'];

/** @param below the layers under this one */
export function preemptLayer(
  below: readonly VariantKernel[],
  slots: readonly Slot[],
): Record<string, AnyFunction> {
  const functions = Object.assign({}, mainline, ...below) as Record<string, AnyFunction>;
  const preempted = (name: string): AnyFunction =>
    function* (k: Kernel, ...args: unknown[]): KRun<unknown> {
      const sleepers = slots.filter((slot) => isPending(slot) && !canGoOn(slot));
      const result = yield* functions[name]!(k, ...args) as KRun<unknown>;
      if (sleepers.some(canGoOn)) yield* offerCpu(k);
      return result;
    };
  return Object.fromEntries(calls.map((name) => [name, preempted(name)]));
}

/** Not ready when it is first asked for, so that the scheduler is asked who goes on. */
function* offerCpu(k: Kernel): KRun<void> {
  let isOffered = false;
  const ready = (): boolean => {
    const was = isOffered;
    isOffered = true;
    return was;
  };
  yield* k.wait('return to user mode', sleeperObject(k.task.id), ready, 'the CPU', () => undefined);
}
