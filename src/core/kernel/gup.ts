/**
 * mm/gup.c: reaching the pages of another, or of oneself, without the MMU. One page at a time.
 *
 * Left out: fast walks, hugetlb, FOLL_SPLIT, FOLL_DUMP, FOLL_NOWAIT, populating, mlock.
 */
import * as e from '../entry';
import {
  EBUSY,
  EFAULT,
  ENOMEM,
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_REMOTE,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_WRITE,
  FOLL_COW,
  FOLL_FORCE,
  FOLL_NUMA,
  FOLL_REMOTE,
  FOLL_TOUCH,
  FOLL_TRIED,
  FOLL_WRITE,
  is_cow_mapping,
  VM_FAULT_ERROR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_WRITE,
  VM_IO,
  VM_MAYREAD,
  VM_PFNMAP,
  VM_READ,
  VM_WRITE,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma } from '../mm';
import { NO_PAGE } from '../pages';
import type { Slot } from '../table';
import { type Pfn, type Pte, pageAlign, pfn, type Vaddr } from '../units';

/** Whether the caller still holds mmap_sem; handing one in permits the fault to drop it. */
export interface Locked {
  held: boolean;
}

/**
 * mm/gup.c:__get_user_pages(). Simplified: one page, no fatal signals.
 * Enters with mmap_sem held for reading; returns with it held, unless locked.held is false.
 *
 * @returns the page with a reference; NO_PAGE where mmap_sem was dropped; -errno
 */
export function* __get_user_pages(
  k: Kernel,
  mm: Mm,
  start: Vaddr,
  gup_flags: number,
  locked: Locked | null,
): KRun<Pfn | number> {
  const address = pageAlign(start);
  // A forced access has nothing to do with NUMA hints.
  let flags = gup_flags & FOLL_FORCE ? gup_flags : gup_flags | FOLL_NUMA;
  const vma = k.find_vma(mm, address);
  if (vma === null || vma.vm_start > address) return -EFAULT;
  const refused = k.check_vma_flags(vma, flags);
  if (refused !== 0) return refused;
  for (;;) {
    const page = yield* k.follow_page_mask(vma, address, flags);
    if (page !== null) return page;
    const result = yield* k.faultin_page(vma, address, flags, locked);
    if (result === -EBUSY) return NO_PAGE;
    if (result < 0) return result;
    flags = result;
  }
}

/**
 * mm/gup.c:check_vma_flags(). Simplified: no protection keys.
 * Enters with mmap_sem held; returns with it held.
 */
export function check_vma_flags(k: Kernel, vma: Vma, gup_flags: number): number {
  const { vm_flags } = vma;
  const isForced = (gup_flags & FOLL_FORCE) !== 0;
  if (vm_flags & (VM_IO | VM_PFNMAP)) return -EFAULT;
  if (gup_flags & FOLL_WRITE) {
    // Writing by force breaks COW, so that the mapping's file stays as it is.
    return vm_flags & VM_WRITE || (isForced && is_cow_mapping(vm_flags)) ? 0 : -EFAULT;
  }
  return vm_flags & VM_READ || (isForced && vm_flags & VM_MAYREAD) ? 0 : -EFAULT;
}

/**
 * mm/gup.c:faultin_page(). Faithful.
 * Enters with mmap_sem held for reading; returns with it held, unless the result is -EBUSY and locked.held false.
 *
 * @returns the flags to go on with, or -errno
 */
export function* faultin_page(
  k: Kernel,
  vma: Vma,
  address: Vaddr,
  flags: number,
  locked: Locked | null,
): KRun<number> {
  const ret = yield* k.handle_mm_fault(vma, address, k.faultin_flags(flags, locked));
  if (ret & VM_FAULT_ERROR) return ret & VM_FAULT_OOM ? -ENOMEM : -EFAULT;
  if (ret & VM_FAULT_RETRY) {
    if (locked) locked.held = false;
    return -EBUSY;
  }
  // COW was broken although the mapping is not writable: from now on D says that the page is our own.
  return ret & VM_FAULT_WRITE && !(vma.vm_flags & VM_WRITE) ? flags | FOLL_COW : flags;
}

/**
 * mm/gup.c:faultin_page(), the flags of the fault. Faithful; neither KILLABLE nor USER.
 * Enters with mmap_sem held; returns with it held.
 */
export function faultin_flags(k: Kernel, flags: number, locked: Locked | null): number {
  let fault_flags = 0;
  if (flags & FOLL_WRITE) fault_flags |= FAULT_FLAG_WRITE;
  if (flags & FOLL_REMOTE) fault_flags |= FAULT_FLAG_REMOTE;
  if (locked) fault_flags |= FAULT_FLAG_ALLOW_RETRY;
  if (flags & FOLL_TRIED) fault_flags |= FAULT_FLAG_TRIED;
  return fault_flags;
}

/**
 * mm/gup.c:follow_page_mask(), follow_pmd_mask() and the levels above. Faithful.
 * Enters with mmap_sem held; returns with it held.
 *
 * @returns the page with a reference, null where it must be faulted in, or -errno
 */
export function* follow_page_mask(
  k: Kernel,
  vma: Vma,
  address: Vaddr,
  flags: number,
): KRun<Pfn | number | null> {
  const pmd = k.m.mm_find_pmd_slot(vma.vm_mm, address);
  if (pmd === null) return null;
  const value = yield* k.pmd_get(pmd);
  if (e.pmd_none(value) || e.is_swap_pmd(value)) return null;
  if (e.pmd_is_table(value)) return yield* k.follow_page_pte(vma, address, pmd, flags);
  if (flags & FOLL_NUMA && e.pmd_protnone(value)) return null;
  const lock = k.pmd_lockptr(pmd);
  yield* k.spin_lock(lock);
  const now = yield* k.pmd_get(pmd);
  if (e.pmd_is_table(now)) {
    yield* k.spin_unlock(lock);
    return yield* k.follow_page_pte(vma, address, pmd, flags);
  }
  const page =
    e.pmd_none(now) || e.is_swap_pmd(now) ? null : yield* k.follow_trans_huge_pmd(vma, address, pmd, flags);
  yield* k.spin_unlock(lock);
  return page;
}

/**
 * mm/gup.c:can_follow_write_pte(). Faithful; by force, once COW was broken, D proves that the page is our own.
 * Enters with the lock of the entry held; returns with it held.
 */
export function can_follow_write_pte(k: Kernel, pte: Pte, flags: number): boolean {
  const wanted = FOLL_FORCE | FOLL_COW;
  return e.pte_write(pte) || ((flags & wanted) === wanted && e.pte_dirty(pte));
}

/**
 * include/linux/mm.h:gup_can_follow_protnone(), whether follow_page() looks into an entry. Faithful; also into those
 * that hide their page, get_user_pages() asks by FOLL_NUMA.
 * Enters with the lock of the entry held; returns with it held.
 */
export function gup_can_follow_protnone(_k: Kernel, _entry: Pte): boolean {
  return true;
}

/**
 * mm/gup.c:follow_page_pte(). Faithful.
 * Enters with mmap_sem held; returns with it held. Takes the ptl.
 */
export function* follow_page_pte(
  k: Kernel,
  vma: Vma,
  address: Vaddr,
  pmd: Slot,
  flags: number,
): KRun<Pfn | number | null> {
  const pte = yield* k.pte_offset_map_lock(pmd, address);
  const page = yield* pageOfPte(k, vma, address, yield* k.pte_get(pte), flags);
  yield* k.pte_unmap_unlock(pte);
  return page;
}

function* pageOfPte(k: Kernel, vma: Vma, address: Vaddr, pte: Pte, flags: number): KRun<Pfn | number | null> {
  if (!e.pte_present(pte)) return null;
  if (flags & FOLL_NUMA && e.pte_protnone(pte)) return null;
  if (flags & FOLL_WRITE && !k.can_follow_write_pte(pte, flags)) return null;
  const page = k.vm_normal_page(vma, address, pte) ?? (k.is_zero_pfn(e.pte_pfn(pte)) ? k.m.zeroPage : null);
  if (page === null) return -EFAULT;
  yield* k.try_grab_page(page, flags);
  if (flags & FOLL_TOUCH && flags & FOLL_WRITE && !e.pte_dirty(pte) && !(yield* k.PageDirty(page))) {
    yield* k.set_page_dirty(page);
  }
  return page;
}

/**
 * mm/huge_memory.c:follow_trans_huge_pmd(). Simplified: no mlock.
 * Enters with the pmd lock held; returns with it held.
 */
export function* follow_trans_huge_pmd(
  k: Kernel,
  vma: Vma,
  address: Vaddr,
  pmd: Slot,
  flags: number,
): KRun<Pfn | null> {
  const value = yield* k.pmd_get(pmd);
  if (flags & FOLL_WRITE && !k.can_follow_write_pte(value, flags)) return null;
  if (flags & FOLL_NUMA && e.pmd_protnone(value)) return null;
  if (flags & FOLL_TOUCH) {
    const write = (flags & FOLL_WRITE) !== 0;
    const young = e.pmd_mkyoung(value);
    yield* k.ptep_set_access_flags(pmd, write ? e.pmd_mkdirty(young) : young, write);
  }
  const page = pfn(e.pmd_pfn(value) + (address - pmd.va) / 4096);
  yield* k.try_grab_page(page, flags);
  return page;
}
