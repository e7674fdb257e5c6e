/** mm/madvise.c: MADV_DONTNEED, MADV_FREE and MADV_REMOVE. */
import * as e from '../entry';
import { EACCES, EINVAL, ENOMEM, VM_HUGETLB, VM_LOCKED, VM_PFNMAP, VM_SHARED, VM_WRITE } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Vma } from '../mm';
import { PmdWalk } from '../pmd_walk';
import type { Slot } from '../table';
import { PAGE_SIZE, type Pfn, type Pte, plus, type Vaddr, vaddr } from '../units';
import { pagesIn, pgoffAt } from '../vma_list';
import type { MmuGather } from './memory_gather';

/**
 * mm/madvise.c:can_madv_dontneed_vma(). Faithful.
 * Enters with mmap_sem held; returns with it held.
 */
export function can_madv_dontneed_vma(k: Kernel, vma: Vma): boolean {
  return (vma.vm_flags & (VM_LOCKED | VM_HUGETLB | VM_PFNMAP)) === 0;
}

/**
 * mm/madvise.c:madvise_dontneed_free(). Faithful; the event is read before anything is zapped.
 * Enters with mmap_sem held for reading; returns with it held, though it may have been released between.
 *
 * @returns 0, -errno, or what madvise_rest() says
 */
export function* madvise_dontneed_free(
  k: Kernel,
  vma: Vma,
  start: Vaddr,
  end: Vaddr,
  advice: 'dontneed' | 'free',
): KRun<number> {
  if (!k.can_madv_dontneed_vma(vma)) return -EINVAL;
  const { vm_mm: mm } = vma;
  let found = vma;
  if (!(yield* k.userfaultfd_remove(vma, start, end))) {
    yield* k.down_read(mm.mmap_sem);
    const again = k.find_vma(mm, start);
    if (again === null || start < again.vm_start) return -ENOMEM;
    if (!k.can_madv_dontneed_vma(again)) return -EINVAL;
    found = again;
  }
  const to = vaddr(Math.min(end, found.vm_end));
  if (advice === 'free') {
    const error = yield* k.madvise_free_single_vma(found, start, to);
    if (error !== 0) return error;
  } else yield* k.zap_page_range(found, start, to);
  return to < end ? k.madvise_rest(to) : 0;
}

/**
 * mm/madvise.c:madvise_dontneed_free(), of a mapping that has become shorter while mmap_sem was released. Faithful; what
 * is behind it is passed over.
 * Enters with mmap_sem held; returns with it held. Takes no step.
 *
 * @param to where the mapping ends now
 * @returns where the call goes on; 0: behind what was the end of the mapping
 */
export function madvise_rest(_k: Kernel, _to: Vaddr): number {
  return 0;
}

/**
 * mm/madvise.c:madvise_free_single_vma(), with its walk. Simplified: no mmu notifiers.
 * Enters with mmap_sem held for reading; returns with it held.
 */
export function* madvise_free_single_vma(k: Kernel, vma: Vma, start: Vaddr, end: Vaddr): KRun<number> {
  if (!k.vma_is_anonymous(vma)) return -EINVAL;
  yield* k.lru_add_drain();
  const tlb = yield* k.tlb_gather_mmu(vma.vm_mm, { start, end });
  for (const walk = new PmdWalk(vma.vm_mm, start, end); walk.advance(); ) {
    if (e.pmd_none(yield* k.pmd_get(walk.pmd))) continue;
    yield* k.madvise_free_pte_range(tlb, vma, walk.pmd, walk.addr, walk.next);
  }
  yield* k.tlb_finish_mmu(tlb);
  return 0;
}

/**
 * mm/madvise.c:madvise_free_pte_range(). Faithful.
 * Enters with mmap_sem held for reading; returns with it held. Takes the ptl.
 */
export function* madvise_free_pte_range(
  k: Kernel,
  tlb: MmuGather,
  vma: Vma,
  pmd: Slot,
  start: Vaddr,
  end: Vaddr,
): KRun<void> {
  if (e.pmd_trans_huge(yield* k.pmd_get(pmd))) {
    if (yield* k.madvise_free_huge_pmd(tlb, vma, pmd, start, end)) return;
  }
  if (yield* k.pmd_trans_unstable(pmd)) return;
  const pte = k.m.pte_offset(pmd, start);
  const ptl = k.pte_lockptr(pte);
  yield* k.spin_lock(ptl);
  yield* k.flush_tlb_batched_pending(vma.vm_mm);
  for (let addr = start; addr < end; ) {
    const ptent = yield* k.pte_get(pte);
    const page = e.pte_present(ptent) ? k.vm_normal_page(vma, addr, ptent) : null;
    if (page !== null && k.PageTransCompound(page)) {
      // Shared or busy: the rest of the table is left as it is. Otherwise the same entry again, now of a small page.
      if (yield* k.split_for_lazyfree(pte, page)) continue;
      break;
    }
    if (page !== null) yield* k.madvise_free_pte(tlb, pte, addr, ptent, page);
    else if (!e.pte_present(ptent) && !e.pte_none(ptent)) yield* k.madvise_free_swap(vma, pte, addr, ptent);
    addr = plus(addr, PAGE_SIZE);
    pte.index++;
  }
  yield* k.spin_unlock(ptl);
}

/**
 * mm/madvise.c:madvise_free_pte_range(), for a swap entry. Faithful; migration entries stay.
 * Enters with the ptl held; returns with it held.
 */
export function* madvise_free_swap(k: Kernel, vma: Vma, pte: Slot, addr: Vaddr, ptent: Pte): KRun<void> {
  if (e.swp_type(ptent) !== e.SwapType.swap) return;
  yield* k.free_swap_and_cache(ptent);
  yield* k.set_pte_at(pte, e.NONE);
}

/**
 * mm/madvise.c:madvise_free_pte_range(), for a small page. Faithful; only what is dirty or in the swap cache has to be
 * ours alone. RW and soft-dirty stay.
 * Enters with the ptl held; returns with it held.
 */
export function* madvise_free_pte(
  k: Kernel,
  tlb: MmuGather,
  pte: Slot,
  addr: Vaddr,
  ptent: Pte,
  page: Pfn,
): KRun<void> {
  if ((yield* k.PageSwapCache(page)) || (yield* k.PageDirty(page))) {
    if (!(yield* k.trylock_page(page))) return;
    const isOurs = (yield* k.page_mapcount(page)) === 1;
    if (!isOurs || ((yield* k.PageSwapCache(page)) && !(yield* k.try_to_free_swap(page)))) {
      yield* k.unlock_page(page);
      return;
    }
    yield* k.TestClearPageDirty(page);
    yield* k.unlock_page(page);
  }
  if (e.pte_young(ptent) || e.pte_dirty(ptent)) {
    const old = yield* k.ptep_get_and_clear(pte);
    yield* k.set_pte_at(pte, e.pte_mkclean(e.pte_mkold(old)));
    k.tlb_remove_tlb_entry(tlb, addr);
  }
  yield* k.mark_page_lazyfree(page);
}

/**
 * mm/madvise.c:madvise_free_pte_range(), for part of a huge page. Faithful.
 * Enters with the ptl held; returns with it held, having released it if it split.
 *
 * @returns whether the page was split
 */
export function* split_for_lazyfree(k: Kernel, pte: Slot, page: Pfn): KRun<boolean> {
  if ((yield* k.page_mapcount(page)) !== 1) return false;
  return yield* k.split_under_ptl(pte, page);
}

/**
 * mm/madvise.c:madvise_free_pte_range(), the split. Faithful.
 * Enters with the ptl held; returns with it held, having released it between.
 */
export function* split_under_ptl(k: Kernel, pte: Slot, page: Pfn): KRun<boolean> {
  const head = k.m.compound_head(page);
  yield* k.get_page(head);
  if (!(yield* k.trylock_page(head))) {
    yield* k.put_page(head);
    return false;
  }
  const ptl = k.pte_lockptr(pte);
  yield* k.spin_unlock(ptl);
  // The reference and the lock were taken of the subpage at hand: a split leaves both with it.
  const error = yield* k.split_huge_page(page);
  const held = error === 0 ? page : head;
  yield* k.unlock_page(held);
  yield* k.put_page(held);
  yield* k.spin_lock(ptl);
  return error === 0;
}

/**
 * mm/swap.c:mark_page_lazyfree(). Simplified: at once, where the kernel lets pages wait in a pagevec.
 * Enters with the ptl held; returns with it held.
 */
export function* mark_page_lazyfree(k: Kernel, page: Pfn): KRun<void> {
  if (!(yield* k.PageLRU(page)) || !k.PageAnon(page) || !(yield* k.PageSwapBacked(page))) return;
  if (yield* k.PageSwapCache(page)) return;
  yield* k.ClearPageSwapBacked(page);
}

/**
 * mm/madvise.c:madvise_remove(), whether a mapping permits it. Faithful; it must be writable now.
 * Enters with mmap_sem held; returns with it held. Takes no step.
 */
export function madvise_remove_allowed(k: Kernel, vm_flags: number): boolean {
  return (vm_flags & (VM_SHARED | VM_WRITE)) === (VM_SHARED | VM_WRITE);
}

/**
 * mm/madvise.c:madvise_remove(). Faithful.
 * Enters with mmap_sem held for reading; returns with it held, having released it between.
 */
export function* madvise_remove(k: Kernel, vma: Vma, start: Vaddr, end: Vaddr): KRun<number> {
  const { vm_mm: mm, vm_file: file, vm_flags } = vma;
  if (vm_flags & VM_LOCKED || file === null) return -EINVAL;
  if (!k.madvise_remove_allowed(vm_flags)) return -EACCES;
  const index = pgoffAt(vma, start);
  if (yield* k.userfaultfd_remove(vma, start, end)) yield* k.up_read(mm.mmap_sem);
  const error = yield* k.vfs_fallocate(file, index, pagesIn(start, end));
  yield* k.down_read(mm.mmap_sem);
  return error;
}
