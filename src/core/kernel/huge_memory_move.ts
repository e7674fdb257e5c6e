/** mm/huge_memory.c: huge PMD entries in fork(), munmap(), mremap() and MADV_FREE. */
import * as e from '../entry';
import { EAGAIN } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma } from '../mm';
import type { Slot } from '../table';
import { type Pte, plus, type Vaddr } from '../units';
import type { MmuGather } from './memory_gather';

/**
 * mm/huge_memory.c:copy_huge_pmd(). Faithful; asks for pins, as later kernels do.
 * Enters with both mmap_sems held for writing; returns with them held. Takes both pmd locks.
 *
 * @param dst_vma of the child; for later kernels
 * @returns 0, or -EAGAIN: not huge any more, copy the PTEs
 */
export function* copy_huge_pmd(
  k: Kernel,
  dst_mm: Mm,
  src_mm: Mm,
  dst_pmd: Slot,
  src_pmd: Slot,
  addr: Vaddr,
  vma: Vma,
  dst_vma: Vma,
): KRun<number> {
  // Files are faulted in again.
  if (!k.vma_is_anonymous(vma)) return 0;
  const dst_ptl = k.pmd_lockptr(dst_pmd);
  const src_ptl = k.pmd_lockptr(src_pmd);
  yield* k.spin_lock(dst_ptl);
  yield* k.spin_lock(src_ptl);
  const pmd = yield* k.pmd_get(src_pmd);
  let ret = 0;
  if (e.is_swap_pmd(pmd)) {
    yield* k.copy_huge_migration_pmd(dst_pmd, src_pmd, pmd);
  } else if (!e.pmd_trans_huge(pmd)) {
    ret = -EAGAIN;
  } else if (k.is_huge_zero_page(e.pmd_pfn(pmd))) {
    yield* k.set_pmd_at(dst_pmd, e.mk_huge_pmd(k.m.hugeZeroPage, vma.vm_page_prot));
  } else {
    const page = e.pmd_pfn(pmd);
    k.VM_BUG_ON(!k.PageTransHuge(page), 'mm/huge_memory.c:copy_huge_pmd(): not a huge page');
    if (yield* k.page_needs_cow_for_dma(vma, page)) {
      yield* k.spin_unlock(src_ptl);
      yield* k.spin_unlock(dst_ptl);
      // Those parts that are pinned are copied by PTEs: all, for a pin is of the whole.
      yield* k.__split_huge_pmd(vma, src_pmd, addr, false, null);
      return -EAGAIN;
    }
    yield* k.get_page(page);
    yield* k.page_dup_rmap(page, true);
    yield* k.pmdp_set_wrprotect(src_pmd);
    yield* k.set_pmd_at(dst_pmd, k.copied_huge_pmd(vma, pmd));
  }
  yield* k.spin_unlock(src_ptl);
  yield* k.spin_unlock(dst_ptl);
  return ret;
}

/**
 * mm/huge_memory.c:copy_huge_pmd(), the child's entry. Faithful; D and soft-dirty are kept.
 * Enters with both pmd locks held; returns with them held. Takes no step.
 *
 * @param vma of the parent
 */
export function copied_huge_pmd(k: Kernel, vma: Vma, pmd: Pte): Pte {
  return e.pmd_mkold(e.pmd_wrprotect(pmd));
}

/**
 * mm/huge_memory.c:copy_huge_pmd(), of a page in migration. Faithful; nothing is counted.
 * Enters with both pmd locks held; returns with them held.
 */
export function* copy_huge_migration_pmd(k: Kernel, dst_pmd: Slot, src_pmd: Slot, pmd: Pte): KRun<void> {
  k.VM_BUG_ON(!e.is_pmd_migration_entry(pmd), 'mm/huge_memory.c:copy_huge_pmd(): unknown entry');
  let entry = pmd;
  if (e.is_write_migration_entry(pmd)) {
    entry = e.make_migration_entry_read(pmd);
    yield* k.set_pmd_at(src_pmd, entry);
  }
  yield* k.set_pmd_at(dst_pmd, entry);
}

/**
 * mm/huge_memory.c:zap_huge_pmd(). Faithful.
 * Enters with mmap_sem held; returns with it held. Takes the pmd lock.
 *
 * @returns 1, or 0: not huge, zap the PTEs
 */
export function* zap_huge_pmd(k: Kernel, tlb: MmuGather, vma: Vma, pmd: Slot, addr: Vaddr): KRun<number> {
  const ptl = yield* k.__pmd_trans_huge_lock(pmd, vma);
  if (!ptl) return 0;
  const orig_pmd = yield* k.pmdp_huge_get_and_clear(pmd);
  k.tlb_remove_pmd_tlb_entry(tlb, addr);
  const page = e.pmd_pfn(orig_pmd);
  const isCounted = e.pmd_present(orig_pmd) && !k.is_huge_zero_page(page);
  if (isCounted) {
    yield* k.page_remove_rmap(page, true);
    k.VM_BUG_ON(
      (yield* k.page_mapcount(page)) < 0,
      'mm/huge_memory.c:zap_huge_pmd(): page_mapcount(page) < 0',
    );
    if (!k.PageAnon(page) && e.pmd_dirty(orig_pmd)) yield* k.set_page_dirty(page);
  }
  yield* k.spin_unlock(ptl);
  if (isCounted) yield* k.tlb_remove_page_size(tlb, page);
  return 1;
}

/**
 * mm/huge_memory.c:move_huge_pmd(). Faithful.
 * Enters with mmap_sem held for writing; returns with it held. Takes both pmd locks.
 *
 * @returns false: move the PTEs
 */
export function* move_huge_pmd(
  k: Kernel,
  vma: Vma,
  old_addr: Vaddr,
  new_addr: Vaddr,
  old_end: Vaddr,
  old_pmd: Slot,
  new_pmd: Slot,
): KRun<boolean> {
  const size = k.m.HPAGE_PMD_SIZE;
  if (old_addr % size !== 0 || new_addr % size !== 0 || old_end - old_addr < size) return false;
  if (!e.pmd_none(yield* k.pmd_get(new_pmd))) {
    k.warn('BUG', 'WARNING at mm/huge_memory.c:move_huge_pmd(): the destination is mapped');
    return false;
  }
  const old_ptl = yield* k.__pmd_trans_huge_lock(old_pmd, vma);
  if (!old_ptl) return false;
  const new_ptl = k.pmd_lockptr(new_pmd);
  if (new_ptl !== old_ptl) yield* k.spin_lock(new_ptl);
  const pmd = yield* k.pmdp_huge_get_and_clear(old_pmd);
  yield* k.set_pmd_at(new_pmd, k.move_soft_dirty_pmd(pmd));
  if (e.pmd_present(pmd)) yield* k.flush_tlb_range(vma.vm_mm, old_addr, plus(old_addr, size));
  if (new_ptl !== old_ptl) yield* k.spin_unlock(new_ptl);
  yield* k.spin_unlock(old_ptl);
  return true;
}

/**
 * mm/huge_memory.c:move_soft_dirty_pmd(). Faithful; what moved counts as written.
 * Enters with the pmd lock held; returns with it held. Takes no step.
 */
export function move_soft_dirty_pmd(k: Kernel, pmd: Pte): Pte {
  return e.is_pmd_migration_entry(pmd) ? e.pte_swp_mksoft_dirty(pmd) : e.pmd_mksoft_dirty(pmd);
}

/**
 * mm/huge_memory.c:madvise_free_huge_pmd(). Faithful; A and D are tested in the value read before the invalidate.
 * Enters with mmap_sem held for reading; returns with it held. Takes the pmd lock.
 *
 * @returns whether the whole entry is done
 */
export function* madvise_free_huge_pmd(
  k: Kernel,
  tlb: MmuGather,
  vma: Vma,
  pmd: Slot,
  addr: Vaddr,
  next: Vaddr,
): KRun<boolean> {
  const ptl = yield* k.__pmd_trans_huge_lock(pmd, vma);
  if (!ptl) return false;
  const orig_pmd = yield* k.pmd_get(pmd);
  const page = e.pmd_pfn(orig_pmd);
  const isLeftAlone =
    !e.pmd_present(orig_pmd) ||
    k.is_huge_zero_page(page) ||
    (yield* k.page_mapcount(page)) !== 1 ||
    !(yield* k.trylock_page(page));
  if (isLeftAlone) {
    yield* k.spin_unlock(ptl);
    return false;
  }
  if (next - addr !== k.m.HPAGE_PMD_SIZE) {
    yield* k.get_page(page);
    yield* k.spin_unlock(ptl);
    yield* k.split_huge_page(page);
    yield* k.unlock_page(page);
    yield* k.put_page(page);
    return false;
  }
  yield* k.TestClearPageDirty(page);
  yield* k.unlock_page(page);
  if (e.pmd_young(orig_pmd) || e.pmd_dirty(orig_pmd)) {
    yield* k.pmdp_invalidate(vma.vm_mm, pmd);
    yield* k.set_pmd_at(pmd, e.pmd_mkclean(e.pmd_mkold(orig_pmd)));
    k.tlb_remove_pmd_tlb_entry(tlb, addr);
  }
  yield* k.mark_page_lazyfree(page);
  yield* k.spin_unlock(ptl);
  return true;
}
