/** Fork: what both processes map is no longer exclusive, and marks are kept only where the child is armed. */
import {
  entry as e,
  flags,
  type Kernel,
  type KRun,
  type Pfn,
  type VariantKernel,
  type Vma,
} from '../../core';

const { EAGAIN, is_cow_mapping, VM_HUGETLB, VM_MIXEDMAP, VM_PFNMAP, VM_SHARED, VM_UFFD_WP } = flags;

const userfaultfd_wp = (vma: Vma): boolean => (vma.vm_flags & VM_UFFD_WP) !== 0;

/** page_try_dup_anon_rmap(), and page_dup_file_rmap() of a file. False: the child has to get a copy. */
function* page_try_dup_anon_rmap(k: Kernel, page: Pfn, vma: Vma, compound: boolean): KRun<boolean> {
  if (k.PageAnon(page) && (yield* k.PageAnonExclusive(page))) {
    if (yield* k.page_needs_cow_for_dma(vma, page)) return false;
    yield* k.ClearPageAnonExclusive(page);
  }
  yield* k.page_dup_rmap(page, compound);
  return true;
}

export const fork: VariantKernel = {
  vma_needs_copy(_k, dst_vma, vma) {
    if (userfaultfd_wp(dst_vma)) return true;
    return (vma.vm_flags & (VM_HUGETLB | VM_PFNMAP | VM_MIXEDMAP)) !== 0 || vma.anon_vma !== 0;
  },

  *copy_one_pte(k, dst_vma, vma, dst_pte, src_pte, pte, addr) {
    const isArmed = userfaultfd_wp(dst_vma);
    if (!e.pte_present(pte)) {
      const copied = yield* k.copy_nonpresent_pte(vma, src_pte, pte);
      if (e.is_pte_marker(copied) && !isArmed) return;
      yield* k.set_pte_at(dst_pte, isArmed ? copied : e.pte_swp_clear_uffd_wp(copied));
      return;
    }
    const page = k.vm_normal_page(vma, addr, pte);
    if (page !== null) {
      yield* k.get_page(page);
      if (!(yield* page_try_dup_anon_rmap(k, page, vma, false))) {
        yield* k.put_page(page);
        return yield* k.copy_present_page(dst_vma, dst_pte, src_pte, addr, page);
      }
    }
    let copy = pte;
    if (is_cow_mapping(vma.vm_flags) && e.pte_write(pte)) {
      yield* k.ptep_set_wrprotect(src_pte);
      copy = e.pte_wrprotect(copy);
    }
    if (vma.vm_flags & VM_SHARED) copy = e.pte_mkclean(copy);
    copy = e.pte_mkold(copy);
    yield* k.set_pte_at(dst_pte, isArmed ? copy : e.pte_clear_uffd_wp(copy));
  },

  *copied_page_pte(k, dst_vma, src_pte, entry) {
    const isMarked = userfaultfd_wp(dst_vma) && e.pte_uffd_wp(yield* k.pte_get(src_pte));
    return isMarked ? e.pte_wrprotect(e.pte_mkuffd_wp(entry)) : entry;
  },

  *copy_nonpresent_pte(k, vma, src_pte, pte) {
    const type = e.swp_type(pte);
    let shared = pte;
    if (type === e.SwapType.swap) {
      yield* k.swap_duplicate(pte);
      shared = e.pte_swp_clear_exclusive(pte);
    } else if (e.is_migration_entry(pte) && is_cow_mapping(vma.vm_flags)) {
      shared = e.make_migration_entry_read(pte);
    }
    if (shared !== pte) yield* k.set_pte_at(src_pte, shared);
    return shared;
  },

  *copy_huge_pmd(k, _dst_mm, _src_mm, dst_pmd, src_pmd, addr, vma, dst_vma) {
    if (!k.vma_is_anonymous(vma)) return 0;
    const dst_ptl = k.pmd_lockptr(dst_pmd);
    const src_ptl = k.pmd_lockptr(src_pmd);
    yield* k.spin_lock(dst_ptl);
    yield* k.spin_lock(src_ptl);
    const pmd = yield* k.pmd_get(src_pmd);
    const isArmed = userfaultfd_wp(dst_vma);
    let ret = 0;
    if (e.is_swap_pmd(pmd)) {
      k.VM_BUG_ON(!e.is_pmd_migration_entry(pmd), 'mm/huge_memory.c:copy_huge_pmd(): unknown entry');
      const entry = e.make_migration_entry_read(pmd);
      if (entry !== pmd) yield* k.set_pmd_at(src_pmd, entry);
      yield* k.set_pmd_at(dst_pmd, isArmed ? entry : e.pte_swp_clear_uffd_wp(entry));
    } else if (!e.pmd_trans_huge(pmd)) {
      ret = -EAGAIN;
    } else {
      const page = e.pmd_pfn(pmd);
      if (!k.is_huge_zero_page(page)) {
        k.VM_BUG_ON(!k.PageTransHuge(page), 'mm/huge_memory.c:copy_huge_pmd(): not a huge page');
        yield* k.get_page(page);
        if (!(yield* page_try_dup_anon_rmap(k, page, vma, true))) {
          yield* k.put_page(page);
          yield* k.spin_unlock(src_ptl);
          yield* k.spin_unlock(dst_ptl);
          yield* k.__split_huge_pmd(vma, src_pmd, addr, false, null);
          return -EAGAIN;
        }
      }
      yield* k.pmdp_set_wrprotect(src_pmd);
      const copy = e.pmd_mkold(e.pmd_wrprotect(pmd));
      yield* k.set_pmd_at(dst_pmd, isArmed ? copy : e.pmd_clear_uffd_wp(copy));
    }
    yield* k.spin_unlock(src_ptl);
    yield* k.spin_unlock(dst_ptl);
    return ret;
  },
};
