/** Faults: reuse of a page that is known or found to be ours alone, swap-in, NUMA hints, markers. */
import {
  entry as e,
  flags,
  type Kernel,
  type KRun,
  NO_PAGE,
  type Pfn,
  type Pte,
  type VariantKernel,
  type Vma,
} from '../../core';

const { FAULT_FLAG_UNSHARE, FAULT_FLAG_WRITE, VM_FAULT_NOPAGE, VM_FAULT_WRITE } = flags;
const { VM_FAULT_HWPOISON, VM_FAULT_SIGBUS, VM_LOCKED, VM_SHARED, VM_UFFD_WP, VM_WRITE } = flags;

const userfaultfd_pte_wp = (vma: Vma, pte: Pte): boolean =>
  (vma.vm_flags & VM_UFFD_WP) !== 0 && e.pte_uffd_wp(pte);

const isSharedWritable = (vma: Vma): boolean =>
  (vma.vm_flags & (VM_WRITE | VM_SHARED)) === (VM_WRITE | VM_SHARED);

/** Looks before it locks, and again afterwards; a reference in this CPU's pagevec is dropped first. */
function* wp_can_reuse_anon_page(k: Kernel, page: Pfn, vma: Vma): KRun<boolean> {
  if (k.PageKsm(page) || (yield* k.page_count(page)) > 3) return false;
  if (!(yield* k.PageLRU(page))) yield* k.lru_add_drain();
  if ((yield* k.page_count(page)) > 1 + ((yield* k.PageSwapCache(page)) ? 1 : 0)) return false;
  if (!(yield* k.trylock_page(page))) return false;
  if (yield* k.PageSwapCache(page)) yield* k.try_to_free_swap(page);
  const isOurs = !k.PageKsm(page) && (yield* k.page_count(page)) === 1;
  if (isOurs) yield* k.page_move_anon_rmap(page, vma);
  yield* k.unlock_page(page);
  return isOurs;
}

export const memory: VariantKernel = {
  /** It need not be writable now. */
  madvise_remove_allowed: (_k, vm_flags) =>
    (vm_flags & (VM_SHARED | flags.VM_MAYWRITE)) === (VM_SHARED | flags.VM_MAYWRITE),

  *handle_pte_fault(k, vmf) {
    const { vma, pmd } = vmf;
    const pmdval = yield* k.pmd_get(pmd);
    if (!e.pmd_none(pmdval)) {
      if (!e.pmd_is_table(pmdval)) return 0;
      vmf.pte = k.m.pte_offset(pmd, vmf.address);
      vmf.orig_pte = yield* k.pte_get(vmf.pte);
    }
    if (vmf.pte === null || e.pte_none(vmf.orig_pte)) {
      vmf.pte = null;
      return yield* k.vma_is_anonymous(vma) ? k.do_anonymous_page(vmf) : k.do_fault(vmf);
    }
    if (!e.pte_present(vmf.orig_pte)) return yield* k.do_swap_page(vmf);
    if (e.pte_protnone(vmf.orig_pte) && k.vma_is_accessible(vma)) return yield* k.do_numa_page(vmf);

    yield* k.spin_lock(k.pte_lockptr(vmf.pte));
    let entry = vmf.orig_pte;
    if (e.pte_same(yield* k.pte_get(vmf.pte), entry)) {
      const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
      const wants = write || (vmf.flags & FAULT_FLAG_UNSHARE) !== 0;
      if (wants && !e.pte_write(entry)) return yield* k.do_wp_page(vmf);
      if (write) entry = e.pte_mkdirty(entry);
      yield* k.ptep_set_access_flags(vmf.pte, e.pte_mkyoung(entry), write);
    }
    yield* k.pte_unmap_unlock(vmf.pte);
    return 0;
  },

  *do_wp_page(k, vmf) {
    const unshare = (vmf.flags & FAULT_FLAG_UNSHARE) !== 0;
    const { vma } = vmf;
    if (!unshare) {
      if (userfaultfd_pte_wp(vma, vmf.orig_pte)) {
        yield* k.pte_unmap_unlock(vmf.pte!);
        return yield* k.handle_userfault(vmf, VM_UFFD_WP);
      }
      if (vma.vm_flags & VM_UFFD_WP && (yield* k.mm_tlb_flush_pending(vma.vm_mm))) {
        yield* k.flush_tlb_page(vma.vm_mm, vmf.address);
      }
    }
    vmf.page = k.vm_normal_page(vma, vmf.address, vmf.orig_pte) ?? NO_PAGE;
    const { page } = vmf;
    const isAnon = page !== NO_PAGE && k.PageAnon(page);
    if (unshare && !isAnon) {
      yield* k.pte_unmap_unlock(vmf.pte!);
      return 0;
    }
    if (page === NO_PAGE) {
      if (isSharedWritable(vma)) return yield* k.wp_pfn_shared(vmf);
      yield* k.pte_unmap_unlock(vmf.pte!);
      return yield* k.wp_page_copy(vmf);
    }
    if (isAnon && ((yield* k.PageAnonExclusive(page)) || (yield* wp_can_reuse_anon_page(k, page, vma)))) {
      if (!unshare) {
        yield* k.wp_page_reuse(vmf);
        return VM_FAULT_WRITE;
      }
      yield* k.pte_unmap_unlock(vmf.pte!);
      return 0;
    }
    if (!isAnon && isSharedWritable(vma)) return yield* k.wp_page_shared(vmf);
    yield* k.get_page(page);
    yield* k.pte_unmap_unlock(vmf.pte!);
    return yield* k.wp_page_copy(vmf);
  },

  *wp_page_copy(k, vmf) {
    const unshare = (vmf.flags & FAULT_FLAG_UNSHARE) !== 0;
    const { vma, address, orig_pte } = vmf;
    const old_page = vmf.page;
    k.anon_vma_prepare(vma);
    const new_page = k.alloc_page(1, k.numa_node_id());
    if (!k.is_zero_pfn(e.pte_pfn(orig_pte))) yield* k.cow_user_page(new_page, old_page, vmf);
    k.__SetPageUptodate(new_page);

    vmf.pte = yield* k.pte_offset_map_lock(vmf.pmd, address);
    const isSame = e.pte_same(yield* k.pte_get(vmf.pte), orig_pte);
    if (isSame) {
      let entry = e.mk_pte(new_page, vma.vm_page_prot);
      if (!unshare) {
        entry = k.maybe_mkwrite(e.pte_mkdirty(entry), vma);
      } else {
        if (e.pte_soft_dirty(orig_pte)) entry = e.pte_mksoft_dirty(entry);
        if (e.pte_uffd_wp(orig_pte)) entry = e.pte_mkuffd_wp(entry);
      }
      yield* k.ptep_clear_flush(vma.vm_mm, vmf.pte);
      yield* k.page_add_new_anon_rmap(new_page, vma, address, false);
      yield* k.lru_cache_add(new_page);
      yield* k.set_pte_at(vmf.pte, entry);
      if (old_page !== NO_PAGE) yield* k.page_remove_rmap(old_page, false);
    }
    const unused = isSame ? old_page : new_page;
    if (unused !== NO_PAGE) yield* k.put_page(unused);
    yield* k.pte_unmap_unlock(vmf.pte);
    if (old_page !== NO_PAGE) {
      if (isSame) yield* k.free_swap_cache(old_page);
      yield* k.put_page(old_page);
    }
    return isSame && !unshare ? VM_FAULT_WRITE : 0;
  },

  *drainBeforeReuse(k, vmf, { page, swapcache }) {
    const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
    if (write && page === swapcache && !k.PageKsm(page) && !(yield* k.PageLRU(page)))
      yield* k.lru_add_drain();
  },

  *mapSwappedIn(k, vmf, swapin) {
    const { vma, orig_pte: entry } = vmf;
    const { page, swapcache } = swapin;
    const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
    const isKsm = k.PageKsm(page);
    yield* k.swap_free(entry);
    if (yield* k.PageSwapCache(page)) {
      const isLast = write && !isKsm && (yield* k.page_count(page)) === 2;
      if (isLast || vma.vm_flags & VM_LOCKED) yield* k.try_to_free_swap(page);
    }
    let pte = e.mk_pte(page, vma.vm_page_prot);
    const isMarkedOurs = page !== swapcache || e.pte_swp_exclusive(entry);
    const exclusive = !isKsm && (isMarkedOurs || (yield* k.page_count(page)) === 1);
    const isWritten = exclusive && write;
    if (isWritten) {
      pte = k.maybe_mkwrite(e.pte_mkdirty(pte), vma);
      vmf.flags &= ~FAULT_FLAG_WRITE;
    }
    pte = k.swapped_in_pte(pte, entry);
    vmf.orig_pte = pte;
    if (page === swapcache) {
      yield* k.page_add_anon_rmap(page, vma, vmf.address, false, exclusive);
    } else {
      yield* k.page_add_new_anon_rmap(page, vma, vmf.address, false);
      yield* k.lru_cache_add(page);
    }
    yield* k.set_pte_at(vmf.pte!, pte);
    yield* k.unlockSwapIn(swapin);
    return isWritten ? VM_FAULT_WRITE : 0;
  },

  /** A marker is like nothing where the mapping is armed, and goes where it is not. */
  *faultOnNonSwapEntry(k, vmf) {
    if (e.is_migration_entry(vmf.orig_pte)) {
      yield* k.migration_entry_wait(vmf);
      return 0;
    }
    if (e.is_pte_marker(vmf.orig_pte)) {
      if (vmf.vma.vm_flags & VM_UFFD_WP && !k.vma_is_anonymous(vmf.vma)) {
        vmf.pte = null;
        return yield* k.do_fault(vmf);
      }
      const pte = yield* k.pte_offset_map_lock(vmf.pmd, vmf.address);
      if (e.pte_same(yield* k.pte_get(pte), vmf.orig_pte)) yield* k.set_pte_at(pte, e.NONE);
      yield* k.pte_unmap_unlock(pte);
      return 0;
    }
    if (e.swp_type(vmf.orig_pte) === e.SwapType.hwpoison) return VM_FAULT_HWPOISON;
    k.print_bad_pte(vmf.vma, vmf.address, vmf.orig_pte);
    return VM_FAULT_SIGBUS;
  },

  *alloc_set_pte(k, vmf, page) {
    const { vma } = vmf;
    if (vmf.pte === null) {
      const ret = yield* k.pte_alloc_one_map(vmf);
      if (ret !== 0) return ret;
    }
    const pte = vmf.pte!;
    const now = yield* k.pte_get(pte);
    const isMarked = e.is_pte_marker(vmf.orig_pte);
    if (isMarked ? !e.pte_same(now, vmf.orig_pte) : !e.pte_none(now)) return VM_FAULT_NOPAGE;

    const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
    let entry = e.mk_pte(page, vma.vm_page_prot);
    if (write) entry = k.maybe_mkwrite(e.pte_mkdirty(entry), vma);
    if (isMarked) entry = e.pte_mkuffd_wp(e.pte_wrprotect(entry));
    if (write && !(vma.vm_flags & VM_SHARED)) {
      yield* k.page_add_new_anon_rmap(page, vma, vmf.address, false);
      yield* k.lru_cache_add(page);
    } else {
      yield* k.page_add_file_rmap(page, false);
    }
    yield* k.set_pte_at(pte, entry);
    return 0;
  },

  /** The hint stays until the page has moved or is known to stay. */
  *do_numa_page(k, vmf) {
    const { vma, orig_pte } = vmf;
    const slot = vmf.pte!;
    const ptl = k.pte_lockptr(slot);
    yield* k.spin_lock(ptl);
    let isSame = e.pte_same(yield* k.pte_get(slot), orig_pte);
    const page = isSame ? k.vm_normal_page(vma, vmf.address, e.pte_modify(orig_pte, vma.vm_page_prot)) : null;
    if (page !== null && !k.PageTransCompound(page)) {
      const target_nid = yield* k.numa_migrate_prep(page);
      if (target_nid === -1) {
        yield* k.put_page(page);
      } else {
        yield* k.spin_unlock(ptl);
        if (yield* k.migrate_misplaced_page(page, vma, target_nid)) return 0;
        yield* k.spin_lock(ptl);
        isSame = e.pte_same(yield* k.pte_get(slot), orig_pte);
      }
    }
    if (isSame) {
      const old = yield* k.ptep_modify_prot_start(slot);
      const pte = e.pte_mkyoung(e.pte_modify(old, vma.vm_page_prot));
      yield* k.ptep_modify_prot_commit(slot, e.pte_savedwrite(orig_pte) ? e.pte_mkwrite(pte) : pte);
    }
    yield* k.spin_unlock(ptl);
    return 0;
  },
};
