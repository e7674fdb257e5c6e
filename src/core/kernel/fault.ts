/**
 * arch/x86/mm/fault.c: what happens from the page fault of a CPU until the instruction runs again or the thread
 * gets a signal; and how programs and the kernel itself reach user memory.
 */
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_KILLABLE,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_USER,
  FAULT_FLAG_WRITE,
  VM_EXEC,
  VM_FAULT_ERROR,
  VM_FAULT_HWPOISON,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_FAULT_SIGSEGV,
  VM_READ,
  VM_WRITE,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Vma } from '../mm';
import { load, store, type Translation } from '../mmu';
import type { Signal } from '../task';
import { stateHash } from '../teller';
import { type Content, hex, type Vaddr, vpnOf } from '../units';

/** What the CPU says of a fault: `present` is "a protection, not a missing entry", kept of reads, of which it is asked. */
export interface PageFaultError {
  readonly write: boolean;
  readonly present: boolean;
  readonly user: boolean;
}

const EFAULT_RESULT = -14 as const;

/**
 * arch/x86/mm/fault.c:__do_page_fault(). Simplified: no fatal signals, stacks that grow or protection keys.
 * Enters with no lock held; returns with none held.
 *
 * @returns null where the access is to be tried again
 */
export function* __do_page_fault(
  k: Kernel,
  address: Vaddr,
  error: PageFaultError,
): KRun<Signal | 'EFAULT' | null> {
  const { mm } = k.task;
  let flags = FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_KILLABLE;
  if (error.user) flags |= FAULT_FLAG_USER;
  if (error.write) flags |= FAULT_FLAG_WRITE;
  k.m.cost.faults++;
  k.m.watch?.({ kind: 'fault', task: k.task, va: address, flags });
  for (;;) {
    yield* k.down_read(mm.mmap_sem);
    const vma = k.find_vma(mm, address);
    if (vma === null || vma.vm_start > address) return yield* k.bad_area(address, error, 'SEGV_MAPERR');
    if (k.access_error(error, vma)) return yield* k.bad_area(address, error, 'SEGV_ACCERR');
    const fault = yield* k.handle_mm_fault(vma, address, flags);
    // mmap_sem is released already. One retry at most.
    if (fault & VM_FAULT_RETRY) {
      if (flags & FAULT_FLAG_ALLOW_RETRY) {
        flags = (flags & ~FAULT_FLAG_ALLOW_RETRY) | FAULT_FLAG_TRIED;
        continue;
      }
      return flags & FAULT_FLAG_USER ? null : 'EFAULT';
    }
    yield* k.up_read(mm.mmap_sem);
    return fault & VM_FAULT_ERROR ? k.mm_fault_error(address, error, fault, flags) : null;
  }
}

/**
 * arch/x86/mm/fault.c:access_error(). Simplified: no protection keys.
 * Enters with mmap_sem held; returns with it held.
 */
export function access_error(k: Kernel, error: PageFaultError, vma: Vma): boolean {
  if (error.write) return (vma.vm_flags & VM_WRITE) === 0;
  return error.present || (vma.vm_flags & (VM_READ | VM_EXEC | VM_WRITE)) === 0;
}

/**
 * arch/x86/mm/fault.c:bad_area(). Simplified: every kernel access to user memory has a fixup.
 * Enters with mmap_sem held; returns with it released.
 */
export function* bad_area(
  k: Kernel,
  address: Vaddr,
  error: PageFaultError,
  why: string,
): KRun<Signal | 'EFAULT'> {
  yield* k.up_read(k.task.mm.mmap_sem);
  return k.force_sig_fault('SIGSEGV', address, error, why);
}

/**
 * arch/x86/mm/fault.c:mm_fault_error(). Simplified: out of memory means another try.
 * Enters with no lock held; returns with none held.
 */
export function mm_fault_error(
  k: Kernel,
  address: Vaddr,
  error: PageFaultError,
  fault: number,
  flags: number,
): Signal | 'EFAULT' | null {
  if (fault & VM_FAULT_OOM) return error.user ? null : 'EFAULT';
  const why = `handle_mm_fault(flags ${hex(flags)}) gave ${hex(fault)}`;
  if (fault & VM_FAULT_SIGBUS) return k.force_sig_fault('SIGBUS', address, error, `BUS_ADRERR, ${why}`);
  if (fault & VM_FAULT_HWPOISON) return k.force_sig_fault('SIGBUS', address, error, `BUS_MCEERR_AR, ${why}`);
  k.BUG_ON((fault & VM_FAULT_SIGSEGV) === 0, 'arch/x86/mm/fault.c:mm_fault_error(): unknown error');
  return k.force_sig_fault('SIGSEGV', address, error, `SEGV_MAPERR, ${why}`);
}

/**
 * kernel/signal.c:force_sig_fault(). Simplified: a kernel access ends at its fixup instead, as no_context() has it.
 * Enters with no lock held; returns with none held.
 */
export function force_sig_fault(
  k: Kernel,
  signal: Signal,
  va: Vaddr,
  error: PageFaultError,
  why: string,
): Signal | 'EFAULT' {
  if (!error.user) return 'EFAULT';
  k.m.watch?.({ kind: 'signal', task: k.task, signal, va, why });
  return signal;
}

/**
 * arch/x86/mm/fault.c:user_load(). Simplified: not a function but the instruction whose faults are served here.
 * Enters in user mode; returns to it, or with the signal that ends the program.
 */
export function* user_load(k: Kernel, va: Vaddr): KRun<Content | Signal> {
  for (;;) {
    const got = yield* load(k, va, 'user');
    if (typeof got === 'number') return endAccess(k, got);
    const signal = yield* k.userFault(va, false, got);
    if (signal !== null) return endAccess(k, signal);
  }
}

/**
 * arch/x86/mm/fault.c:user_store(). Simplified: not a function but the instruction whose faults are served here.
 * Enters in user mode; returns to it, or with the signal that ends the program.
 */
export function* user_store(k: Kernel, va: Vaddr, content: Content): KRun<'ok' | Signal> {
  for (;;) {
    const got = yield* store(k, va, content, 'user');
    if (got.kind === 'page') return endAccess(k, 'ok');
    const signal = yield* k.userFault(va, true, got);
    if (signal !== null) return endAccess(k, signal);
  }
}

/** One fault of a program, from user mode back to user mode, where pending signals are handled. */
export function* userFault(k: Kernel, va: Vaddr, write: boolean, raised: Translation): KRun<Signal | null> {
  countRefault(k, va);
  k.task.inKernel = true;
  const result = yield* k.__do_page_fault(va, { write, present: !write && isProtection(raised), user: true });
  k.task.inKernel = false;
  k.task.signalPending = false;
  return result === 'EFAULT' ? null : result;
}

/**
 * arch/x86/include/asm/uaccess.h:copy_to_user(). Simplified: one store that stands for the whole copy.
 * Enters with no spinlock and no mmap_sem held; returns the same.
 */
export function* copy_to_user(k: Kernel, va: Vaddr, content: Content): KRun<0 | -14> {
  k.might_sleep('copy_to_user()');
  for (;;) {
    const got = yield* store(k, va, content, 'kernel');
    if (got.kind === 'page') return endAccess(k, 0);
    countRefault(k, va);
    const result = yield* k.__do_page_fault(va, { write: true, present: false, user: false });
    if (result !== null) return endAccess(k, EFAULT_RESULT);
  }
}

/**
 * arch/x86/include/asm/uaccess.h:copy_from_user(). Simplified: one load that stands for the whole copy.
 * Enters with no spinlock and no mmap_sem held; returns the same.
 */
export function* copy_from_user(k: Kernel, va: Vaddr): KRun<Content | -14> {
  k.might_sleep('copy_from_user()');
  for (;;) {
    const got = yield* load(k, va, 'kernel');
    if (typeof got === 'number') return endAccess(k, got);
    countRefault(k, va);
    const result = yield* k.__do_page_fault(va, { write: false, present: isProtection(got), user: false });
    if (result !== null) return endAccess(k, EFAULT_RESULT);
  }
}

const isProtection = (raised: Translation): boolean => raised.kind === 'fault' && raised.present;

/** An access was done, or failed for good: what its task counted at this address is over. */
export function endAccess<T>(k: Kernel, result: T): T {
  k.task.refaults = 0;
  k.task.refaultVpn = -1;
  return result;
}

/**
 * Notes that a thread faults, perhaps at the same page again. Where it runs alone, a fault that finds the machine as an
 * earlier one did will come for ever; beside others whoever drives the machine looks for such rounds.
 */
export function countRefault(k: Kernel, va: Vaddr): void {
  const { task } = k;
  const vpn = vpnOf(va);
  if (task.refaultVpn !== vpn) task.refaults = 0;
  task.refaultVpn = vpn;
  if (++task.refaults === 1) task.refaultStates.length = 0;
  if (!k.m.solo || task.refaults === 1) return;
  const state = stateHash([k.m]);
  if (task.refaultStates.includes(state)) k.bug('hang', refaultsForEver(va));
  task.refaultStates.push(state);
}

/** What is said of a thread that faults at one page for ever. */
export const refaultsForEver = (va: number): string => `refaults without end at ${hex(va)}`;
