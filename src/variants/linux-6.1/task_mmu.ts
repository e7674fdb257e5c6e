/** Markers when pages of a file are unmapped. */
import {
  entry as e,
  flags,
  type Kernel,
  mainline,
  PmdWalk,
  type Pte,
  type VariantKernel,
  type Vma,
} from '../../core';

const { VM_UFFD_WP } = flags;

/** Whether the place of an entry that goes gets a marker. */
const leavesMarker = (k: Kernel, vma: Vma, old: Pte): boolean => {
  if (k.vma_is_anonymous(vma) || !(vma.vm_flags & VM_UFFD_WP)) return false;
  return e.pte_present(old) ? e.pte_uffd_wp(old) : e.is_swap_pte(old) && e.pte_swp_uffd_wp(old);
};

export const task_mmu: VariantKernel = {
  *zap_present_pte(k, tlb, vma, pte, addr, ptent, details) {
    const done = yield* mainline.zap_present_pte(k, tlb, vma, pte, addr, ptent, details);
    const isGone = e.pte_none(yield* k.pte_get(pte));
    if (isGone && leavesMarker(k, vma, ptent)) yield* k.set_pte_at(pte, e.make_pte_marker());
    return done;
  },
  *zap_nonpresent_pte(k, vma, pte, addr, ptent) {
    if (e.is_pte_marker(ptent) && leavesMarker(k, vma, ptent)) return;
    yield* mainline.zap_nonpresent_pte(k, vma, pte, addr, ptent);
  },

  /** Where the mapping itself goes, markers go too. */
  *unmap_vmas(k, tlb, vmas, start, end) {
    yield* mainline.unmap_vmas(k, tlb, vmas, start, end);
    for (const vma of vmas) {
      if (k.vma_is_anonymous(vma) || !(vma.vm_flags & VM_UFFD_WP)) continue;
      for (const walk = new PmdWalk(vma.vm_mm, vma.vm_start, vma.vm_end); walk.advance(); ) {
        if (yield* k.pmd_trans_unstable(walk.pmd)) continue;
        const pte = k.m.pte_offset(walk.pmd, walk.addr);
        const ptl = k.pte_lockptr(pte);
        yield* k.spin_lock(ptl);
        for (let addr: number = walk.addr; addr < walk.next; addr += 4096, pte.index++) {
          const isMarker = e.is_pte_marker(yield* k.pte_get(pte));
          if (isMarker && addr >= start && addr < end) yield* k.set_pte_at(pte, e.NONE);
        }
        yield* k.spin_unlock(ptl);
      }
    }
  },
};
