/** Advice on huge pages that PTEs map: one that lies within the range stays whole, of another the part is split off. */
import {
  entry as e,
  type Kernel,
  type KRun,
  type mainline,
  PAGE_SIZE,
  type Pfn,
  PG_referenced,
  type Pte,
  pfn,
  plus,
  type Slot,
  type Vaddr,
  type VariantKernel,
  type Vma,
} from '../../core';

/**
 * mm/madvise.c:madvise_folio_pte_batch(), with what follows where the page is not all in the range.
 * Enters with the ptl held; returns with it held, having released it if it split.
 *
 * @returns how many entries there are of the page, 0 where it has been split: then the same entry again
 */
function* batchOrSplit(k: Kernel, vma: Vma, pte: Slot, ptent: Pte, end: Vaddr): KRun<number> {
  const head = k.m.compound_head(e.pte_pfn(ptent));
  const nr = yield* k.folio_pte_batch(pte, ptent, (end - pte.va) / PAGE_SIZE);
  if (nr === k.m.HPAGE_PMD_NR || (yield* k.folio_maybe_mapped_shared(head, vma.vm_mm))) return nr;
  return (yield* k.split_under_ptl(pte, head)) ? 0 : nr;
}

/** folio_mapcount() == folio_nr_pages(): nobody else maps any of it. */
function* isMappedOnce(k: Kernel, page: Pfn, nr: number): KRun<boolean> {
  const head = k.m.compound_head(page);
  return nr === (yield* k.changelessMapcount('folio_mapcount', head, () => k.mappingsOf(head)));
}

/** mm/madvise.c:madvise_free_pte_range(), whether a page that is dirty or in the swap cache has been made clean. */
function* madeClean(k: Kernel, page: Pfn, nr: number): KRun<boolean> {
  const head = k.m.compound_head(page);
  if (!(yield* k.PageSwapCache(head)) && !(yield* k.PageDirty(head))) return true;
  if (!(yield* k.trylock_page(head))) return false;
  const isOurs =
    (yield* isMappedOnce(k, head, nr)) &&
    (!(yield* k.PageSwapCache(head)) || (yield* k.try_to_free_swap(head)));
  if (isOurs) yield* k.TestClearPageDirty(head);
  yield* k.unlock_page(head);
  return isOurs;
}

/** mm/madvise.c:clear_young_dirty_ptes(). */
function* clearYoungDirty(
  k: Kernel,
  tlb: mainline.MmuGather,
  pte: Slot,
  nr: number,
  dirty: boolean,
): KRun<void> {
  for (let i = 0; i < nr; i++) {
    const slot = pte.at(pte.index + i);
    const now = yield* k.pte_get(slot);
    if (!e.pte_young(now) && !(dirty && e.pte_dirty(now))) continue;
    const old = yield* k.ptep_get_and_clear(slot);
    yield* k.set_pte_at(slot, dirty ? e.pte_mkclean(e.pte_mkold(old)) : e.pte_mkold(old));
    k.tlb_remove_tlb_entry(tlb, slot.va);
  }
}

export const madvise: VariantKernel = {
  *madvise_cold_or_pageout_pte_range(k, tlb, vma, pmd, start, end) {
    if (e.pmd_trans_huge(yield* k.pmd_get(pmd)))
      return yield* k.madvise_cold_huge_pmd(tlb, vma, pmd, start, end);
    if (yield* k.pmd_trans_unstable(pmd)) return [];
    const pages: Pfn[] = [];
    const pte = k.m.pte_offset(pmd, start);
    const ptl = k.pte_lockptr(pte);
    yield* k.spin_lock(ptl);
    yield* k.flush_tlb_batched_pending(vma.vm_mm);
    let nr = 1;
    for (let addr = start; addr < end; addr = plus(addr, nr * PAGE_SIZE), pte.index += nr) {
      const ptent = yield* k.pte_get(pte);
      const page = e.pte_present(ptent) ? k.vm_normal_page(vma, addr, ptent) : null;
      nr = 1;
      if (page === null) continue;
      const isLarge = k.PageTransCompound(page);
      if (isLarge) nr = yield* batchOrSplit(k, vma, pte, ptent, end);
      if (isLarge && nr < k.m.HPAGE_PMD_NR) continue;
      if (!(yield* isMappedOnce(k, page, nr))) continue;
      yield* clearYoungDirty(k, tlb, pte, nr, false);
      yield* k.testClear(k.m.compound_head(page), PG_referenced, 'PG_referenced');
      for (let i = 0; i < nr; i++) pages.push(pfn(page + i));
    }
    yield* k.spin_unlock(ptl);
    return pages;
  },

  *madvise_free_pte_range(k, tlb, vma, pmd, start, end) {
    if (e.pmd_trans_huge(yield* k.pmd_get(pmd))) {
      if (yield* k.madvise_free_huge_pmd(tlb, vma, pmd, start, end)) return;
    }
    if (yield* k.pmd_trans_unstable(pmd)) return;
    const pte = k.m.pte_offset(pmd, start);
    const ptl = k.pte_lockptr(pte);
    yield* k.spin_lock(ptl);
    yield* k.flush_tlb_batched_pending(vma.vm_mm);
    let nr = 1;
    for (let addr = start; addr < end; addr = plus(addr, nr * PAGE_SIZE), pte.index += nr) {
      const ptent = yield* k.pte_get(pte);
      const page = e.pte_present(ptent) ? k.vm_normal_page(vma, addr, ptent) : null;
      nr = 1;
      if (e.is_swap_pte(ptent)) yield* k.madvise_free_swap(vma, pte, addr, ptent);
      if (page === null) continue;
      const isLarge = k.PageTransCompound(page);
      if (isLarge) nr = yield* batchOrSplit(k, vma, pte, ptent, end);
      if (isLarge && nr < k.m.HPAGE_PMD_NR) continue;
      if (!(yield* madeClean(k, page, nr))) continue;
      yield* clearYoungDirty(k, tlb, pte, nr, true);
      yield* k.mark_page_lazyfree(k.m.compound_head(page));
    }
    yield* k.spin_unlock(ptl);
  },
};
