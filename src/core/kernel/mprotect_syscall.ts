/** mm/mprotect.c: mprotect(2) above change_protection(). */
import {
  EACCES,
  EINVAL,
  ENOMEM,
  VM_ACCOUNT,
  VM_EXEC,
  VM_HUGETLB,
  VM_NORESERVE,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  withFlags,
  withoutFlags,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Vma } from '../mm';
import { plus, type Vaddr, vaddr } from '../units';
import { assertWriteLocked, isPageAligned, pageAlignUp, pgoffAt, vmaBefore } from '../vma_list';
import { MM_CP_DIRTY_ACCT } from './mprotect';

const VM_ACCESS_FLAGS = VM_READ | VM_WRITE | VM_EXEC;

/**
 * mm/mprotect.c:do_mprotect_pkey(), what mprotect(2) is. Simplified: no protection keys, no growing stacks.
 * Enters with nothing held; returns with nothing held. What was changed before an error stays so.
 *
 * @param prot PROT_*
 */
export function* do_mprotect_pkey(k: Kernel, start: Vaddr, bytes: number, prot: number): KRun<number> {
  if (!isPageAligned(start)) return -EINVAL;
  if (bytes === 0) return 0;
  const end = plus(start, pageAlignUp(bytes));
  if (end <= start) return -ENOMEM;
  if (prot & ~VM_ACCESS_FLAGS) return -EINVAL;
  const { mm } = k.task;
  yield* k.down_write(mm.mmap_sem);
  const error = yield* k.mprotect_vmas(start, end, prot);
  yield* k.up_write(mm.mmap_sem);
  return error;
}

/**
 * mm/mprotect.c:do_mprotect_pkey(), its loop over the VMAs. Faithful.
 * Enters with mmap_sem held for write; returns with it held.
 */
export function* mprotect_vmas(k: Kernel, start: Vaddr, end: Vaddr, prot: number): KRun<number> {
  const { mm } = k.task;
  for (let nstart = start; nstart < end; ) {
    const vma = k.find_vma(mm, nstart);
    if (vma === null || vma.vm_start > nstart) return -ENOMEM;
    const newflags = withFlags(withoutFlags(vma.vm_flags, VM_ACCESS_FLAGS), prot);
    if (newflags & ~(newflags >> 4) & VM_ACCESS_FLAGS) return -EACCES;
    const tmp = vaddr(Math.min(vma.vm_end, end));
    const error = yield* k.mprotect_fixup(vma, nstart, tmp, newflags);
    if (error !== 0) return error;
    // It may have been merged with what follows; that part has the flags already.
    const changed = k.find_vma(mm, plus(tmp, -1));
    nstart = vaddr(Math.max(tmp, changed?.vm_end ?? 0));
  }
  return 0;
}

/**
 * mm/mprotect.c:mprotect_fixup(). Simplified: no limits; a mlocked mapping that becomes writable is not populated; no
 * frames are forbidden to PROT_NONE.
 * Enters with mmap_sem held for write; returns with it held.
 *
 * @param newflags all vm_flags, not only the protection
 */
export function* mprotect_fixup(
  k: Kernel,
  vma: Vma,
  start: Vaddr,
  end: Vaddr,
  newflags: number,
): KRun<number> {
  assertWriteLocked(k.task, vma.vm_mm, 'mprotect_fixup()');
  const oldflags = vma.vm_flags;
  if (newflags === oldflags) return 0;
  const accounted = VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE;
  if (newflags & VM_WRITE && (oldflags & accounted) === 0) newflags = withFlags(newflags, VM_ACCOUNT);
  const changed = yield* k.vma_with_flags(vma, start, end, newflags);
  if (typeof changed === 'number') return changed;
  changed.vm_flags = newflags;
  // Asked with the protection as it was: a plain R to RW of a shared mapping says no, see vma_wants_writenotify().
  const dirty_accountable = k.vma_wants_writenotify(changed, changed.vm_page_prot);
  k.vma_set_page_prot(changed);
  const cp_flags = dirty_accountable ? MM_CP_DIRTY_ACCT : 0;
  yield* k.change_protection(changed, start, end, changed.vm_page_prot, cp_flags);
  return 0;
}

/**
 * mm/mprotect.c:mprotect_fixup(), the flags where nothing is charged. Faithful; what was charged once stays so.
 * Enters with mmap_sem held for write; returns with it held. Takes no step.
 */
export function uncharged_flags(k: Kernel, vma: Vma, newflags: number): number {
  return newflags;
}

/**
 * mm/mprotect.c:mprotect_fixup(), where it merges or splits; madvise_behavior() does the same. Faithful.
 * Enters with mmap_sem held for write; returns with it held.
 *
 * @returns the VMA whose flags the caller now sets: one that has them already, or one of just [start, end); or -errno
 */
export function* vma_with_flags(
  k: Kernel,
  vma: Vma,
  start: Vaddr,
  end: Vaddr,
  newflags: number,
): KRun<Vma | number> {
  const prev = start > vma.vm_start ? vma : vmaBefore(vma);
  const merged = yield* k.vma_merge(vma.vm_mm, prev, start, end, {
    vm_flags: newflags,
    anon_vma_chain: vma.anon_vma_chain,
    file: vma.vm_file,
    pgoff: pgoffAt(vma, start),
    ctx: vma.vm_userfaultfd_ctx,
  });
  if (merged) return merged;
  if (start !== vma.vm_start) {
    const error = yield* k.split_vma(vma, start, true);
    if (error !== 0) return error;
  }
  if (end !== vma.vm_end) {
    const error = yield* k.split_vma(vma, end, false);
    if (error !== 0) return error;
  }
  return vma;
}
