/**
 * Faults as threads are charged for them since 5.9: once for each that has come to an end without an error, on behalf
 * of whoever runs. mm/memory.c:mm_account_fault() has the rule, arch/x86/mm/fault.c what counts as another try.
 */
import {
  type AnyFunction,
  flags,
  type Kernel,
  type KRun,
  mainline,
  must,
  type VariantKernel,
} from '../core/index';
import type { Slot } from './model_slot';

const { FAULT_FLAG_TRIED, FAULT_FLAG_USER, VM_FAULT_ERROR, VM_FAULT_MAJOR, VM_FAULT_RETRY } = flags;

export interface Faults {
  minor: number;
  major: number;
  /** The fault that is being handled was tried before, in the eyes of the kernel. */
  isTried: boolean;
}

export const noFaults = (): Faults => ({ minor: 0, major: 0, isTried: false });

/**
 * @param below the layers under this one
 * @param hasVmaLocks programs' faults are tried with the lock of the VMA first: from 6.6 on those that wait, too
 */
export function faultLayer(
  below: readonly VariantKernel[],
  slots: readonly Slot[],
  hasVmaLocks: boolean,
): Record<string, AnyFunction> {
  const functions = Object.assign({}, mainline, ...below) as typeof mainline;
  return {
    *handle_mm_fault(k: Kernel, ...[vma, address, fault_flags]: FaultArguments): KRun<number> {
      const { faults } = must(
        slots.find(({ task }) => task === k.task),
        `handle_mm_fault(): no actor for ${k.task.name}`,
      );
      if (!(fault_flags & FAULT_FLAG_TRIED)) faults.isTried = false;
      const ret = yield* functions.handle_mm_fault(k, vma, address, fault_flags);
      account(faults, fault_flags, ret, hasVmaLocks);
      return ret;
    },
  } as Record<string, AnyFunction>;
}

type FaultArguments = Parameters<typeof mainline.handle_mm_fault> extends [Kernel, ...infer R] ? R : never;

function account(faults: Faults, fault_flags: number, ret: number, hasVmaLocks: boolean): void {
  const wasTried = (fault_flags & FAULT_FLAG_TRIED) !== 0;
  // Where the lock of the VMA had to be let go, the next try is the first one with mmap_lock, unless it waited for a disk.
  const isFirst = hasVmaLocks && (fault_flags & FAULT_FLAG_USER) !== 0 && !wasTried;
  if (ret & VM_FAULT_RETRY) {
    faults.isTried = wasTried || !isFirst || (ret & VM_FAULT_MAJOR) !== 0;
    return;
  }
  if (ret & VM_FAULT_ERROR) return;
  if (ret & VM_FAULT_MAJOR || (wasTried && faults.isTried)) faults.major++;
  else faults.minor++;
}
