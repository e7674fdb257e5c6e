/**
 * mm/khugepaged.c: replacing a table of PTEs by one huge entry, with mmap_sem held for writing. The anon_vma lock,
 * which keeps rmap away, is not modelled: the page locks that are taken do the same for each page.
 */
import * as e from '../entry';
import { FAULT_FLAG_ALLOW_RETRY, VM_FAULT_ERROR, VM_FAULT_RETRY } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma, VmFault } from '../mm';
import { NO_PAGE } from '../pages';
import type { Slot } from '../table';
import { type Pfn, type Pte, pfn, plus, type Vaddr } from '../units';
import type { Scanned, ScanResult } from './khugepaged';

/**
 * mm/khugepaged.c:hugepage_vma_revalidate(). Faithful.
 * Enters with mmap_sem held; returns with it held.
 */
export function hugepage_vma_revalidate(k: Kernel, mm: Mm, address: Vaddr, forced: boolean): Vma | null {
  if (mm.exited) return null;
  const vma = k.find_vma(mm, address);
  if (!vma || address < vma.vm_start || plus(address, k.m.HPAGE_PMD_SIZE) > vma.vm_end) return null;
  return k.hugepage_vma_check(vma, forced) ? vma : null;
}

/**
 * mm/khugepaged.c:collapse_huge_page(). Simplified: never out of memory, no mmu notifiers.
 * Enters with mmap_sem held for reading; returns with it released.
 */
export function* collapse_huge_page(k: Kernel, mm: Mm, address: Vaddr, scanned: Scanned): KRun<ScanResult> {
  // Allocating may take long.
  yield* k.up_read(mm.mmap_sem);
  const new_page = k.alloc_page(k.m.HPAGE_PMD_NR, k.numa_node_id());
  yield* k.down_read(mm.mmap_sem);
  const vma = k.hugepage_vma_revalidate(mm, address, scanned.forced);
  const pmd = vma ? yield* k.findPteTable(mm, address) : null;
  const isReady = pmd !== null && (yield* k.__collapse_huge_page_swapin(vma!, address, pmd, scanned));
  yield* k.up_read(mm.mmap_sem);
  let result: ScanResult = 'fail';
  if (!vma) result = 'vma_check';
  else if (!pmd) result = 'pmd_null';
  else if (isReady) {
    yield* k.down_write(mm.mmap_sem);
    const now = k.hugepage_vma_revalidate(mm, address, scanned.forced);
    if (!now) result = 'vma_check';
    else if (!(yield* k.findPteTable(mm, address))) result = 'pmd_null';
    else result = yield* k.collapse_huge_page_locked(now, pmd, new_page, scanned.forced);
    yield* k.up_write(mm.mmap_sem);
  }
  if (result !== 'succeed') yield* k.put_page(new_page);
  return result;
}

/**
 * mm/khugepaged.c:collapse_huge_page(), from the write lock on. Faithful.
 * Enters with mmap_sem held for writing; returns with it held.
 */
export function* collapse_huge_page_locked(
  k: Kernel,
  vma: Vma,
  pmd: Slot,
  new_page: Pfn,
  forced: boolean,
): KRun<ScanResult> {
  const mm = vma.vm_mm;
  const haddr = pmd.va;
  k.anon_vma_prepare(vma);
  const pmd_ptl = k.pmd_lockptr(pmd);
  const pte = k.m.pte_offset(pmd, haddr);
  const pte_ptl = k.pte_lockptr(pte);
  // pmdp_collapse_flush(): no CPU can change the PTEs from here on, nor use them.
  yield* k.spin_lock(pmd_ptl);
  const _pmd = yield* k.pmdp_huge_clear_flush(mm, pmd);
  yield* k.spin_unlock(pmd_ptl);
  yield* k.spin_lock(pte_ptl);
  const result = yield* k.__collapse_huge_page_isolate(vma, pte, forced);
  yield* k.spin_unlock(pte_ptl);
  if (result !== 'succeed') {
    yield* k.spin_lock(pmd_ptl);
    k.BUG_ON(!e.pmd_none(yield* k.pmd_get(pmd)), 'mm/khugepaged.c:collapse_huge_page(): entry in use');
    yield* k.set_pmd_at(pmd, _pmd);
    yield* k.spin_unlock(pmd_ptl);
    return result;
  }
  yield* k.__collapse_huge_page_copy(pte, new_page);
  k.__SetPageUptodate(new_page);
  const entry = k.maybe_mkwrite(e.pmd_mkdirty(e.mk_huge_pmd(new_page, vma.vm_page_prot)), vma);
  yield* k.spin_lock(pmd_ptl);
  k.BUG_ON(!e.pmd_none(yield* k.pmd_get(pmd)), 'mm/khugepaged.c:collapse_huge_page(): entry in use');
  yield* k.pmd_clear_table(pmd);
  yield* k.page_add_new_anon_rmap(new_page, vma, haddr, true);
  yield* k.lru_cache_add(new_page);
  yield* k.set_pmd_at(pmd, entry);
  yield* k.spin_unlock(pmd_ptl);
  return 'succeed';
}

/**
 * mm/khugepaged.c:__collapse_huge_page_swapin(). Faithful; gives up without a word if fewer than half were referenced.
 * Enters with mmap_sem held for reading; returns with it held, but it may have been released meanwhile.
 */
export function* __collapse_huge_page_swapin(
  k: Kernel,
  vma: Vma,
  address: Vaddr,
  pmd: Slot,
  scanned: Scanned,
): KRun<boolean> {
  const mm = vma.vm_mm;
  if (scanned.referenced < k.m.HPAGE_PMD_NR / 2 && !scanned.forced) return false;
  let now = vma;
  const first = k.m.pte_offset(pmd, address);
  for (let i = 0; i < k.m.HPAGE_PMD_NR; i++) {
    const pte = first.at(i);
    const orig_pte = yield* k.pte_get(pte);
    if (!e.is_swap_pte(orig_pte)) continue;
    const ret = yield* k.swapInForCollapse(now, pmd, pte, orig_pte);
    if (ret & VM_FAULT_RETRY) {
      yield* k.down_read(mm.mmap_sem);
      const again = k.hugepage_vma_revalidate(mm, address, scanned.forced);
      if (!again || !(yield* k.findPteTable(mm, address))) return false;
      now = again;
    }
    if (ret & VM_FAULT_ERROR) return false;
  }
  return true;
}

/** The fault by which a swap entry, or a migration entry, becomes a page again. Returns what do_swap_page() does. */
export function* swapInForCollapse(k: Kernel, vma: Vma, pmd: Slot, pte: Slot, orig_pte: Pte): KRun<number> {
  const vmf: VmFault = {
    vma,
    flags: FAULT_FLAG_ALLOW_RETRY,
    address: pte.va,
    pgoff: k.linear_page_index(vma, pte.va),
    pmd,
    pte,
    orig_pte,
    page: NO_PAGE,
    cow_page: NO_PAGE,
  };
  return yield* k.do_swap_page(vmf);
}

/**
 * mm/khugepaged.c:__collapse_huge_page_isolate(). Faithful; the reasons in the kernel's order.
 * Enters with the ptl held and mmap_sem for writing; returns with all pages locked and isolated, or with none.
 *
 * @param pte the first one
 */
export function* __collapse_huge_page_isolate(
  k: Kernel,
  vma: Vma,
  pte: Slot,
  forced: boolean,
): KRun<ScanResult> {
  const scanned: Scanned = { none: 0, unmapped: 0, writable: false, referenced: 0, forced };
  const taken: Pfn[] = [];
  let result: ScanResult = 'succeed';
  for (let i = 0; i < k.m.HPAGE_PMD_NR && result === 'succeed'; i++) {
    result = yield* k.collapse_isolate_pte(vma, pte.at(i), scanned, taken);
  }
  if (result === 'succeed') result = k.scanVerdict(scanned);
  if (result !== 'succeed') for (const page of taken) yield* k.release_pte_page(page);
  return result;
}

/**
 * mm/khugepaged.c:__collapse_huge_page_isolate(), one PTE. Faithful. In 4.19 and up to 6.1 it asks for no uffd-wp mark.
 * Enters with the ptl held; returns with it held, and with the page of the PTE locked and isolated if all is well.
 */
export function* collapse_isolate_pte(
  k: Kernel,
  vma: Vma,
  pte: Slot,
  scanned: Scanned,
  taken: Pfn[],
): KRun<ScanResult> {
  const pteval = yield* k.pte_get(pte);
  if (e.pte_none(pteval) || (e.pte_present(pteval) && k.is_zero_pfn(e.pte_pfn(pteval)))) {
    return k.noneTooMany(vma, scanned) ? 'exceed_none_pte' : 'succeed';
  }
  if (!e.pte_present(pteval)) return 'pte_non_present';
  const page = k.vm_normal_page(vma, pte.va, pteval);
  if (page === null) return 'page_null';
  if (k.PageTransCompound(page)) return 'page_compound';
  k.VM_BUG_ON(!k.PageAnon(page), 'mm/khugepaged.c:__collapse_huge_page_isolate(): not anonymous');
  if (!(yield* k.trylock_page(page))) return 'page_lock';
  const result = yield* k.isolateLocked(page, e.pte_write(pteval));
  if (result !== 'succeed') {
    yield* k.unlock_page(page);
    return result;
  }
  taken.push(page);
  if (e.pte_write(pteval)) scanned.writable = true;
  if (e.pte_young(pteval) || (yield* k.isReferenced(page))) scanned.referenced++;
  return 'succeed';
}

/** The tests of __collapse_huge_page_isolate() that need the page locked. */
export function* isolateLocked(k: Kernel, page: Pfn, isWritable: boolean): KRun<ScanResult> {
  const isSwapCache = yield* k.PageSwapCache(page);
  if ((yield* k.page_count(page)) !== (isSwapCache ? 2 : 1)) return 'page_count';
  if (!isWritable && isSwapCache && !(yield* k.reuse_swap_page(page)).reuse) return 'swap_cache_page';
  return (yield* k.isolate_lru_page(page)) ? 'succeed' : 'del_page_lru';
}

/**
 * mm/khugepaged.c:release_pte_page(). Faithful.
 * Enters with the page locked and isolated; returns with it neither.
 */
export function* release_pte_page(k: Kernel, page: Pfn): KRun<void> {
  yield* k.unlock_page(page);
  yield* k.putback_lru_page(page);
}

/**
 * mm/khugepaged.c:__collapse_huge_page_copy(). Faithful; D and PG_dirty of the old pages are not asked for.
 * Enters with mmap_sem held for writing and all pages locked and isolated; returns with them released and unmapped.
 */
export function* __collapse_huge_page_copy(k: Kernel, first: Slot, new_page: Pfn): KRun<void> {
  const ptl = k.pte_lockptr(first);
  for (let i = 0; i < k.m.HPAGE_PMD_NR; i++) {
    const pte = first.at(i);
    const pteval = yield* k.pte_get(pte);
    // A fresh page is zeroes already.
    if (e.pte_none(pteval)) continue;
    const src_page = e.pte_pfn(pteval);
    const isZero = k.is_zero_pfn(src_page);
    if (!isZero) {
      yield* k.copy_page(src_page, pfn(new_page + i), pte.va);
      const mapcount = yield* k.page_mapcount(src_page);
      k.VM_BUG_ON(mapcount !== 1, 'mm/khugepaged.c:__collapse_huge_page_copy(): page_mapcount(page) != 1');
      yield* k.release_pte_page(src_page);
    }
    yield* k.spin_lock(ptl);
    yield* k.set_pte_at(pte, e.NONE);
    if (!isZero) yield* k.page_remove_rmap(src_page, false);
    yield* k.spin_unlock(ptl);
    if (!isZero) yield* k.free_page_and_swap_cache(src_page);
  }
}
