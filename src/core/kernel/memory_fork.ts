/**
 * mm/memory.c: copying page tables for a child. The two VMAs stand for their mms too: 4.19 hands both around and
 * only the parent's VMA, later kernels hand around the two VMAs.
 */
import * as e from '../entry';
import { ENOMEM, is_cow_mapping, VM_HUGETLB, VM_MIXEDMAP, VM_PFNMAP, VM_SHARED } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma } from '../mm';
import { PmdWalk } from '../pmd_walk';
import type { Slot } from '../table';
import { PAGE_SIZE, type Pfn, type Pte, plus, type Vaddr } from '../units';

/**
 * mm/memory.c:copy_page_range(), with the levels down to the PMD table. Simplified: no mmu notifiers.
 * Enters with both mmap_sems held for write; returns with them held.
 *
 * @param vma of the parent
 * @param dst_vma its copy
 */
export function* copy_page_range(k: Kernel, dst_mm: Mm, src_mm: Mm, vma: Vma, dst_vma: Vma): KRun<number> {
  if (!k.vma_needs_copy(dst_vma, vma)) return 0;
  for (const walk = new PmdWalk(src_mm, vma.vm_start, vma.vm_end); walk.advance(); ) {
    const error = yield* k.copy_pmd_range(dst_vma, vma, walk.pmd, walk.addr, walk.next);
    if (error !== 0) return error;
  }
  return 0;
}

/**
 * mm/memory.c:copy_page_range(), which mappings. Faithful; what a fault can find again in its file is not copied.
 * Enters with both mmap_sems held for write; returns with them held.
 */
export function vma_needs_copy(k: Kernel, dst_vma: Vma, vma: Vma): boolean {
  return (vma.vm_flags & (VM_HUGETLB | VM_PFNMAP | VM_MIXEDMAP)) !== 0 || vma.anon_vma !== 0;
}

/**
 * mm/memory.c:copy_pmd_range(), for one PMD entry. Faithful.
 * Enters with both mmap_sems held for write; returns with them held.
 */
export function* copy_pmd_range(
  k: Kernel,
  dst_vma: Vma,
  vma: Vma,
  src_pmd: Slot,
  addr: Vaddr,
  next: Vaddr,
): KRun<number> {
  const value = yield* k.pmd_get(src_pmd);
  if (e.pmd_none(value)) return 0;
  const dst_mm = dst_vma.vm_mm;
  const dst_pmd = k.m.pmd_alloc(dst_mm, addr);
  if (e.is_swap_pmd(value) || e.pmd_trans_huge(value) || e.pmd_devmap(value)) {
    k.VM_BUG_ON(next - addr !== k.m.HPAGE_PMD_SIZE, 'mm/memory.c:copy_pmd_range(): part of a huge page');
    const error = yield* k.copy_huge_pmd(dst_mm, vma.vm_mm, dst_pmd, src_pmd, addr, vma, dst_vma);
    if (error === 0 || error === -ENOMEM) return error;
    // It is no longer huge: copy PTEs.
  }
  if (!e.pmd_is_table(yield* k.pmd_get(src_pmd))) return 0;
  return yield* k.copy_pte_range(dst_vma, vma, dst_pmd, src_pmd, addr, next);
}

/**
 * mm/memory.c:copy_pte_range(). Simplified: no rescheduling; swap counts never overflow.
 * Enters with both mmap_sems held for write; returns with them held. Takes both ptls, the child's first.
 */
export function* copy_pte_range(
  k: Kernel,
  dst_vma: Vma,
  vma: Vma,
  dst_pmd: Slot,
  src_pmd: Slot,
  start: Vaddr,
  end: Vaddr,
): KRun<number> {
  yield* k.pte_alloc(dst_vma.vm_mm, dst_pmd);
  const dst_pte = k.m.pte_offset(dst_pmd, start);
  const src_pte = k.m.pte_offset(src_pmd, start);
  const dst_ptl = k.pte_lockptr(dst_pte);
  const src_ptl = k.pte_lockptr(src_pte);
  yield* k.spin_lock(dst_ptl);
  yield* k.spin_lock(src_ptl);
  for (let addr = start; addr < end; addr = plus(addr, PAGE_SIZE)) {
    const pte = yield* k.pte_get(src_pte);
    if (!e.pte_none(pte)) yield* k.copy_one_pte(dst_vma, vma, dst_pte, src_pte, pte, addr);
    dst_pte.index++;
    src_pte.index++;
  }
  yield* k.spin_unlock(src_ptl);
  yield* k.spin_unlock(dst_ptl);
  return 0;
}

/**
 * mm/memory.c:copy_one_pte(). Simplified: no device memory, no counters of the mm. Asks for pins, as later kernels do.
 * Enters with both ptls held; returns with them held.
 *
 * @param pte what the caller found in `src_pte`
 */
export function* copy_one_pte(
  k: Kernel,
  dst_vma: Vma,
  vma: Vma,
  dst_pte: Slot,
  src_pte: Slot,
  pte: Pte,
  addr: Vaddr,
): KRun<void> {
  if (!e.pte_present(pte)) {
    yield* k.set_pte_at(dst_pte, yield* k.copy_nonpresent_pte(vma, src_pte, pte));
    return;
  }
  const page = k.vm_normal_page(vma, addr, pte);
  if (page !== null && (yield* k.page_needs_cow_for_dma(vma, page))) {
    return yield* k.copy_present_page(dst_vma, dst_pte, src_pte, addr, page);
  }
  const cow = is_cow_mapping(vma.vm_flags);
  let copy = pte;
  if (cow && e.pte_write(pte)) {
    // The value read above is what the child gets: D and A that hardware sets in between stay with the parent.
    yield* k.ptep_set_wrprotect(src_pte);
    copy = e.pte_wrprotect(copy);
  }
  // Of a shared page only the PTE through which it was written is dirty.
  if (vma.vm_flags & VM_SHARED) copy = e.pte_mkclean(copy);
  copy = e.pte_mkold(copy);
  if (page !== null) {
    yield* k.get_page(page);
    yield* k.page_dup_rmap(page, false);
  }
  yield* k.set_pte_at(dst_pte, copy);
}

/**
 * mm/memory.c:copy_present_page(). Simplified: of a later kernel; a page for the copy is always there, so that no lock is
 * dropped to allocate one.
 * Enters with both ptls held; returns with them held. The parent's entry stays as it is, writable if it was.
 */
export function* copy_present_page(
  k: Kernel,
  dst_vma: Vma,
  dst_pte: Slot,
  src_pte: Slot,
  addr: Vaddr,
  page: Pfn,
): KRun<void> {
  const new_page = k.alloc_page(1, k.numa_node_id());
  yield* k.copy_pinned_page(page, new_page);
  k.__SetPageUptodate(new_page);
  yield* k.page_add_new_anon_rmap(new_page, dst_vma, addr, false);
  yield* k.lru_cache_add(new_page);
  const entry = k.maybe_mkwrite(e.pte_mkdirty(e.mk_pte(new_page, dst_vma.vm_page_prot)), dst_vma);
  yield* k.set_pte_at(dst_pte, yield* k.copied_page_pte(dst_vma, src_pte, entry));
}

/**
 * mm/memory.c:copy_present_page(), what the child's entry takes over from the parent's. Faithful; nothing, before 5.14.
 * Enters with both ptls held; returns with them held.
 */
export function* copied_page_pte(_k: Kernel, _dst_vma: Vma, _src_pte: Slot, entry: Pte): KRun<Pte> {
  return entry;
}

/**
 * mm/memory.c:copy_one_pte(), for swap and migration entries. Simplified: no device memory, no list of swapped mms.
 * Enters with both ptls held; returns with them held.
 *
 * @returns the child's entry
 */
export function* copy_nonpresent_pte(k: Kernel, vma: Vma, src_pte: Slot, pte: Pte): KRun<Pte> {
  if (e.swp_type(pte) === e.SwapType.swap) yield* k.swap_duplicate(pte);
  if (!e.is_write_migration_entry(pte) || !is_cow_mapping(vma.vm_flags)) return pte;
  // Shared from now on: neither may come back writable. The markers stay.
  const read = e.make_migration_entry_read(pte);
  yield* k.set_pte_at(src_pte, read);
  return read;
}
