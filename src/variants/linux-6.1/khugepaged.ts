/**
 * khugepaged: copies pages that are shared after a fork, and parts of huge pages; asks for marks twice; waits for no
 * pagevec, and for pages that were used only where some of them are in swap.
 */
import {
  entry as e,
  flags,
  type Kernel,
  type KRun,
  mainline,
  type Pfn,
  pfn,
  type VariantKernel,
  type Vma,
} from '../../core';

const { VM_FAULT_ERROR, VM_FAULT_RETRY } = flags;

type Counted = mainline.Scanned & { shared?: number };

/** max_ptes_shared is half of them; MADV_COLLAPSE does not mind. */
function* sharedTooMany(k: Kernel, page: Pfn, scanned: Counted): KRun<boolean> {
  if ((yield* k.page_mapcount(page)) <= 1) return false;
  scanned.shared = (scanned.shared ?? 0) + 1;
  return !scanned.forced && scanned.shared > k.m.HPAGE_PMD_NR / 2;
}

/** Nobody but mappings and the swap cache has a reference. */
function* is_refcount_suitable(k: Kernel, head: Pfn): KRun<boolean> {
  const cached = (yield* k.PageSwapCache(head)) ? k.m.subpages(head).length : 0;
  const mapcount = yield* k.changelessMapcount('total_mapcount', head, () => k.mappingsOf(head));
  return (yield* k.page_count(head)) === mapcount + cached;
}

const isEmpty = (k: Kernel, pteval: ReturnType<typeof e.pte_mkold>): boolean =>
  e.pte_none(pteval) || (e.pte_present(pteval) && k.is_zero_pfn(e.pte_pfn(pteval)));

export const khugepaged: VariantKernel = {
  *khugepaged_scan_mm(k, mm) {
    if (k.m.config.thp !== 'never') yield* k.lru_add_drain_all();
    return yield* mainline.khugepaged_scan_mm(k, mm);
  },

  scanVerdict(k, scanned) {
    if (!scanned.writable) return 'page_ro';
    if (scanned.forced) return 'succeed';
    const wanted = scanned.unmapped > 0 ? k.m.HPAGE_PMD_NR / 2 : 1;
    return scanned.referenced < wanted ? 'lack_referenced_page' : 'succeed';
  },

  *__collapse_huge_page_swapin(k, vma, address, pmd, scanned) {
    if (scanned.unmapped === 0) return true;
    const first = k.m.pte_offset(pmd, address);
    let isAny = false;
    for (let i = 0; i < k.m.HPAGE_PMD_NR; i++) {
      const pte = first.at(i);
      const orig_pte = yield* k.pte_get(pte);
      if (!e.is_swap_pte(orig_pte)) continue;
      const ret = yield* k.swapInForCollapse(vma, pmd, pte, orig_pte);
      // The kernel returns with mmap_lock released here, too; the next to come releases it in the model.
      if (ret & VM_FAULT_RETRY) yield* k.down_read(vma.vm_mm.mmap_sem);
      if (ret & (VM_FAULT_ERROR | VM_FAULT_RETRY)) return false;
      isAny = true;
    }
    if (isAny) yield* k.lru_add_drain();
    return true;
  },

  *khugepaged_scan_pte(k, vma, address, pteval, scanned: Counted) {
    if (e.is_swap_pte(pteval)) {
      const isOver = ++scanned.unmapped > k.m.HPAGE_PMD_NR / 8 && !scanned.forced;
      if (isOver) return 'exceed_swap_pte';
      return e.pte_swp_uffd_wp(pteval) ? 'pte_uffd_wp' : 'succeed';
    }
    if (isEmpty(k, pteval)) return k.noneTooMany(vma, scanned) ? 'exceed_none_pte' : 'succeed';
    if (e.pte_uffd_wp(pteval)) return 'pte_uffd_wp';
    if (e.pte_write(pteval)) scanned.writable = true;
    const page = k.vm_normal_page(vma, address, pteval);
    if (page === null) return 'page_null';
    if (yield* sharedTooMany(k, page, scanned)) return 'page_count';
    const head = k.m.compound_head(page);
    if (!(yield* k.PageLRU(head))) return 'page_lru';
    if (k.PageLocked(head)) return 'page_lock';
    if (!k.PageAnon(head)) return 'page_anon';
    if (!(yield* is_refcount_suitable(k, head))) return 'page_count';
    if (e.pte_young(pteval) || (yield* k.isReferenced(head))) scanned.referenced++;
    return 'succeed';
  },

  *collapse_isolate_pte(k, vma: Vma, pte, scanned: Counted, taken) {
    const pteval = yield* k.pte_get(pte);
    if (isEmpty(k, pteval)) return k.noneTooMany(vma, scanned) ? 'exceed_none_pte' : 'succeed';
    if (!e.pte_present(pteval)) return 'pte_non_present';
    if (e.pte_uffd_wp(pteval)) return 'pte_uffd_wp';
    const page = k.vm_normal_page(vma, pte.va, pteval);
    if (page === null) return 'page_null';
    k.VM_BUG_ON(!k.PageAnon(page), 'mm/khugepaged.c:__collapse_huge_page_isolate(): not anonymous');
    if (yield* sharedTooMany(k, page, scanned)) return 'page_count';
    const head = k.m.compound_head(page);
    if (!k.PageTransCompound(page) || !taken.includes(head)) {
      if (!(yield* k.trylock_page(head))) return 'page_lock';
      const isAlone = yield* is_refcount_suitable(k, head);
      if (!isAlone || !(yield* k.isolate_lru_page(head))) {
        yield* k.unlock_page(head);
        return isAlone ? 'del_page_lru' : 'page_count';
      }
      taken.push(head);
    }
    if (e.pte_write(pteval)) scanned.writable = true;
    if (e.pte_young(pteval) || (yield* k.isReferenced(head))) scanned.referenced++;
    return 'succeed';
  },

  *__collapse_huge_page_copy(k, first, new_page) {
    const ptl = k.pte_lockptr(first);
    const compounds: Pfn[] = [];
    for (let i = 0; i < k.m.HPAGE_PMD_NR; i++) {
      const pte = first.at(i);
      const pteval = yield* k.pte_get(pte);
      if (e.pte_none(pteval)) continue;
      const src_page = e.pte_pfn(pteval);
      const isZero = k.is_zero_pfn(src_page);
      if (!isZero) {
        yield* k.copy_page(src_page, pfn(new_page + i), pte.va);
        const head = k.m.compound_head(src_page);
        if (!k.PageTransCompound(src_page)) yield* k.release_pte_page(src_page);
        else if (!compounds.includes(head)) compounds.push(head);
      }
      yield* k.spin_lock(ptl);
      yield* k.set_pte_at(pte, e.NONE);
      if (!isZero) yield* k.page_remove_rmap(src_page, false);
      yield* k.spin_unlock(ptl);
      if (!isZero) yield* k.free_page_and_swap_cache(src_page);
    }
    // A huge page stays locked until the last of its parts has been copied.
    for (const head of compounds) yield* k.release_pte_page(head);
  },
};
