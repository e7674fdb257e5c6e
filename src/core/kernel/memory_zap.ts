/** mm/memory.c: taking pages out of page tables. */
import * as e from '../entry';
import type { Kernel, KRun } from '../kernel';
import type { File, Vma } from '../mm';
import { Mapping } from '../pages';
import { PmdWalk } from '../pmd_walk';
import type { Slot } from '../table';
import { PAGE_SIZE, type Pfn, type Pte, plus, type Vaddr, vaddr } from '../units';
import { vmaAfter } from '../vma_list';
import type { MmuGather } from './memory_gather';

export type { MmuGather } from './memory_gather';

/** struct zap_details: only pages of this file, and only entries that are present. Null: everything. */
export type ZapDetails = { readonly check_mapping: File } | null;

/**
 * mm/memory.c:unmap_vmas(). Simplified: no mmu notifiers.
 * Enters with mmap_sem held, or the last user gone; returns with it held.
 */
export function* unmap_vmas(
  k: Kernel,
  tlb: MmuGather,
  vmas: readonly Vma[],
  start: Vaddr,
  end: Vaddr,
): KRun<void> {
  for (const vma of vmas) yield* k.unmap_single_vma(tlb, vma, start, end, null);
}

/**
 * mm/memory.c:unmap_single_vma(). Simplified: no hugetlb, no uprobes.
 * Enters with mmap_sem held; returns with it held.
 */
export function* unmap_single_vma(
  k: Kernel,
  tlb: MmuGather,
  vma: Vma,
  start_addr: Vaddr,
  end_addr: Vaddr,
  details: ZapDetails,
): KRun<void> {
  const start = vaddr(Math.max(vma.vm_start, start_addr));
  const end = vaddr(Math.min(vma.vm_end, end_addr));
  if (start < end) yield* k.unmap_page_range(tlb, vma, start, end, details);
}

/**
 * mm/memory.c:unmap_page_range(), with the levels between. Faithful.
 * Enters with mmap_sem held; returns with it held.
 */
export function* unmap_page_range(
  k: Kernel,
  tlb: MmuGather,
  vma: Vma,
  addr: Vaddr,
  end: Vaddr,
  details: ZapDetails,
): KRun<void> {
  for (const walk = new PmdWalk(vma.vm_mm, addr, end); walk.advance(); ) {
    yield* k.zap_pmd_range(tlb, vma, walk.pmd, walk.addr, walk.next, details);
  }
}

/**
 * mm/memory.c:zap_pmd_range(), for one PMD entry. Faithful.
 * Enters with mmap_sem held; returns with it held.
 */
export function* zap_pmd_range(
  k: Kernel,
  tlb: MmuGather,
  vma: Vma,
  pmd: Slot,
  addr: Vaddr,
  next: Vaddr,
  details: ZapDetails,
): KRun<void> {
  const value = yield* k.pmd_get(pmd);
  if (e.pmd_none(value)) return;
  if (e.is_swap_pmd(value) || e.pmd_trans_huge(value) || e.pmd_devmap(value)) {
    if (next - addr !== k.m.HPAGE_PMD_SIZE) yield* k.__split_huge_pmd(vma, pmd, addr, false, null);
    else if (yield* k.zap_huge_pmd(tlb, vma, pmd, addr)) return;
  }
  // Under mmap_sem for reading another may have zapped it or, with a fault, made it huge: that is a new page then.
  if (yield* k.pmd_trans_unstable(pmd)) return;
  yield* k.zap_pte_range(tlb, vma, pmd, addr, next, details);
  k.might_sleep('cond_resched()');
}

/**
 * mm/memory.c:zap_pte_range(). Simplified: no rescheduling, no counters of the mm.
 * Enters with mmap_sem held; returns with it held. Takes the ptl.
 */
export function* zap_pte_range(
  k: Kernel,
  tlb: MmuGather,
  vma: Vma,
  pmd: Slot,
  start: Vaddr,
  end: Vaddr,
  details: ZapDetails,
): KRun<void> {
  let addr = start;
  while (addr < end) {
    const pte = k.m.pte_offset(pmd, addr);
    const ptl = k.pte_lockptr(pte);
    yield* k.spin_lock(ptl);
    yield* k.flush_tlb_batched_pending(vma.vm_mm);
    let force_flush = false;
    let full = false;
    for (; addr < end && !full; addr = plus(addr, PAGE_SIZE), pte.index++) {
      const ptent = yield* k.pte_get(pte);
      if (e.pte_none(ptent)) continue;
      if (e.pte_present(ptent)) {
        const done = yield* k.zap_present_pte(tlb, vma, pte, addr, ptent, details);
        force_flush ||= done !== 'gathered';
        full = done === 'full';
      } else if (details === null) {
        yield* k.zap_nonpresent_pte(vma, pte, addr, ptent);
      }
    }
    // Before the lock goes: whoever takes it next must not find a clean page that can still be written.
    if (force_flush) yield* k.tlb_flush_mmu_tlbonly(tlb);
    yield* k.spin_unlock(ptl);
    if (force_flush) yield* k.tlb_flush_mmu_free(tlb);
  }
}

/**
 * mm/memory.c:zap_pte_range(), for an entry that is present. Simplified: PG_referenced is set, nothing is activated.
 * Enters with the ptl held; returns with it held.
 */
export function* zap_present_pte(
  k: Kernel,
  tlb: MmuGather,
  vma: Vma,
  pte: Slot,
  addr: Vaddr,
  ptent: Pte,
  details: ZapDetails,
): KRun<'gathered' | 'dirtied' | 'full'> {
  const page = k.vm_normal_page(vma, addr, ptent);
  if (details && page !== null && !isOf(k, page, details.check_mapping)) return 'gathered';
  const old = yield* k.ptep_get_and_clear(pte);
  k.tlb_remove_tlb_entry(tlb, addr);
  if (page === null) return 'gathered';
  let dirtied = false;
  if (!k.PageAnon(page)) {
    if (e.pte_dirty(old)) {
      dirtied = true;
      yield* k.set_page_dirty(page);
    }
    if (e.pte_young(old)) yield* k.SetPageReferenced(page);
  }
  yield* k.page_remove_rmap(page, false);
  if ((yield* k.page_mapcount(page)) < 0) k.print_bad_pte(vma, addr, old);
  if (k.__tlb_remove_page_size(tlb, page)) return 'full';
  return dirtied ? 'dirtied' : 'gathered';
}

/** page_rmapping(page) == mapping of the file. */
function isOf(k: Kernel, page: Pfn, file: File): boolean {
  const { pages } = k.m;
  const head = k.m.compound_head(page);
  return pages.mapping[head] === Mapping.file && pages.mappingId[head] === file.id;
}

/**
 * mm/memory.c:zap_pte_range(), for swap and migration entries. Simplified: no device memory.
 * Enters with the ptl held; returns with it held. What put a migration entry there has dropped its reference.
 */
export function* zap_nonpresent_pte(k: Kernel, vma: Vma, pte: Slot, addr: Vaddr, ptent: Pte): KRun<void> {
  if (e.swp_type(ptent) === e.SwapType.swap && !(yield* k.free_swap_and_cache(ptent))) {
    k.print_bad_pte(vma, addr, ptent);
  }
  yield* k.set_pte_at(pte, e.NONE);
}

/**
 * mm/memory.c:zap_page_range(). Faithful; from the VMA on to whatever follows it in the range.
 * Enters with mmap_sem held; returns with it held.
 */
export function* zap_page_range(k: Kernel, vma: Vma, start: Vaddr, end: Vaddr): KRun<void> {
  yield* k.lru_add_drain();
  const tlb = yield* k.tlb_gather_mmu(vma.vm_mm, { start, end });
  for (let at: Vma | null = vma; at !== null && at.vm_start < end; at = vmaAfter(at)) {
    yield* k.unmap_single_vma(tlb, at, start, end, null);
  }
  yield* k.tlb_finish_mmu(tlb);
}
