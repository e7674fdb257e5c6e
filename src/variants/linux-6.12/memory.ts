/** Faults: asynchronous write-protection, markers in anonymous memory, NUMA hints that find out RW anew. */
import {
  entry as e,
  flags,
  type Kernel,
  type KRun,
  mainline,
  NO_PAGE,
  type Pfn,
  type Pte,
  type VariantKernel,
  type Vma,
} from '../../core';
import { canChangeWritable, vma_wants_manual_pte_write_upgrade } from './mprotect';

const { FAULT_FLAG_REMOTE, FAULT_FLAG_UNSHARE, FAULT_FLAG_WRITE, VM_FAULT_FALLBACK } = flags;
const { VM_FAULT_HWPOISON, VM_FAULT_OOM, VM_FAULT_SIGBUS, VM_FAULT_SIGSEGV } = flags;
const { ENOMEM, VM_SHARED, VM_UFFD_MISSING, VM_UFFD_WP, VM_WRITE } = flags;
const { UFFD_FEATURE_WP_ASYNC } = mainline;
const FAILED = VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV | VM_FAULT_OOM;
/** A fault that never gets anywhere is a hang of the kernel, and must not be one of the model. */
const BREAK_ROUNDS = 64;

const userfaultfd_pte_wp = (vma: Vma, pte: Pte): boolean =>
  (vma.vm_flags & VM_UFFD_WP) !== 0 && e.pte_uffd_wp(pte);

const userfaultfd_wp_async = (vma: Vma): boolean =>
  ((vma.vm_userfaultfd_ctx?.features ?? 0) & UFFD_FEATURE_WP_ASYNC) !== 0;

/** Looks before it locks, and again afterwards; a huge page is not looked at. */
function* wp_can_reuse_anon_folio(k: Kernel, page: Pfn, vma: Vma): KRun<boolean> {
  if (k.PageTransCompound(page)) return false;
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

/** What an entry becomes when its NUMA hint goes: writable if a write fault would make it so. */
function* withoutHint(k: Kernel, vma: Vma, hinted: Pte): KRun<Pte> {
  const entry = e.pte_mkyoung(e.pmd_modify(hinted, vma.vm_page_prot));
  if (e.pte_write(entry) || !vma_wants_manual_pte_write_upgrade(k, vma)) return entry;
  return (yield* canChangeWritable(k, vma, entry)) ? e.pte_mkwrite(entry) : entry;
}

export const memory: VariantKernel = {
  *do_wp_page(k, vmf) {
    const unshare = (vmf.flags & FAULT_FLAG_UNSHARE) !== 0;
    const { vma } = vmf;
    if (!unshare) {
      if (userfaultfd_pte_wp(vma, vmf.orig_pte)) {
        if (!userfaultfd_wp_async(vma)) {
          yield* k.pte_unmap_unlock(vmf.pte!);
          return yield* k.handle_userfault(vmf, VM_UFFD_WP);
        }
        // Nobody is asked: that the mark is gone says that the page was written.
        vmf.orig_pte = e.pte_clear_uffd_wp(vmf.orig_pte);
        yield* k.set_pte_at(vmf.pte!, vmf.orig_pte);
      }
      if (vma.vm_flags & VM_UFFD_WP && (yield* k.mm_tlb_flush_pending(vma.vm_mm))) {
        yield* k.flush_tlb_page(vma.vm_mm, vmf.address);
      }
    }
    vmf.page = k.vm_normal_page(vma, vmf.address, vmf.orig_pte) ?? NO_PAGE;
    const { page } = vmf;
    if (vma.vm_flags & VM_SHARED) {
      return yield* page === NO_PAGE ? k.wp_pfn_shared(vmf) : k.wp_page_shared(vmf);
    }
    const isAnon = page !== NO_PAGE && k.PageAnon(page);
    if (isAnon && ((yield* k.PageAnonExclusive(page)) || (yield* wp_can_reuse_anon_folio(k, page, vma)))) {
      if (unshare) yield* k.pte_unmap_unlock(vmf.pte!);
      else yield* k.wp_page_reuse(vmf);
      return 0;
    }
    if (page !== NO_PAGE) yield* k.get_page(page);
    yield* k.pte_unmap_unlock(vmf.pte!);
    return yield* k.wp_page_copy(vmf);
  },

  *wp_huge_pmd(k, vmf, orig_pmd) {
    const { vma } = vmf;
    if (!k.vma_is_anonymous(vma)) return yield* mainline.wp_huge_pmd(k, vmf, orig_pmd);
    if (!userfaultfd_pte_wp(vma, orig_pmd)) return yield* k.do_huge_pmd_wp_page(vmf, orig_pmd);
    if (!userfaultfd_wp_async(vma)) return yield* k.handle_userfault(vmf, VM_UFFD_WP);
    yield* k.__split_huge_pmd(vma, vmf.pmd, vmf.address, false, null);
    return VM_FAULT_FALLBACK;
  },

  *do_anonymous_page(k, vmf) {
    const { vma, pmd, address } = vmf;
    if (vma.vm_flags & VM_SHARED) return VM_FAULT_SIGBUS;
    yield* k.pte_alloc(vma.vm_mm, pmd);
    if (yield* k.pmd_trans_unstable(pmd)) return 0;

    const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
    const isMarked = e.is_pte_marker(vmf.orig_pte);
    let page = k.m.zeroPage;
    let entry = e.pte_mkspecial(e.pfn_pte(page, vma.vm_page_prot));
    if (write) {
      k.anon_vma_prepare(vma);
      page = k.alloc_page(1, k.numa_node_id());
      k.__SetPageUptodate(page);
      entry = e.mk_pte(page, vma.vm_page_prot);
      if (vma.vm_flags & VM_WRITE) entry = e.pte_mkwrite(e.pte_mkdirty(entry));
    }
    vmf.pte = yield* k.pte_offset_map_lock(pmd, address);
    const now = yield* k.pte_get(vmf.pte);
    const isFree = isMarked ? e.pte_same(now, vmf.orig_pte) : e.pte_none(now);
    if (!isFree || vma.vm_flags & VM_UFFD_MISSING) {
      yield* k.pte_unmap_unlock(vmf.pte);
      if (write) yield* k.put_page(page);
      return isFree ? yield* k.handle_userfault(vmf, VM_UFFD_MISSING) : 0;
    }
    if (write) {
      yield* k.page_add_new_anon_rmap(page, vma, address, false);
      yield* k.lru_cache_add(page);
    }
    if (isMarked) entry = e.pte_mkuffd_wp(e.pte_wrprotect(entry));
    yield* k.set_pte_at(vmf.pte, entry);
    yield* k.pte_unmap_unlock(vmf.pte);
    return 0;
  },

  *faultOnNonSwapEntry(k, vmf) {
    const { vma } = vmf;
    if (e.is_migration_entry(vmf.orig_pte)) {
      yield* k.migration_entry_wait(vmf);
      return 0;
    }
    if (e.is_pte_marker(vmf.orig_pte)) {
      if (vma.vm_flags & VM_UFFD_WP) {
        vmf.pte = null;
        return yield* k.vma_is_anonymous(vma) ? k.do_anonymous_page(vmf) : k.do_fault(vmf);
      }
      const pte = yield* k.pte_offset_map_lock(vmf.pmd, vmf.address);
      if (e.pte_same(yield* k.pte_get(pte), vmf.orig_pte)) yield* k.set_pte_at(pte, e.NONE);
      yield* k.pte_unmap_unlock(pte);
      return 0;
    }
    if (e.swp_type(vmf.orig_pte) === e.SwapType.hwpoison) return VM_FAULT_HWPOISON;
    k.print_bad_pte(vma, vmf.address, vmf.orig_pte);
    return VM_FAULT_SIGBUS;
  },

  *do_numa_page(k, vmf) {
    const { vma, orig_pte } = vmf;
    const slot = vmf.pte!;
    const ptl = k.pte_lockptr(slot);
    yield* k.spin_lock(ptl);
    let isSame = e.pte_same(yield* k.pte_get(slot), orig_pte);
    const present = e.pte_modify(orig_pte, vma.vm_page_prot);
    const page = isSame ? k.vm_normal_page(vma, vmf.address, present) : null;
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
      yield* k.ptep_modify_prot_commit(slot, yield* withoutHint(k, vma, old));
    }
    yield* k.spin_unlock(ptl);
    return 0;
  },

  *do_huge_pmd_numa_page(k, vmf, oldpmd) {
    const { vma, pmd } = vmf;
    const ptl = k.pmd_lockptr(pmd);
    yield* k.spin_lock(ptl);
    if (!e.pmd_same(yield* k.pmd_get(pmd), oldpmd)) {
      yield* k.spin_unlock(ptl);
      return 0;
    }
    const page = e.pmd_pfn(oldpmd);
    const target_nid = k.is_huge_zero_page(page) ? null : yield* k.numa_migrate_prep(page);
    if (target_nid === -1) yield* k.put_page(page);
    if (target_nid !== null && target_nid !== -1) {
      yield* k.spin_unlock(ptl);
      const isShared = (yield* k.page_mapcount(page)) > 1;
      if (isShared) yield* k.put_page(page);
      else if (yield* k.migrate_misplaced_page(page, vma, target_nid)) return 0;
      yield* k.spin_lock(ptl);
      if (!e.pmd_same(yield* k.pmd_get(pmd), oldpmd)) {
        yield* k.spin_unlock(ptl);
        return 0;
      }
    }
    yield* k.set_pmd_at(pmd, yield* withoutHint(k, vma, oldpmd));
    yield* k.spin_unlock(ptl);
    return 0;
  },

  /** Asks for a page of its own, not for a write: no event, and the mark stays. */
  *break_ksm(k, vma, addr) {
    let ret = 0;
    for (let round = 0; !(ret & FAILED); round++) {
      if (round === BREAK_ROUNDS) k.bug('hang', `break_ksm(): no end of faults at ${addr}`);
      const page = yield* k.anonPageAt(vma, addr, true);
      if (page === NO_PAGE) break;
      const isMerged = k.PageKsm(page);
      yield* k.put_page(page);
      if (!isMerged) break;
      ret = yield* k.handle_mm_fault(vma, addr, FAULT_FLAG_UNSHARE | FAULT_FLAG_REMOTE);
    }
    return ret & VM_FAULT_OOM ? -ENOMEM : 0;
  },

  gup_can_follow_protnone: mainline.gup_can_follow_protnone,
};
