/** A system call that runs programs over locks and numbers, compiled as the kernel is so that searches know its states. */
import { type Kernel, type KRun, pageFlagsObject, pfn } from '../../src/core/index';
import type { Override } from '../judge/broken_kernel';

export type Op =
  | { readonly under: number; readonly ops: readonly Op[] }
  | { readonly reads: number }
  | { readonly writes: number }
  | { readonly drops: number }
  | { readonly alone: readonly Op[] }
  | { readonly attempts: readonly Op[] };

export const under = (lock: number, ...ops: readonly Op[]): Op => ({ under: lock, ops });
export const reads = (number: number): Op => ({ reads: number });
export const writes = (number: number): Op => ({ writes: number });
/** Drops one of REFERENCES references, which may change places with others that do, unless it is the last. */
export const drops = (number: number): Op => ({ drops: number });
const REFERENCES = 2;
/** With mmap_sem for writing. */
export const alone = (...ops: readonly Op[]): Op => ({ alone: ops });
/** With mmap_sem for reading, or not at all where somebody writes. */
export const attempts = (...ops: readonly Op[]): Op => ({ attempts: ops });
/** Counts of references stand behind the numbers. */
const COUNTS = 10;

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
    if ('alone' in op) {
      const { mmap_sem } = k.task.mm;
      yield* k.down_write(mmap_sem);
      yield* perform(k, op.alone);
      yield* k.up_write(mmap_sem);
      continue;
    }
    if ('attempts' in op) {
      const { mmap_sem } = k.task.mm;
      const isTaken: boolean = yield* k.down_read_trylock(mmap_sem);
      k.task.stores = (k.task.stores * 31 + Number(isTaken)) % 99991;
      if (!isTaken) continue;
      yield* perform(k, op.attempts);
      yield* k.up_read(mmap_sem);
      continue;
    }
    if ('drops' in op) {
      const at = COUNTS + op.drops;
      const left = (): number => numbers[at] ?? REFERENCES;
      yield* k.stepOn(
        'drop',
        () => [pageFlagsObject(pfn(1000 + at))],
        1,
        () => {
          numbers[at] = left() - 1;
          if (left() === 0) k.task.stores = (k.task.stores * 31 + 7) % 99991;
        },
        () => Number(left() > 1),
      );
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

const NAMES = ['a', 'b', 'c', 'd'];

/** mprotect() as a kernel that runs the program of whoever asks. */
export function kernelRunning(programs: readonly (readonly Op[])[]): Override {
  function* do_mprotect_pkey(k: Kernel): KRun<number> {
    yield* perform(k, programs[NAMES.indexOf(k.task.name)]!);
    return 0;
  }
  return { do_mprotect_pkey };
}

/** Actors of which each asks for one call, which runs its program. */
export function bodyOf(programs: readonly unknown[]): string {
  const names = NAMES.slice(0, programs.length);
  const touched = names.map((name) => `  - ${name}: write guest\n`).join('');
  const tasks = names.map((name) => `  ${name}: [mprotect guest r]\n`).join('');
  return `memory:\n  guest: { size: 4KiB }\nstart:\n${touched}tasks:\n${tasks}`;
}
