/** A system call that runs programs over spinlocks and numbers, compiled as the kernel is so that searches know its states. */
import { type Kernel, type KRun, pageFlagsObject, pfn } from '../../src/core/index';
import type { Override } from '../judge/broken_kernel';

export type Op =
  | { readonly under: number; readonly ops: readonly Op[] }
  | { readonly reads: number }
  | { readonly writes: number };

export const under = (lock: number, ...ops: readonly Op[]): Op => ({ under: lock, ops });
export const reads = (number: number): Op => ({ reads: number });
export const writes = (number: number): Op => ({ writes: number });

/** Every number that an actor meets goes into what the end tells of the actor. */
function* perform(k: Kernel, ops: readonly Op[]): KRun<void> {
  const numbers = k.m.semaphores;
  for (const op of ops) {
    if ('under' in op) {
      const { lock } = k.m.tables[op.under]!;
      yield* k.spin_lock(lock);
      yield* perform(k, op.ops);
      yield* k.spin_unlock(lock);
      continue;
    }
    const isWrite = 'writes' in op;
    const at = isWrite ? op.writes : op.reads;
    yield* k.step('touch', pageFlagsObject(pfn(1000 + at)), isWrite, () => {
      k.task.stores = (k.task.stores * 31 + (numbers[at] ?? 0)) % 99991;
      if (isWrite) numbers[at] = ((numbers[at] ?? 0) * 7 + k.task.id + 1) % 9973;
    });
  }
}

export const NAMES = ['a', 'b', 'c'];

/** mprotect() as a kernel that runs the program of whoever asks. */
export function kernelRunning(programs: readonly (readonly Op[])[]): Override {
  function* do_mprotect_pkey(k: Kernel): KRun<number> {
    yield* perform(k, programs[NAMES.indexOf(k.task.name)]!);
    return 0;
  }
  return { do_mprotect_pkey };
}
