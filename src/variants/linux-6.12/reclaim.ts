/** Huge pages go to swap whole. Where some parts have been unmapped, a page is split before. */
import {
  type Kernel,
  type KRun,
  mainline,
  type Pfn,
  PG_partially_mapped,
  pageFlagsObject,
  pageMapObject,
  type VariantKernel,
} from '../../core';

const isMarked = (k: Kernel, head: Pfn): boolean => (k.m.pages.flags[head]! & PG_partially_mapped) !== 0;

/** Of a page that no huge entry maps any more, the part is not mapped, or not all of them, but others are. */
function isLeftInPart(k: Kernel, page: Pfn, head: Pfn, compound: boolean): boolean {
  const { mapcount, compound_mapcount } = k.m.pages;
  if (compound_mapcount[head]! >= 0 || (!compound && mapcount[page]! >= 0)) return false;
  const mapped = k.m.subpages(head).filter((part) => mapcount[part]! >= 0).length;
  return mapped > 0 && mapped < k.m.HPAGE_PMD_NR;
}

/** folio_test_partially_mapped(). */
export function* folio_test_partially_mapped(k: Kernel, head: Pfn): KRun<boolean> {
  return yield* k.step('partially mapped?', pageFlagsObject(head), false, () => isMarked(k, head));
}

export const reclaim: VariantKernel = {
  /** deferred_split_folio(), too: marks the page. One in the swap cache is reclaim's already. */
  *page_remove_rmap(k, page, compound) {
    yield* mainline.page_remove_rmap(k, page, compound);
    const head = k.m.compound_head(page);
    if (!k.PageTransCompound(page) || !k.PageAnon(page) || (yield* k.PageSwapCache(head))) return;
    const isNew = (): boolean => !isMarked(k, head) && isLeftInPart(k, page, head, compound);
    yield* k.stepOn(
      'partially mapped',
      () => [pageMapObject(head), pageFlagsObject(head)],
      () => (isNew() ? 2 : 0),
      () => {
        if (isNew()) k.m.pages.flags[head]! |= PG_partially_mapped;
      },
    );
  },

  /** Whole, by its head. */
  *reclaim_page(k, page) {
    if (!k.PageTransCompound(page)) return yield* mainline.reclaim_page(k, page);
    yield* k.lru_add_drain();
    if (!k.PageTransHuge(page) || !(yield* k.isolate_lru_page(page))) return false;
    yield* k.shrink_active_list(page);
    if (yield* k.shrink_page_list(page)) return true;
    yield* k.putback_lru_page(page);
    return false;
  },

  *giveSwap(k, page) {
    if (!k.PageTransHuge(page)) return yield* k.add_to_swap(page);
    if (!(yield* k.can_split_huge_page(page, 0))) return false;
    const splitsFirst = yield* folio_test_partially_mapped(k, page);
    if (!splitsFirst && (yield* k.add_to_swap(page))) return true;
    return (yield* k.split_huge_page(page)) === 0 && (yield* k.add_to_swap(page));
  },

  /** The write of a huge page has not ended when reclaim asks for it: so it stays. Nothing but zeroes is not written. */
  *pageout(k, page) {
    const result = yield* mainline.pageout(k, page);
    const { pages } = k.m;
    const isZeroFilled = k.m.subpages(page).every((part) => pages.contentOf(part) === 0);
    return k.PageTransHuge(page) && result === 'clean' && !isZeroFilled ? 'keep_locked' : result;
  },
};
