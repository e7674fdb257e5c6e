/** mremap: of a move without EVENT_REMAP no mark is kept. */
import { entry as e, flags, mainline, PAGE_SIZE, plus, type VariantKernel, type Vma } from '../../core';

const { UFFD_FEATURE_EVENT_REMAP } = mainline;

/** The moved mapping will not be armed, so its entries must not be marked. */
const losesMarks = (vma: Vma): boolean => {
  const ctx = vma.vm_userfaultfd_ctx;
  return ctx !== null && (ctx.features & UFFD_FEATURE_EVENT_REMAP) === 0;
};

export const mremap: VariantKernel = {
  /** Where nothing is mapped, nothing is unmapped at the new place either. */
  *mremap_to(k, mm, addr, old_len, new_addr, new_len, events) {
    const vma = k.find_vma(mm, addr);
    if (vma === null || vma.vm_start > addr) return -flags.EFAULT;
    return yield* mainline.mremap_to(k, mm, addr, old_len, new_addr, new_len, events);
  },

  *move_ptes(k, vma, old_pmd, old_start, old_end, _new_vma, new_pmd, new_addr) {
    const clears = losesMarks(vma);
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
        const old = yield* k.ptep_get_and_clear(old_pte);
        if (e.pte_present(old)) force_flush = true;
        let pte = k.move_soft_dirty_pte(old);
        if (clears) pte = e.pte_present(pte) ? e.pte_clear_uffd_wp(pte) : e.pte_swp_clear_uffd_wp(pte);
        if (!(clears && e.is_pte_marker(old))) yield* k.set_pte_at(new_pte, pte);
      }
      old_pte.index++;
      new_pte.index++;
    }
    if (force_flush) yield* k.flush_tlb_range(vma.vm_mm, old_start, old_end);
    if (new_ptl !== old_ptl) yield* k.spin_unlock(new_ptl);
    yield* k.spin_unlock(old_ptl);
  },
  *move_huge_pmd(k, vma, old_addr, new_addr, old_end, old_pmd, new_pmd) {
    const moved = yield* mainline.move_huge_pmd(k, vma, old_addr, new_addr, old_end, old_pmd, new_pmd);
    if (!moved || !losesMarks(vma)) return moved;
    const ptl = k.pmd_lockptr(new_pmd);
    yield* k.spin_lock(ptl);
    const pmd = yield* k.pmd_get(new_pmd);
    const bare = e.pmd_present(pmd) ? e.pmd_clear_uffd_wp(pmd) : e.pte_swp_clear_uffd_wp(pmd);
    if (bare !== pmd) yield* k.set_pmd_at(new_pmd, bare);
    yield* k.spin_unlock(ptl);
    return true;
  },
};
