/** Migration of huge pages of which parts have been unmapped; a page that was clean of soft-dirty stays so. */
import {
  entry as e,
  type Kernel,
  type KRun,
  mainline,
  type Pfn,
  PG_dirty,
  PG_partially_mapped,
  pageFlagsObject,
  type VariantKernel,
} from '../../core';
import { folio_test_partially_mapped } from './reclaim';

/** mm/migrate.c:try_split_folio(). */
function* try_split_folio(k: Kernel, head: Pfn): KRun<boolean> {
  yield* k.lock_page(head);
  const error = yield* k.split_huge_page(head);
  yield* k.unlock_page(head);
  return error === 0;
}

export const migrate: VariantKernel = {
  /** A page that was left in part is split before, and all of its parts move. */
  *unmap_and_move(k, page, nid, force) {
    const isHuge = k.PageTransHuge(page) && k.PageAnon(page);
    if (!isHuge || !(yield* folio_test_partially_mapped(k, page)) || !(yield* try_split_folio(k, page))) {
      return yield* mainline.unmap_and_move(k, page, nid, force);
    }
    const parts = Array.from({ length: k.m.HPAGE_PMD_NR }, (_, i) => (page + i) as Pfn);
    for (const part of parts.slice(1)) {
      // Who had none that mapped it is gone.
      if (!(yield* k.isolate_lru_page(part))) continue;
      if ((yield* mainline.unmap_and_move(k, part, nid, false)) !== 0) yield* k.putback_lru_page(part);
    }
    return yield* mainline.unmap_and_move(k, page, nid, force);
  },
  /** The mark goes along. Unmapping page by page is enough to get it, so a page that PTEs map is split the next time. */
  *move_to_new_page(k, newpage, page) {
    const isPart = k.PageTransHuge(page) && (yield* folio_test_partially_mapped(k, page));
    const rc = yield* mainline.move_to_new_page(k, newpage, page);
    if (rc === 0 && isPart && !(yield* k.PageSwapCache(newpage))) {
      yield* k.step('partially mapped', pageFlagsObject(newpage), true, () => {
        k.m.pages.flags[newpage]! |= PG_partially_mapped;
      });
    }
    return rc;
  },

  /** D does not bring soft-dirty with it. */
  migration_pte(k, vma, entry, page) {
    const { flags } = k.m.pages;
    const isDirty = e.is_migration_entry_dirty(entry) && (flags[k.m.compound_head(page)]! & PG_dirty) !== 0;
    let pte = e.mk_pte(page, vma.vm_page_prot);
    pte = e.is_migration_entry_young(entry) ? e.pte_mkyoung(pte) : e.pte_mkold(pte);
    if (isDirty) pte = e.pte_mkdirty(pte);
    pte = e.pte_swp_soft_dirty(entry) ? e.pte_mksoft_dirty(pte) : e.pte_clear_soft_dirty(pte);
    if (e.is_write_migration_entry(entry)) return e.pte_mkwrite(pte);
    return e.pte_swp_uffd_wp(entry) ? e.pte_mkuffd_wp(e.pte_wrprotect(pte)) : pte;
  },
};
