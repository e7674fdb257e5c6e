/** get_user_pages(): writing by force needs a page that is ours alone, and no reason left to fault. */
import {
  entry as e,
  flags,
  type Kernel,
  type KRun,
  type Pfn,
  PG_anon_exclusive,
  type Pte,
  pfn,
  type VariantKernel,
  type Vma,
} from '../../core';

const { EBUSY, EFAULT, ENOMEM, FOLL_FORCE, FOLL_NUMA, FOLL_PIN, FOLL_TOUCH, FOLL_WRITE } = flags;
const { VM_FAULT_ERROR, VM_FAULT_OOM, VM_FAULT_RETRY } = flags;
const { VM_MAYSHARE, VM_MAYWRITE, VM_SHARED, VM_SOFTDIRTY, VM_UFFD_WP, VM_WRITE } = flags;

/** can_follow_write_pte() and can_follow_write_pmd(), which are the same. */
function* canFollowWrite(
  k: Kernel,
  vma: Vma,
  entry: Pte,
  page: Pfn | null,
  foll_flags: number,
): KRun<boolean> {
  if (e.pte_write(entry)) return true;
  if (!(foll_flags & FOLL_FORCE)) return false;
  if (vma.vm_flags & (VM_MAYSHARE | VM_SHARED) || !(vma.vm_flags & VM_MAYWRITE)) return false;
  // There a write fault is all it takes.
  if (vma.vm_flags & VM_WRITE) return false;
  if (page === null || !k.PageAnon(page) || !(yield* k.PageAnonExclusive(page))) return false;
  const isTracked = k.m.config.softDirty && !(vma.vm_flags & VM_SOFTDIRTY);
  if (isTracked && !e.pte_soft_dirty(entry)) return false;
  return !(vma.vm_flags & VM_UFFD_WP && e.pte_uffd_wp(entry));
}

/** Without a step: it cannot change under the ptl. */
const isExclusiveNow = (k: Kernel, page: Pfn): boolean => (k.m.pages.flags[page]! & PG_anon_exclusive) !== 0;

function* pageOfPte(
  k: Kernel,
  vma: Vma,
  address: Vma['vm_start'],
  pte: Pte,
  foll_flags: number,
): KRun<Pfn | number | null> {
  if (!e.pte_present(pte)) return null;
  if (foll_flags & FOLL_NUMA && e.pte_protnone(pte)) return null;
  const normal = k.vm_normal_page(vma, address, pte);
  if (foll_flags & FOLL_WRITE && !(yield* canFollowWrite(k, vma, pte, normal, foll_flags))) return null;
  const page = normal ?? (k.is_zero_pfn(e.pte_pfn(pte)) ? k.m.zeroPage : null);
  if (page === null) return -EFAULT;
  k.VM_BUG_ON(
    (foll_flags & FOLL_PIN) !== 0 && k.PageAnon(page) && !isExclusiveNow(k, page),
    'mm/gup.c:follow_page_pte(): a page that may be shared is pinned',
  );
  yield* k.try_grab_page(page, foll_flags);
  const touches = FOLL_TOUCH | FOLL_WRITE;
  if ((foll_flags & touches) === touches && !e.pte_dirty(pte) && !(yield* k.PageDirty(page))) {
    yield* k.set_page_dirty(page);
  }
  return page;
}

export const gup: VariantKernel = {
  *faultin_page(k, vma, address, foll_flags, locked) {
    const ret = yield* k.handle_mm_fault(vma, address, k.faultin_flags(foll_flags, locked));
    if (ret & VM_FAULT_ERROR) return ret & VM_FAULT_OOM ? -ENOMEM : -EFAULT;
    if (!(ret & VM_FAULT_RETRY)) return foll_flags;
    if (locked) locked.held = false;
    return -EBUSY;
  },

  *follow_page_pte(k, vma, address, pmd, foll_flags) {
    const pte = yield* k.pte_offset_map_lock(pmd, address);
    const page = yield* pageOfPte(k, vma, address, yield* k.pte_get(pte), foll_flags);
    yield* k.pte_unmap_unlock(pte);
    return page;
  },

  *follow_trans_huge_pmd(k, vma, address, pmd, foll_flags) {
    const value = yield* k.pmd_get(pmd);
    const head = e.pmd_pfn(value);
    const write = (foll_flags & FOLL_WRITE) !== 0;
    if (write && !(yield* canFollowWrite(k, vma, value, head, foll_flags))) return null;
    if (foll_flags & FOLL_NUMA && e.pmd_protnone(value)) return null;
    if (foll_flags & FOLL_TOUCH) {
      const young = e.pmd_mkyoung(value);
      yield* k.ptep_set_access_flags(pmd, write ? e.pmd_mkdirty(young) : young, write);
    }
    const page = pfn(head + (address - pmd.va) / 4096);
    yield* k.try_grab_page(page, foll_flags);
    return page;
  },

  /** Whoever wants a page without FOLL_FORCE does not get one that is hidden: neither KSM nor move_pages(2). */
  gup_can_follow_protnone: (_k, entry) => !e.pte_protnone(entry),
};
