/**
 * mm/memory.c: gathering what leaves the page tables (mmu_gather). Pages lose the reference of their mapping only
 * after the TLBs were flushed.
 */
import type { Kernel, KRun } from '../kernel';
import type { Mm } from '../mm';
import { PAGE_SIZE, type Pfn, type Vaddr, vaddr } from '../units';

/** Where the kernel stops allocating batches, about 10 000 pages of 510 at a time. */
const MAX_GATHERED = 19 * 510;

/** struct mmu_gather. */
export interface MmuGather {
  readonly mm: Mm;
  /** What was asked to be gathered, for the case that another gathers at the same time. Null: the whole mm. */
  readonly asked: { readonly start: Vaddr; readonly end: Vaddr } | null;
  /** What was cleared so far and must be flushed; empty where start is not below end. */
  start: number;
  end: number;
  /** Pages whose references are dropped after the flush. */
  pages: Pfn[];
}

/**
 * mm/memory.c:tlb_gather_mmu(). Faithful.
 * Enters with mmap_sem held; returns with it held, and tlb_flush_pending raised until tlb_finish_mmu().
 *
 * @param asked the range, or null for the whole mm
 */
export function* tlb_gather_mmu(k: Kernel, mm: Mm, asked: MmuGather['asked']): KRun<MmuGather> {
  yield* k.inc_tlb_flush_pending(mm);
  return { mm, asked, start: Number.POSITIVE_INFINITY, end: 0, pages: [] };
}

/**
 * mm/memory.c:tlb_finish_mmu(). Faithful; if another one gathers meanwhile, the whole range is flushed, because what
 * this one found empty may have been emptied by the other, who has not flushed yet.
 * Enters with mmap_sem held; returns with it held.
 */
export function* tlb_finish_mmu(k: Kernel, tlb: MmuGather): KRun<void> {
  const nested = yield* k.mm_tlb_flush_nested(tlb.mm);
  if (nested) {
    tlb.start = tlb.asked?.start ?? 0;
    tlb.end = tlb.asked?.end ?? Number.MAX_SAFE_INTEGER;
  }
  yield* k.tlb_flush_mmu(tlb);
  yield* k.dec_tlb_flush_pending(tlb.mm);
}

/**
 * mm/memory.c:tlb_flush_mmu(). Faithful.
 * Enters with mmap_sem held and no spinlock; returns with it held.
 */
export function* tlb_flush_mmu(k: Kernel, tlb: MmuGather): KRun<void> {
  yield* k.tlb_flush_mmu_tlbonly(tlb);
  yield* k.tlb_flush_mmu_free(tlb);
}

/**
 * mm/memory.c:tlb_flush_mmu_tlbonly(). Faithful; a gather of the whole mm always flushes.
 * Enters with mmap_sem held, maybe the ptl; returns with them held.
 */
export function* tlb_flush_mmu_tlbonly(k: Kernel, tlb: MmuGather): KRun<void> {
  if (tlb.asked === null) yield* k.flush_tlb_mm(tlb.mm);
  else if (tlb.start < tlb.end) yield* k.flush_tlb_range(tlb.mm, vaddr(tlb.start), vaddr(tlb.end));
  tlb.start = Number.POSITIVE_INFINITY;
  tlb.end = 0;
}

/**
 * mm/memory.c:tlb_flush_mmu_free(). Faithful.
 * Enters with no spinlock held; returns with none held.
 */
export function* tlb_flush_mmu_free(k: Kernel, tlb: MmuGather): KRun<void> {
  const { pages } = tlb;
  if (pages.length === 0) return;
  tlb.pages = [];
  yield* k.free_pages_and_swap_cache(pages);
}

/**
 * mm/swap_state.c:free_pages_and_swap_cache(). Faithful.
 * Enters with no spinlock held; returns with none held. Drops one reference of every page.
 */
export function* free_pages_and_swap_cache(k: Kernel, pages: readonly Pfn[]): KRun<void> {
  yield* k.lru_add_drain();
  for (const page of pages) yield* k.free_swap_cache(page);
  for (const page of pages) yield* k.put_page(page);
}

/**
 * include/asm-generic/tlb.h:tlb_remove_tlb_entry(). Faithful.
 * Enters with the ptl held; returns with it held. The entry of `addr` was cleared and will be flushed.
 */
export function tlb_remove_tlb_entry(k: Kernel, tlb: MmuGather, addr: Vaddr): void {
  tlb.start = Math.min(tlb.start, addr);
  tlb.end = Math.max(tlb.end, addr + PAGE_SIZE);
}

/**
 * include/asm-generic/tlb.h:tlb_remove_pmd_tlb_entry(). Faithful.
 * Enters with the pmd lock held; returns with it held.
 */
export function tlb_remove_pmd_tlb_entry(k: Kernel, tlb: MmuGather, addr: Vaddr): void {
  tlb.start = Math.min(tlb.start, addr);
  tlb.end = Math.max(tlb.end, addr + k.m.HPAGE_PMD_SIZE);
}

/**
 * mm/memory.c:__tlb_remove_page_size(). Simplified: one list instead of batches.
 * Enters with the ptl held; returns with it held. For a compound page, hand in the head.
 *
 * @returns whether the batches are full: flush before the next page
 */
export function __tlb_remove_page_size(k: Kernel, tlb: MmuGather, page: Pfn): boolean {
  tlb.pages.push(page);
  return tlb.pages.length >= MAX_GATHERED;
}

/**
 * include/asm-generic/tlb.h:tlb_remove_page_size(). Faithful.
 * Enters with no spinlock held; returns with none held.
 */
export function* tlb_remove_page_size(k: Kernel, tlb: MmuGather, page: Pfn): KRun<void> {
  if (k.__tlb_remove_page_size(tlb, page)) yield* k.tlb_flush_mmu(tlb);
}
