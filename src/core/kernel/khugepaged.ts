/**
 * mm/khugepaged.c: finding 512 PTEs that one huge entry could replace. The replacing is in khugepaged_collapse.ts.
 */
import * as e from '../entry';
import {
  EAGAIN,
  EINVAL,
  VM_DONTEXPAND,
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_IO,
  VM_MIXEDMAP,
  VM_NOHUGEPAGE,
  VM_PFNMAP,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma } from '../mm';
import { pageFlagsObject } from '../objects';
import { PG_referenced } from '../pages';
import type { Slot } from '../table';
import { type Pfn, type Pte, plus, type Vaddr, vaddr } from '../units';

/** enum scan_result. */
export type ScanResult =
  | 'succeed'
  | 'fail'
  | 'pmd_null'
  | 'pmd_none'
  | 'exceed_none_pte'
  | 'exceed_swap_pte'
  | 'pte_non_present'
  | 'page_ro'
  | 'lack_referenced_page'
  | 'page_null'
  | 'page_count'
  | 'page_lru'
  | 'page_lock'
  | 'page_anon'
  | 'page_compound'
  | 'vma_check'
  | 'swap_cache_page'
  | 'del_page_lru'
  | 'pte_uffd_wp';

/** What khugepaged_scan_pmd() and __collapse_huge_page_isolate() count. */
export interface Scanned {
  none: number;
  unmapped: number;
  writable: boolean;
  referenced: number;
  /** MADV_COLLAPSE: limits and ageing do not matter. */
  readonly forced: boolean;
}

const VM_NO_KHUGEPAGED = VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP | VM_HUGETLB;

/**
 * mm/khugepaged.c:hugepage_vma_check(). Simplified: no shared memory, no temporary stacks.
 * Enters with mmap_sem held; returns with it held.
 *
 * @param forced MADV_COLLAPSE does not ask the sysfs setting
 */
export function hugepage_vma_check(k: Kernel, vma: Vma, forced: boolean): boolean {
  if (!(vma.vm_flags & VM_HUGEPAGE) && !forced && k.m.config.thp !== 'always') return false;
  if (vma.vm_flags & VM_NOHUGEPAGE || vma.vm_mm.thpDisabled) return false;
  if (vma.anon_vma === 0 || !k.vma_is_anonymous(vma)) return false;
  return (vma.vm_flags & VM_NO_KHUGEPAGED) === 0;
}

/**
 * include/linux/userfaultfd_k.h:userfaultfd_armed(). Faithful.
 * Enters with mmap_sem held; returns with it held.
 */
export function userfaultfd_armed(k: Kernel, vma: Vma): boolean {
  return (vma.vm_flags & (VM_UFFD_MISSING | VM_UFFD_WP)) !== 0;
}

/**
 * mm/khugepaged.c:khugepaged_scan_pmd(). Simplified: all nodes are near.
 * Enters with mmap_sem held for reading; returns with it released, which the kernel does only if it collapses.
 */
export function* khugepaged_scan_pmd(k: Kernel, mm: Mm, vma: Vma, haddr: Vaddr): KRun<ScanResult> {
  return yield* k.scanAndCollapse(mm, vma, haddr, false);
}

/** khugepaged_scan_pmd() for khugepaged and MADV_COLLAPSE. Enters with mmap_sem held for reading; returns without. */
export function* scanAndCollapse(
  k: Kernel,
  mm: Mm,
  vma: Vma,
  haddr: Vaddr,
  forced: boolean,
): KRun<ScanResult> {
  const scanned: Scanned = { none: 0, unmapped: 0, writable: false, referenced: 0, forced };
  const result = yield* k.khugepaged_scan_ptes(vma, haddr, scanned);
  if (result === 'succeed') return yield* k.collapse_huge_page(mm, haddr, scanned);
  yield* k.up_read(mm.mmap_sem);
  return result;
}

/**
 * mm/khugepaged.c:khugepaged_scan_pmd(), the loop. Faithful.
 * Enters with mmap_sem held for reading; returns with it held. Takes the ptl.
 */
export function* khugepaged_scan_ptes(k: Kernel, vma: Vma, haddr: Vaddr, scanned: Scanned): KRun<ScanResult> {
  const pmd = k.m.mm_find_pmd_slot(vma.vm_mm, haddr);
  if (!pmd) return 'pmd_null';
  const value = yield* k.pmd_get(pmd);
  if (!e.pmd_is_table(value)) return e.pmd_none(value) ? 'pmd_none' : 'pmd_null';
  const pte = k.m.pte_offset(pmd, haddr);
  const ptl = k.pte_lockptr(pte);
  yield* k.spin_lock(ptl);
  let result: ScanResult = 'succeed';
  for (; result === 'succeed' && pte.index < k.m.HPAGE_PMD_NR; pte.index++) {
    result = yield* k.khugepaged_scan_pte(vma, pte.va, yield* k.pte_get(pte), scanned);
  }
  yield* k.spin_unlock(ptl);
  return result === 'succeed' ? k.scanVerdict(scanned) : result;
}

/** mm_find_pmd(): the slot if there is a table of PTEs. */
export function* findPteTable(k: Kernel, mm: Mm, haddr: Vaddr): KRun<Slot | null> {
  const pmd = k.m.mm_find_pmd_slot(mm, haddr);
  return pmd && e.pmd_is_table(yield* k.pmd_get(pmd)) ? pmd : null;
}

/** What both passes ask when all PTEs were fine. */
export function scanVerdict(k: Kernel, scanned: Scanned): ScanResult {
  if (!scanned.writable) return 'page_ro';
  return scanned.referenced > 0 || scanned.forced ? 'succeed' : 'lack_referenced_page';
}

/**
 * mm/khugepaged.c:khugepaged_scan_pmd(), one PTE. Faithful; the reasons in the kernel's order.
 * Enters with the ptl held; returns with it held.
 *
 * @returns 'succeed' to go on
 */
export function* khugepaged_scan_pte(
  k: Kernel,
  vma: Vma,
  address: Vaddr,
  pteval: Pte,
  scanned: Scanned,
): KRun<ScanResult> {
  if (e.is_swap_pte(pteval)) {
    // Migration entries among them. The limit is 64 of 512.
    const isOver = ++scanned.unmapped > k.m.HPAGE_PMD_NR / 8 && !scanned.forced;
    return isOver ? 'exceed_swap_pte' : 'succeed';
  }
  if (isEmpty(k, pteval)) return k.noneTooMany(vma, scanned) ? 'exceed_none_pte' : 'succeed';
  if (!e.pte_present(pteval)) return 'pte_non_present';
  if (e.pte_write(pteval)) scanned.writable = true;
  const page = k.vm_normal_page(vma, address, pteval);
  if (page === null) return 'page_null';
  if (k.PageTransCompound(page)) return 'page_compound';
  if (!(yield* k.PageLRU(page))) return 'page_lru';
  if (k.PageLocked(page)) return 'page_lock';
  if (!k.PageAnon(page)) return 'page_anon';
  // Shared, pinned, or in a pagevec.
  const expected = (yield* k.PageSwapCache(page)) ? 2 : 1;
  if ((yield* k.page_count(page)) !== expected) return 'page_count';
  if (e.pte_young(pteval) || (yield* k.isReferenced(page))) scanned.referenced++;
  return 'succeed';
}

const isEmpty = (k: Kernel, pteval: Pte): boolean => e.pte_none(pteval) || k.is_zero_pfn(e.pte_pfn(pteval));

/** Another none or zero PTE: filling it would hide a missing page from userfaultfd. max_ptes_none is 511 of 512. */
export function noneTooMany(k: Kernel, vma: Vma, scanned: Scanned): boolean {
  if (k.userfaultfd_armed(vma)) return true;
  return ++scanned.none > k.m.HPAGE_PMD_NR - 1 && !scanned.forced;
}

/** PageReferenced(). */
export function* isReferenced(k: Kernel, page: Pfn): KRun<boolean> {
  return yield* k.step(
    'PageReferenced',
    pageFlagsObject(page),
    false,
    () => (k.m.pages.flags[page]! & PG_referenced) !== 0,
  );
}

/** The next aligned range of a VMA in which a huge page fits, at or after `from`. */
export function nextToScan(
  k: Kernel,
  mm: Mm,
  from: Vaddr,
  forced: boolean,
): { vma: Vma; haddr: Vaddr } | null {
  const size = k.m.HPAGE_PMD_SIZE;
  for (const vma of mm.mmap) {
    const start = Math.max(vma.vm_start, from);
    const haddr = Math.ceil(start / size) * size;
    if (haddr + size <= vma.vm_end && k.hugepage_vma_check(vma, forced)) return { vma, haddr: vaddr(haddr) };
  }
  return null;
}

/**
 * mm/khugepaged.c:khugepaged_scan_mm_slot(), until the end of the mm. Simplified: waits for mmap_sem instead of
 * skipping the mm, and does not pause between ranges. Where huge pages are never wanted there is no such thread.
 * Enters with nothing held; returns with nothing held.
 *
 * @returns ranges collapsed
 */
export function* khugepaged_scan_mm(k: Kernel, mm: Mm): KRun<number> {
  let collapsed = 0;
  if (k.m.config.thp === 'never') return collapsed;
  for (let from = vaddr(0); ; ) {
    yield* k.down_read(mm.mmap_sem);
    const next = mm.exited ? null : k.nextToScan(mm, from, false);
    if (!next) {
      yield* k.up_read(mm.mmap_sem);
      return collapsed;
    }
    if ((yield* k.khugepaged_scan_pmd(mm, next.vma, next.haddr)) === 'succeed') collapsed++;
    from = plus(next.haddr, k.m.HPAGE_PMD_SIZE);
  }
}

/**
 * mm/khugepaged.c:madvise_collapse(). Simplified: as in 6.1, by 4.19's passes; one VMA.
 * Enters with mmap_sem held for reading; returns with it held, but it was released meanwhile.
 *
 * @returns 0, or the error of the last range that failed
 */
export function* madvise_collapse(k: Kernel, vma: Vma, start: Vaddr, end: Vaddr): KRun<number> {
  const mm = vma.vm_mm;
  const size = k.m.HPAGE_PMD_SIZE;
  if (!k.hugepage_vma_check(vma, true) || !k.hasRoomForHuge(vma)) return -EINVAL;
  // A range that neither begins nor ends with a huge page counts as one that failed.
  if (Math.ceil(start / size) > Math.floor(end / size)) return -EINVAL;
  yield* k.lru_add_drain_all();
  let error = 0;
  for (let haddr = Math.ceil(start / size) * size; haddr + size <= end; haddr += size) {
    const now = k.find_vma(mm, vaddr(haddr));
    const isFit =
      now && now.vm_start <= haddr && haddr + size <= now.vm_end && k.hugepage_vma_check(now, true);
    if (!isFit) return -EINVAL;
    const pmd = k.m.mm_find_pmd_slot(mm, vaddr(haddr));
    if (pmd && e.pmd_trans_huge(yield* k.pmd_get(pmd))) continue;
    const result = yield* k.scanAndCollapse(mm, now, vaddr(haddr), true);
    yield* k.down_read(mm.mmap_sem);
    if (result !== 'succeed') error = -k.madvise_collapse_errno(result);
    if (!goesOnAfter.includes(result)) break;
  }
  return error;
}

/** Results after which MADV_COLLAPSE tries the next range. */
const goesOnAfter: readonly ScanResult[] = [
  ...(['succeed', 'pmd_null', 'pte_non_present', 'pte_uffd_wp', 'page_ro', 'lack_referenced_page'] as const),
  ...(['page_null', 'page_count', 'page_lock', 'page_compound', 'page_lru', 'del_page_lru'] as const),
];

/** transhuge_vma_suitable() at the last place of the mapping. Takes no step. */
export function hasRoomForHuge(k: Kernel, vma: Vma): boolean {
  const size = k.m.HPAGE_PMD_SIZE;
  return Math.ceil(vma.vm_start / size) * size + size <= vma.vm_end;
}

/**
 * mm/khugepaged.c:madvise_collapse_errno(). Faithful; as in 6.1, EAGAIN where trying again may help.
 * Enters with any locks held; returns with the same.
 */
export function madvise_collapse_errno(_k: Kernel, result: ScanResult): number {
  return ['page_lock', 'page_lru', 'del_page_lru'].includes(result) ? EAGAIN : EINVAL;
}
