/**
 * mm/huge_memory.c: faults that a huge PMD entry serves. Its protection is in huge_memory_prot.ts, its splitting in
 * huge_memory_split.ts, its copying, moving and freeing in huge_memory_move.ts.
 */
import * as e from '../entry';
import {
  FAULT_FLAG_WRITE,
  VM_FAULT_FALLBACK,
  VM_FAULT_WRITE,
  VM_HUGEPAGE,
  VM_NOHUGEPAGE,
  VM_UFFD_MISSING,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { SpinLock } from '../locks';
import type { Vma, VmFault } from '../mm';
import { NO_PAGE } from '../pages';
import { Level, type Slot } from '../table';
import { PAGE_SIZE, type Pfn, type Pte, plus } from '../units';

/**
 * include/linux/huge_mm.h:transparent_hugepage_enabled(). Simplified: no DAX, no temporary stacks.
 * Enters with mmap_sem held; returns with it held.
 */
export function transparent_hugepage_enabled(k: Kernel, vma: Vma): boolean {
  if (vma.vm_flags & VM_NOHUGEPAGE || vma.vm_mm.thpDisabled) return false;
  if (k.m.config.thp === 'always') return true;
  return k.m.config.thp === 'madvise' && (vma.vm_flags & VM_HUGEPAGE) !== 0;
}

/**
 * mm/huge_memory.c:__pmd_trans_huge_lock(). Faithful.
 * Enters with mmap_sem held; returns with the pmd lock held if the entry is huge, else with it released.
 *
 * @returns the lock, or null: there is a table of PTEs, or nothing
 */
export function* __pmd_trans_huge_lock(k: Kernel, pmd: Slot, vma: Vma): KRun<SpinLock | null> {
  const ptl = k.pmd_lockptr(pmd);
  yield* k.spin_lock(ptl);
  const value = yield* k.pmd_get(pmd);
  if (e.is_swap_pmd(value) || e.pmd_trans_huge(value) || e.pmd_devmap(value)) return ptl;
  yield* k.spin_unlock(ptl);
  return null;
}

/**
 * mm/huge_memory.c:do_huge_pmd_anonymous_page(). Simplified: never out of memory.
 * Enters with mmap_sem held for reading; returns with it held, unless the result has VM_FAULT_RETRY.
 */
export function* do_huge_pmd_anonymous_page(k: Kernel, vmf: VmFault): KRun<number> {
  const { vma, pmd } = vmf;
  if (pmd.va < vma.vm_start || plus(pmd.va, k.m.HPAGE_PMD_SIZE) > vma.vm_end) return VM_FAULT_FALLBACK;
  k.anon_vma_prepare(vma);
  if (!(vmf.flags & FAULT_FLAG_WRITE)) return yield* k.set_huge_zero_page(vmf);
  return yield* k.__do_huge_pmd_anonymous_page(vmf, k.alloc_page(k.m.HPAGE_PMD_NR, k.numa_node_id()));
}

/**
 * mm/huge_memory.c:do_huge_pmd_anonymous_page(), the read fault. Simplified: the huge zero page is always there.
 * Enters with mmap_sem held for reading; returns with it held, unless the result has VM_FAULT_RETRY.
 */
export function* set_huge_zero_page(k: Kernel, vmf: VmFault): KRun<number> {
  const { vma, pmd } = vmf;
  const ptl = k.pmd_lockptr(pmd);
  yield* k.spin_lock(ptl);
  const isFree = e.pmd_none(yield* k.pmd_get(pmd));
  const isMissing = isFree && (vma.vm_flags & VM_UFFD_MISSING) !== 0;
  // Nobody counts mappings of the huge zero page.
  if (isFree && !isMissing) yield* k.set_pmd_at(pmd, e.mk_huge_pmd(k.m.hugeZeroPage, vma.vm_page_prot));
  yield* k.spin_unlock(ptl);
  return isMissing ? yield* k.handle_userfault(vmf, VM_UFFD_MISSING) : 0;
}

/**
 * mm/huge_memory.c:__do_huge_pmd_anonymous_page(). Simplified: no charging, no active list.
 * Enters with mmap_sem held for reading and the only reference to `page`; returns with mmap_sem held, unless the
 * result has VM_FAULT_RETRY.
 */
export function* __do_huge_pmd_anonymous_page(k: Kernel, vmf: VmFault, page: Pfn): KRun<number> {
  const { vma, pmd } = vmf;
  k.__SetPageUptodate(page);
  const ptl = k.pmd_lockptr(pmd);
  yield* k.spin_lock(ptl);
  const isFree = e.pmd_none(yield* k.pmd_get(pmd));
  if (!isFree || vma.vm_flags & VM_UFFD_MISSING) {
    yield* k.spin_unlock(ptl);
    yield* k.put_page(page);
    return isFree ? yield* k.handle_userfault(vmf, VM_UFFD_MISSING) : 0;
  }
  yield* k.page_add_new_anon_rmap(page, vma, pmd.va, true);
  yield* k.lru_cache_add(page);
  yield* k.set_pmd_at(pmd, k.maybe_mkwrite(e.pmd_mkdirty(e.mk_huge_pmd(page, vma.vm_page_prot)), vma));
  yield* k.spin_unlock(ptl);
  return 0;
}

/**
 * mm/huge_memory.c:huge_pmd_set_accessed(). Faithful.
 * Enters with mmap_sem held for reading; returns with it held.
 */
export function* huge_pmd_set_accessed(k: Kernel, vmf: VmFault, orig_pmd: Pte): KRun<void> {
  const ptl = k.pmd_lockptr(vmf.pmd);
  yield* k.spin_lock(ptl);
  if (e.pmd_same(yield* k.pmd_get(vmf.pmd), orig_pmd)) {
    const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
    const entry = e.pmd_mkyoung(orig_pmd);
    yield* k.ptep_set_access_flags(vmf.pmd, write ? e.pmd_mkdirty(entry) : entry, write);
  }
  yield* k.spin_unlock(ptl);
}

/**
 * mm/huge_memory.c:do_huge_pmd_wp_page(). Simplified: never out of memory.
 * Enters with mmap_sem held for reading; returns with it held.
 */
export function* do_huge_pmd_wp_page(k: Kernel, vmf: VmFault, orig_pmd: Pte): KRun<number> {
  const { vma, pmd } = vmf;
  k.VM_BUG_ON(vma.anon_vma === 0, 'mm/huge_memory.c:do_huge_pmd_wp_page(): no anon_vma');
  if (k.is_huge_zero_page(e.pmd_pfn(orig_pmd)))
    return yield* k.do_huge_pmd_wp_page_copy(vmf, orig_pmd, NO_PAGE);

  const ptl = k.pmd_lockptr(pmd);
  yield* k.spin_lock(ptl);
  const isSame = e.pmd_same(yield* k.pmd_get(pmd), orig_pmd);
  if (!isSame || !(yield* k.lockHugePageUnderLock(vmf, orig_pmd))) {
    yield* k.spin_unlock(ptl);
    return 0;
  }
  const page = e.pmd_pfn(orig_pmd);
  if ((yield* k.reuse_swap_page(page)).reuse) {
    const entry = k.maybe_mkwrite(e.pmd_mkdirty(e.pmd_mkyoung(orig_pmd)), vma);
    yield* k.ptep_set_access_flags(pmd, entry, true);
    yield* k.unlock_page(page);
    yield* k.spin_unlock(ptl);
    return VM_FAULT_WRITE;
  }
  yield* k.unlock_page(page);
  yield* k.get_page(page);
  yield* k.spin_unlock(ptl);
  return yield* k.do_huge_pmd_wp_page_copy(vmf, orig_pmd, page);
}

/**
 * The part of do_huge_pmd_wp_page() that locks the page although the pmd lock is held, which must not sleep.
 * Enters with the pmd lock held; returns with it held, and with the page locked if the entry is still the same.
 */
export function* lockHugePageUnderLock(k: Kernel, vmf: VmFault, orig_pmd: Pte): KRun<boolean> {
  const page = e.pmd_pfn(orig_pmd);
  if (yield* k.trylock_page(page)) return true;
  const ptl = k.pmd_lockptr(vmf.pmd);
  yield* k.get_page(page);
  yield* k.spin_unlock(ptl);
  yield* k.lock_page(page);
  yield* k.spin_lock(ptl);
  const isSame = e.pmd_same(yield* k.pmd_get(vmf.pmd), orig_pmd);
  if (!isSame) yield* k.unlock_page(page);
  yield* k.put_page(page);
  return isSame;
}

/**
 * mm/huge_memory.c:do_huge_pmd_wp_page(), where the page is not ours alone. Faithful.
 * Enters with mmap_sem held for reading and a reference to `page`, if there is one; returns with the reference dropped.
 *
 * @param page what to copy, or NO_PAGE for the huge zero page
 */
export function* do_huge_pmd_wp_page_copy(k: Kernel, vmf: VmFault, orig_pmd: Pte, page: Pfn): KRun<number> {
  const { vma, pmd } = vmf;
  if (!k.transparent_hugepage_enabled(vma)) {
    if (page !== NO_PAGE) return yield* k.do_huge_pmd_wp_page_fallback(vmf, orig_pmd, page);
    yield* k.__split_huge_pmd(vma, pmd, vmf.address, false, null);
    return VM_FAULT_FALLBACK;
  }
  return yield* k.do_huge_pmd_wp_page_alloc(vmf, orig_pmd, page);
}

/**
 * mm/huge_memory.c:do_huge_pmd_wp_page(), from the allocation on. Simplified: never out of memory.
 * Enters with mmap_sem held for reading and a reference to `page`, if there is one; returns with the reference dropped.
 */
export function* do_huge_pmd_wp_page_alloc(k: Kernel, vmf: VmFault, orig_pmd: Pte, page: Pfn): KRun<number> {
  const { vma, pmd } = vmf;
  const new_page = k.alloc_page(k.m.HPAGE_PMD_NR, k.numa_node_id());
  if (page !== NO_PAGE) yield* k.copy_user_huge_page(new_page, page, pmd);
  k.__SetPageUptodate(new_page);
  const ptl = k.pmd_lockptr(pmd);
  yield* k.spin_lock(ptl);
  if (page !== NO_PAGE) yield* k.put_page(page);
  if (!e.pmd_same(yield* k.pmd_get(pmd), orig_pmd)) {
    yield* k.spin_unlock(ptl);
    yield* k.put_page(new_page);
    return 0;
  }
  const entry = k.maybe_mkwrite(e.pmd_mkdirty(e.mk_huge_pmd(new_page, vma.vm_page_prot)), vma);
  yield* k.pmdp_huge_clear_flush(vma.vm_mm, pmd);
  yield* k.page_add_new_anon_rmap(new_page, vma, pmd.va, true);
  yield* k.lru_cache_add(new_page);
  yield* k.set_pmd_at(pmd, entry);
  if (page !== NO_PAGE) {
    yield* k.page_remove_rmap(page, true);
    yield* k.put_page(page);
  }
  yield* k.spin_unlock(ptl);
  return VM_FAULT_WRITE;
}

/**
 * mm/memory.c:copy_user_huge_page(). Simplified: in one step.
 * Enters with mmap_sem held and a reference to `src`; returns with both.
 */
export function* copy_user_huge_page(k: Kernel, dst: Pfn, src: Pfn, pmd: Slot): KRun<void> {
  const vas = k.m.subpages(src).map((_, i) => plus(pmd.va, i * PAGE_SIZE));
  yield* k.copy_subpages(k.m.subpages(src), k.m.subpages(dst), vas);
}

/**
 * mm/huge_memory.c:do_huge_pmd_wp_page_fallback(). Simplified: never out of memory.
 * Enters with mmap_sem held for reading and a reference to `page`; returns with the reference dropped.
 */
export function* do_huge_pmd_wp_page_fallback(
  k: Kernel,
  vmf: VmFault,
  orig_pmd: Pte,
  page: Pfn,
): KRun<number> {
  const { vma, pmd } = vmf;
  const pages: Pfn[] = [];
  const parts = k.m.subpages(page);
  for (const _ of parts) {
    const copy = k.alloc_page(1, k.numa_node_id());
    k.__SetPageUptodate(copy);
    pages.push(copy);
  }
  const vas = parts.map((_, i) => plus(pmd.va, i * PAGE_SIZE));
  yield* k.copy_subpages(parts, pages, vas);
  const ptl = k.pmd_lockptr(pmd);
  yield* k.spin_lock(ptl);
  if (!e.pmd_same(yield* k.pmd_get(pmd), orig_pmd)) {
    yield* k.spin_unlock(ptl);
    for (const copy of pages) yield* k.put_page(copy);
    yield* k.put_page(page);
    return 0;
  }
  // Never a huge and a small translation at once: the huge one leaves the TLBs first.
  yield* k.pmdp_huge_clear_flush(vma.vm_mm, pmd);
  const table = k.m.newTable(vma.vm_mm.id, Level.pte, pmd.va, k.task.id);
  for (const [i, copy] of pages.entries()) {
    yield* k.page_add_new_anon_rmap(copy, vma, plus(pmd.va, i * PAGE_SIZE), false);
    yield* k.lru_cache_add(copy);
    const entry = k.maybe_mkwrite(e.pte_mkdirty(e.mk_pte(copy, vma.vm_page_prot)), vma);
    yield* k.set_pte_at(k.slot(table, i), entry);
  }
  yield* k.pmd_populate(pmd, table);
  yield* k.page_remove_rmap(page, true);
  yield* k.spin_unlock(ptl);
  // The reference of the mapping and the caller's.
  yield* k.put_page(page, 2);
  return VM_FAULT_WRITE;
}
