/** mm/madvise.c: the advice of later kernels, which act here on 4.19's functions. */
import * as e from '../entry';
import {
  EINVAL,
  ENOMEM,
  FOLL_TOUCH,
  FOLL_WRITE,
  VM_HUGETLB,
  VM_IO,
  VM_LOCKED,
  VM_PFNMAP,
  VM_READ,
  VM_WRITE,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Vma } from '../mm';
import { NO_PAGE, PG_referenced } from '../pages';
import { PmdWalk } from '../pmd_walk';
import type { Slot } from '../table';
import { PAGE_SIZE, type Pfn, type Pte, pfn, plus, type Vaddr } from '../units';
import { pagesIn } from '../vma_list';
import { countRefault, endAccess } from './fault';
import type { MmuGather } from './memory_gather';

/**
 * mm/madvise.c:madvise_cold_or_pageout(), madvise_cold() and madvise_pageout() in one. Simplified: of a later kernel; files
 * always allow it.
 * Enters with mmap_sem held for reading; returns with it held.
 */
export function* madvise_cold_or_pageout(
  k: Kernel,
  vma: Vma,
  start: Vaddr,
  end: Vaddr,
  pageout: boolean,
): KRun<number> {
  if (vma.vm_flags & (VM_LOCKED | VM_HUGETLB | VM_PFNMAP)) return -EINVAL;
  yield* k.lru_add_drain();
  const tlb = yield* k.tlb_gather_mmu(vma.vm_mm, { start, end });
  for (const walk = new PmdWalk(vma.vm_mm, start, end); walk.advance(); ) {
    const pages = yield* k.madvise_cold_or_pageout_pte_range(tlb, vma, walk.pmd, walk.addr, walk.next);
    for (const page of pageout ? pages : []) yield* k.reclaim_page(page);
  }
  yield* k.tlb_finish_mmu(tlb);
  return 0;
}

/**
 * mm/madvise.c:madvise_cold_or_pageout_pte_range(). Simplified: reclaim_page() isolates and splits what is returned.
 * Enters with mmap_sem held for reading; returns with it held. Takes the ptl.
 *
 * @returns the pages that only this range maps, made old
 */
export function* madvise_cold_or_pageout_pte_range(
  k: Kernel,
  tlb: MmuGather,
  vma: Vma,
  pmd: Slot,
  start: Vaddr,
  end: Vaddr,
): KRun<Pfn[]> {
  if (e.pmd_trans_huge(yield* k.pmd_get(pmd)))
    return yield* k.madvise_cold_huge_pmd(tlb, vma, pmd, start, end);
  if (yield* k.pmd_trans_unstable(pmd)) return [];
  const pages: Pfn[] = [];
  const pte = k.m.pte_offset(pmd, start);
  const ptl = k.pte_lockptr(pte);
  yield* k.spin_lock(ptl);
  yield* k.flush_tlb_batched_pending(vma.vm_mm);
  for (let addr = start; addr < end; ) {
    const ptent = yield* k.pte_get(pte);
    const page = e.pte_present(ptent) ? k.vm_normal_page(vma, addr, ptent) : null;
    if (page !== null && k.PageTransCompound(page)) {
      // As for MADV_FREE: the rest is left as it is, or this is the same entry again, now of a small page.
      if (yield* k.split_for_lazyfree(pte, page)) continue;
      break;
    }
    if (page !== null && (yield* k.page_mapcount(page)) === 1) {
      yield* k.madvise_cold_pte(tlb, pte, addr, ptent);
      pages.push(page);
    }
    addr = plus(addr, PAGE_SIZE);
    pte.index++;
  }
  yield* k.spin_unlock(ptl);
  return pages;
}

/**
 * mm/madvise.c:madvise_cold_or_pageout_pte_range(), for one entry. Faithful.
 * Enters with the ptl held; returns with it held.
 */
export function* madvise_cold_pte(k: Kernel, tlb: MmuGather, pte: Slot, addr: Vaddr, ptent: Pte): KRun<void> {
  if (e.pte_young(ptent)) {
    const old = yield* k.ptep_get_and_clear(pte);
    yield* k.set_pte_at(pte, e.pte_mkold(old));
    k.tlb_remove_tlb_entry(tlb, addr);
  }
  yield* k.testClear(k.m.compound_head(e.pte_pfn(ptent)), PG_referenced, 'PG_referenced');
}

/**
 * mm/madvise.c:madvise_cold_or_pageout_pte_range(), for a huge entry. Faithful; only a part of it: it is split first.
 * Enters with mmap_sem held for reading; returns with it held. Takes the pmd lock.
 */
export function* madvise_cold_huge_pmd(
  k: Kernel,
  tlb: MmuGather,
  vma: Vma,
  pmd: Slot,
  start: Vaddr,
  end: Vaddr,
): KRun<Pfn[]> {
  const ptl = yield* k.__pmd_trans_huge_lock(pmd, vma);
  if (ptl === null) return [];
  const value = yield* k.pmd_get(pmd);
  const head = e.pmd_pfn(value);
  const pages: Pfn[] = [];
  const isPart = end - start < k.m.HPAGE_PMD_SIZE;
  if (e.pmd_present(value) && !k.is_huge_zero_page(head) && (yield* k.page_mapcount(head)) === 1) {
    if (isPart) {
      yield* k.get_page(head);
      yield* k.spin_unlock(ptl);
      const isSplit = yield* k.splitForAdvice(head);
      return isSplit ? yield* k.madvise_cold_or_pageout_pte_range(tlb, vma, pmd, start, end) : [];
    }
    if (e.pmd_young(value)) {
      const old = yield* k.pmdp_invalidate(vma.vm_mm, pmd);
      yield* k.set_pmd_at(pmd, e.pmd_mkold(old));
      k.tlb_remove_pmd_tlb_entry(tlb, pmd.va);
    }
    yield* k.testClear(head, PG_referenced, 'PG_referenced');
    for (let addr = start; addr < end; addr = plus(addr, PAGE_SIZE)) {
      pages.push(pfn(head + pagesIn(pmd.va, addr)));
    }
  }
  yield* k.spin_unlock(ptl);
  return pages;
}

/** split_folio() of madvise_cold_or_pageout_pte_range(); drops the caller's reference. */
export function* splitForAdvice(k: Kernel, head: Pfn): KRun<boolean> {
  yield* k.lock_page(head);
  const error = yield* k.split_huge_page(head);
  yield* k.unlock_page(head);
  yield* k.put_page(head);
  return error === 0;
}

/**
 * mm/madvise.c:madvise_populate(). Simplified: of a later kernel; page by page, no fatal signals.
 * Enters with mmap_sem held for reading; returns with it held, though a fault may have released it between.
 */
export function* madvise_populate(
  k: Kernel,
  vma: Vma,
  start: Vaddr,
  end: Vaddr,
  write: boolean,
): KRun<number> {
  const wanted = write ? VM_WRITE : VM_READ;
  const flags = FOLL_TOUCH | (write ? FOLL_WRITE : 0);
  const { vm_mm: mm } = vma;
  let again = 0;
  for (let addr = start; addr < end; ) {
    // Another mapping may be there since the last fault.
    const now = k.find_vma(mm, addr);
    if (now === null || now.vm_start > addr) return -ENOMEM;
    if (now.vm_flags & (VM_IO | VM_PFNMAP) || !(now.vm_flags & wanted)) return -EINVAL;
    const locked = { held: true };
    const page = yield* k.__get_user_pages(mm, addr, flags | again, locked);
    // Whoever answers the faults may leave the page as it was, every time.
    if (page === NO_PAGE) countRefault(k, addr);
    else endAccess(k, page);
    if (!locked.held) yield* k.down_read(mm.mmap_sem);
    if (page < 0) return page;
    again = page === NO_PAGE ? k.populate_retry_flags() : 0;
    if (page === NO_PAGE) continue;
    yield* k.put_page(pfn(page));
    addr = plus(addr, PAGE_SIZE);
  }
  return 0;
}

/**
 * mm/madvise.c:madvise_populate(), what tells a fault that it was tried before. Faithful; nothing, before 6.9.
 * Enters with mmap_sem held for reading; returns with it held.
 */
export function populate_retry_flags(k: Kernel): number {
  return 0;
}
