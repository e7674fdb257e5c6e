/** mm/mremap.c: moving entries from one place to another. */
import * as e from '../entry';
import type { Kernel, KRun } from '../kernel';
import type { Vma } from '../mm';
import { PmdWalk } from '../pmd_walk';
import type { Slot } from '../table';
import { PAGE_SIZE, type Pte, plus, type Vaddr } from '../units';

/**
 * mm/mremap.c:move_page_tables(). Simplified: no mmu notifiers, never out of memory; the rmap lock is one for all, and
 * is taken whatever the order of the VMAs.
 * Enters with mmap_sem held for write; returns with it held.
 */
export function* move_page_tables(
  k: Kernel,
  vma: Vma,
  old_start: Vaddr,
  new_vma: Vma,
  new_start: Vaddr,
  len: number,
): KRun<void> {
  const distance = new_start - old_start;
  const old_end = plus(old_start, len);
  const size = k.m.HPAGE_PMD_SIZE;
  for (const walk = new PmdWalk(vma.vm_mm, old_start, old_end); walk.advance(); ) {
    const old_pmd = walk.pmd;
    const value = yield* k.pmd_get(old_pmd);
    if (e.pmd_none(value)) continue;
    if (e.is_swap_pmd(value) || e.pmd_trans_huge(value)) {
      const new_pmd = k.m.pmd_alloc(new_vma.vm_mm, plus(walk.addr, distance));
      if (walk.next - walk.addr === size) {
        yield* k.rmap_lock_write();
        const new_addr = plus(walk.addr, distance);
        const isMoved = yield* k.move_huge_pmd(vma, walk.addr, new_addr, old_end, old_pmd, new_pmd);
        yield* k.rmap_unlock_write();
        if (isMoved) continue;
      }
      yield* k.__split_huge_pmd(vma, old_pmd, walk.addr, false, null);
      if (yield* k.pmd_trans_unstable(old_pmd)) continue;
    }
    // The two ranges may lie differently within their tables, so one old table can feed two new ones.
    for (let addr = walk.addr; addr < walk.next; ) {
      const new_addr = plus(addr, distance);
      const new_pmd = k.m.pmd_alloc(new_vma.vm_mm, new_addr);
      yield* k.pte_alloc(new_vma.vm_mm, new_pmd);
      const extent = Math.min(walk.next - addr, new_pmd.va + size - new_addr);
      yield* k.rmap_lock_write();
      yield* k.move_ptes(vma, old_pmd, addr, plus(addr, extent), new_vma, new_pmd, new_addr);
      yield* k.rmap_unlock_write();
      addr = plus(addr, extent);
    }
  }
}

/**
 * mm/mremap.c:move_ptes(). Faithful; flushes before the ptl of the old entries goes, as 4.19 does since -rc8.
 * Enters with mmap_sem held for write; returns with it held. Takes both ptls.
 */
export function* move_ptes(
  k: Kernel,
  vma: Vma,
  old_pmd: Slot,
  old_start: Vaddr,
  old_end: Vaddr,
  new_vma: Vma,
  new_pmd: Slot,
  new_addr: Vaddr,
): KRun<void> {
  const old_pte = k.m.pte_offset(old_pmd, old_start);
  const new_pte = k.m.pte_offset(new_pmd, new_addr);
  const old_ptl = k.pte_lockptr(old_pte);
  const new_ptl = k.pte_lockptr(new_pte);
  yield* k.spin_lock(old_ptl);
  if (new_ptl !== old_ptl) yield* k.spin_lock(new_ptl);
  yield* k.flush_tlb_batched_pending(vma.vm_mm);
  let force_flush = false;
  for (let addr = old_start; addr < old_end; addr = plus(addr, PAGE_SIZE)) {
    if (!e.pte_none(yield* k.pte_get(old_pte))) {
      const pte = yield* k.ptep_get_and_clear(old_pte);
      if (e.pte_present(pte)) force_flush = true;
      yield* k.set_pte_at(new_pte, k.move_soft_dirty_pte(pte));
    }
    old_pte.index++;
    new_pte.index++;
  }
  if (force_flush) yield* k.flush_tlb_range(vma.vm_mm, old_start, old_end);
  if (new_ptl !== old_ptl) yield* k.spin_unlock(new_ptl);
  yield* k.spin_unlock(old_ptl);
}

/**
 * mm/mremap.c:move_soft_dirty_pte(). Faithful; what moved counts as written.
 * Enters with the ptl held; returns with it held.
 */
export function move_soft_dirty_pte(k: Kernel, pte: Pte): Pte {
  if (!k.m.config.softDirty) return pte;
  if (e.pte_present(pte)) return e.pte_mksoft_dirty(pte);
  return e.is_swap_pte(pte) ? e.pte_swp_mksoft_dirty(pte) : pte;
}
