/** fs/proc/task_mmu.c: /proc/PID/clear_refs and pagemap. */
import * as e from '../entry';
import { EINVAL, VM_PFNMAP, VM_SOFTDIRTY, withoutFlags } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma } from '../mm';
import { PG_referenced } from '../pages';
import { PmdWalk } from '../pmd_walk';
import type { Slot } from '../table';
import { PAGE_SIZE, type Pfn, type Pte, plus, type Vaddr } from '../units';

/** enum clear_refs_types. */
export const CLEAR_REFS_ALL = 1;
export const CLEAR_REFS_ANON = 2;
export const CLEAR_REFS_MAPPED = 3;
export const CLEAR_REFS_SOFT_DIRTY = 4;

/**
 * fs/proc/task_mmu.c:clear_refs_write(). Simplified: no mmu notifiers; 5 (peak size) is not there.
 * Enters with nothing held; returns with nothing held.
 */
export function* clear_refs_write(k: Kernel, mm: Mm, type: number): KRun<number> {
  if (type < CLEAR_REFS_ALL || type > CLEAR_REFS_SOFT_DIRTY) return -EINVAL;
  yield* k.down_read(mm.mmap_sem);
  const tlb = yield* k.tlb_gather_mmu(mm, null);
  if (type === CLEAR_REFS_SOFT_DIRTY && mm.mmap.some((vma) => vma.vm_flags & VM_SOFTDIRTY)) {
    yield* k.up_read(mm.mmap_sem);
    yield* k.down_write(mm.mmap_sem);
    for (const vma of mm.mmap) {
      vma.vm_flags = withoutFlags(vma.vm_flags, VM_SOFTDIRTY);
      k.vma_set_page_prot(vma);
    }
    yield* k.downgrade_write(mm.mmap_sem);
  }
  for (const vma of mm.mmap) {
    if (!k.clear_refs_test_walk(vma, type)) continue;
    for (const walk = new PmdWalk(mm, vma.vm_start, vma.vm_end); walk.advance(); ) {
      yield* k.clear_refs_pte_range(vma, walk.pmd, walk.addr, walk.next, type);
    }
  }
  yield* k.tlb_finish_mmu(tlb);
  yield* k.up_read(mm.mmap_sem);
  return 0;
}

/**
 * fs/proc/task_mmu.c:clear_refs_test_walk(). Faithful.
 * Enters with mmap_sem held; returns with it held.
 *
 * @returns whether the VMA is walked
 */
export function clear_refs_test_walk(k: Kernel, vma: Vma, type: number): boolean {
  if (vma.vm_flags & VM_PFNMAP) return false;
  if (type === CLEAR_REFS_ANON) return vma.vm_file === null;
  return type !== CLEAR_REFS_MAPPED || vma.vm_file !== null;
}

/**
 * fs/proc/task_mmu.c:clear_refs_pte_range(). Faithful.
 * Enters with mmap_sem held for reading; returns with it held. Takes the ptl.
 */
export function* clear_refs_pte_range(
  k: Kernel,
  vma: Vma,
  pmd: Slot,
  start: Vaddr,
  end: Vaddr,
  type: number,
): KRun<void> {
  const value = yield* k.pmd_get(pmd);
  if (e.pmd_none(value)) return;
  if (!e.pmd_is_table(value)) {
    const huge = yield* k.__pmd_trans_huge_lock(pmd, vma);
    if (huge) {
      yield* k.clear_refs_pmd(vma, pmd, type);
      yield* k.spin_unlock(huge);
      return;
    }
  }
  if (yield* k.pmd_trans_unstable(pmd)) return;
  const pte = k.m.pte_offset(pmd, start);
  const ptl = k.pte_lockptr(pte);
  yield* k.spin_lock(ptl);
  for (let addr = start; addr < end; addr = plus(addr, PAGE_SIZE), pte.index++) {
    const ptent = yield* k.pte_get(pte);
    if (e.pte_none(ptent)) continue;
    if (type === CLEAR_REFS_SOFT_DIRTY) {
      yield* k.clear_soft_dirty(vma, addr, pte, ptent);
      continue;
    }
    const page = e.pte_present(ptent) ? k.vm_normal_page(vma, addr, ptent) : null;
    if (page !== null) yield* clearReferenced(k, pte, page);
  }
  yield* k.spin_unlock(ptl);
}

/** ptep_test_and_clear_young(), which does not flush on x86, and ClearPageReferenced(). */
function* clearReferenced(k: Kernel, slot: Slot, page: Pfn): KRun<void> {
  yield* k.update(slot, 'clear A', e.pte_mkold);
  yield* k.testClear(k.m.compound_head(page), PG_referenced, 'PG_referenced');
}

/**
 * fs/proc/task_mmu.c:clear_soft_dirty(). Faithful.
 * Enters with the ptl held; returns with it held. The caller flushes.
 */
export function* clear_soft_dirty(k: Kernel, vma: Vma, addr: Vaddr, pte: Slot, ptent: Pte): KRun<void> {
  if (!k.m.config.softDirty) return;
  if (e.pte_present(ptent)) {
    const old = yield* k.ptep_modify_prot_start(pte);
    yield* k.ptep_modify_prot_commit(pte, e.pte_clear_soft_dirty(e.pte_wrprotect(old)));
  } else if (e.is_swap_pte(ptent)) {
    yield* k.set_pte_at(pte, e.pte_swp_clear_soft_dirty(ptent));
  }
}

/**
 * fs/proc/task_mmu.c:clear_refs_pte_range(), for a huge entry. Faithful.
 * Enters with the pmd lock held; returns with it held.
 */
export function* clear_refs_pmd(k: Kernel, vma: Vma, pmd: Slot, type: number): KRun<void> {
  if (type === CLEAR_REFS_SOFT_DIRTY) {
    yield* k.clear_soft_dirty_pmd(vma, pmd.va, pmd);
    return;
  }
  const value = yield* k.pmd_get(pmd);
  if (e.pmd_present(value)) yield* clearReferenced(k, pmd, e.pmd_pfn(value));
}

/**
 * fs/proc/task_mmu.c:clear_soft_dirty_pmd(). Faithful.
 * Enters with the pmd lock held; returns with it held. The entry is never seen empty.
 */
export function* clear_soft_dirty_pmd(k: Kernel, vma: Vma, addr: Vaddr, pmd: Slot): KRun<void> {
  if (!k.m.config.softDirty) return;
  const value = yield* k.pmd_get(pmd);
  if (e.pmd_present(value)) {
    const old = yield* k.pmdp_invalidate(vma.vm_mm, pmd);
    let kept = value;
    if (e.pmd_dirty(old)) kept = e.pmd_mkdirty(kept);
    if (e.pmd_young(old)) kept = e.pmd_mkyoung(kept);
    yield* k.set_pmd_at(pmd, e.pmd_clear_soft_dirty(e.pmd_wrprotect(kept)));
  } else if (e.is_pmd_migration_entry(value)) {
    yield* k.set_pmd_at(pmd, e.pte_swp_clear_soft_dirty(value));
  }
}
