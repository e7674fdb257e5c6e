/**
 * PG_anon_exclusive: where a page gets it, loses it, and carries it through swap and migration. A and D come through
 * migration, too.
 */
import {
  entry as e,
  flags,
  type Kernel,
  Mapping,
  mainline,
  type Pfn,
  PG_dirty,
  type Pte,
  type VariantKernel,
} from '../../core';

const { VM_LOCKED, VM_UFFD_WP } = flags;
const { migrationRead, migrationReadExclusive, migrationWrite } = e.SwapType;

const migrationType = (pteval: Pte, isExclusive: boolean) =>
  e.pte_write(pteval) ? migrationWrite : isExclusive ? migrationReadExclusive : migrationRead;

/** What a migration entry keeps of A and D. */
function withAccess(entry: Pte, pteval: Pte): Pte {
  const young = e.pte_young(pteval) ? e.make_migration_entry_young(entry) : entry;
  return e.pte_dirty(pteval) ? e.make_migration_entry_dirty(young) : young;
}

/** What of A and D comes back. That of a page which has been cleaned meanwhile does not; D brings soft-dirty with it. */
function accessed(pte: Pte, entry: Pte, isPageDirty: boolean): Pte {
  const young = e.is_migration_entry_young(entry) ? e.pte_mkyoung(pte) : e.pte_mkold(pte);
  return isPageDirty && e.is_migration_entry_dirty(entry) ? e.pte_mkdirty(young) : young;
}

/** Without a step: the page is locked, and nobody maps it. */
const isDirty = (k: Kernel, page: Pfn): boolean =>
  (k.m.pages.flags[k.m.compound_head(page)]! & PG_dirty) !== 0;

const isShareable = (entry: Pte): boolean => e.swp_type(entry) === migrationRead;

export const rmap: VariantKernel = {
  *page_add_new_anon_rmap(k, page, vma, address, compound) {
    yield* mainline.page_add_new_anon_rmap(k, page, vma, address, compound);
    yield* k.SetPageAnonExclusive(page);
  },

  *page_add_anon_rmap(k, page, vma, address, compound, exclusive) {
    yield* mainline.page_add_anon_rmap(k, page, vma, address, compound, exclusive);
    if (exclusive) yield* k.SetPageAnonExclusive(page);
  },

  *page_move_anon_rmap(k, page, vma) {
    yield* mainline.page_move_anon_rmap(k, page, vma);
    yield* k.SetPageAnonExclusive(page);
  },

  *unmapPte(k, page, vma, at, mode) {
    const pte = at.slot;
    if (!mode.migration && (vma.vm_flags & VM_LOCKED) !== 0) return false;
    if (!mode.ignoreAccess && e.pte_young(yield* k.update(pte, 'clear A', e.pte_mkold))) return false;
    const pteval = yield* k.clearForUnmap(vma.vm_mm, pte, mode);
    const isAnon = k.PageAnon(page);
    const isMarked = !k.vma_is_anonymous(vma) && (vma.vm_flags & VM_UFFD_WP) !== 0 && e.pte_uffd_wp(pteval);
    if (e.pte_dirty(pteval)) yield* k.set_page_dirty(page);
    if (mode.migration) {
      const isExclusive = isAnon && (yield* k.PageAnonExclusive(page));
      if (isExclusive && !(yield* k.page_try_share_anon_rmap(page))) {
        yield* k.set_pte_at(pte, pteval);
        return false;
      }
      const entry = e.swp_entry(migrationType(pteval, isExclusive), page);
      yield* k.set_pte_at(pte, k.swpMarks(withAccess(entry, pteval), pteval));
    } else if (isAnon) {
      if (!(yield* k.unmapAnonPte(page, pte, pteval))) return false;
    } else if (isMarked) {
      // The page of the file goes; that it was protected stays.
      yield* k.set_pte_at(pte, e.make_pte_marker());
    }
    yield* k.page_remove_rmap(page, false);
    yield* k.put_page(page);
    return true;
  },

  *unmapAnonPte(k, page, pte, pteval) {
    const swapbacked = yield* k.PageSwapBacked(page);
    const isSwapped = swapbacked && (yield* k.PageSwapCache(page));
    if (!isSwapped) return yield* mainline.unmapAnonPte(k, page, pte, pteval);
    const entry = e.swp_entry(e.SwapType.swap, k.m.pages.private[page]! - 1);
    if ((yield* k.swap_duplicate(entry)) < 0) {
      yield* k.set_pte_at(pte, pteval);
      return false;
    }
    const isExclusive = yield* k.PageAnonExclusive(page);
    if (isExclusive && !(yield* k.page_try_share_anon_rmap(page))) {
      yield* k.swap_free(entry);
      yield* k.set_pte_at(pte, pteval);
      return false;
    }
    const swp_pte = k.swpMarks(entry, pteval);
    yield* k.set_pte_at(pte, isExclusive ? e.pte_swp_mkexclusive(swp_pte) : swp_pte);
    return true;
  },

  /** Without TTU_SYNC an entry is passed over while another thread has taken it out to change it. */
  *freeze_page(k, head) {
    const migration = k.PageAnon(head);
    const mode = { migration, batchFlush: false, ignoreAccess: true, splitHugePmd: true, sync: true };
    yield* k.try_to_unmap(head, mode);
  },
  *set_pmd_migration_entry(k, page, vma, pmd) {
    const pmdval = yield* k.pmdp_invalidate(vma.vm_mm, pmd);
    const isExclusive = k.PageAnon(page) && (yield* k.PageAnonExclusive(page));
    if (isExclusive && !(yield* k.page_try_share_anon_rmap(page))) {
      yield* k.set_pmd_at(pmd, pmdval);
      return false;
    }
    if (e.pmd_dirty(pmdval)) yield* k.set_page_dirty(page);
    const entry = e.swp_entry(migrationType(pmdval, isExclusive), page);
    yield* k.set_pmd_at(pmd, k.swpMarks(withAccess(entry, pmdval), pmdval));
    yield* k.page_remove_rmap(page, true);
    yield* k.put_page(page);
    return true;
  },

  *remove_migration_pte(k, vma, slot, old, page) {
    if (!e.is_migration_entry(yield* k.pte_get(slot))) return;
    const ptl = k.pte_lockptr(slot);
    yield* k.spin_lock(ptl);
    const entry = yield* k.pte_get(slot);
    if (e.is_migration_entry(entry) && e.swp_offset(entry) === old) {
      yield* k.get_page(page);
      if (k.PageAnon(page)) yield* k.page_add_anon_rmap(page, vma, slot.va, false, !isShareable(entry));
      else yield* k.page_add_file_rmap(page, false);
      yield* k.set_pte_at(slot, k.migration_pte(vma, entry, page));
    }
    yield* k.spin_unlock(ptl);
  },
  migration_pte(k, vma, entry, page) {
    let pte = accessed(e.mk_pte(page, vma.vm_page_prot), entry, isDirty(k, page));
    if (e.pte_swp_soft_dirty(entry)) pte = e.pte_mksoft_dirty(pte);
    if (e.is_write_migration_entry(entry)) return k.maybe_mkwrite(pte, vma);
    return e.pte_swp_uffd_wp(entry) ? e.pte_mkuffd_wp(pte) : e.pte_wrprotect(pte);
  },

  *remove_migration_pmd(k, vma, pmd, page) {
    const entry = yield* k.pmd_get(pmd);
    yield* k.get_page(page);
    let pmde = accessed(e.mk_huge_pmd(page, vma.vm_page_prot), entry, isDirty(k, page));
    if (e.pte_swp_soft_dirty(entry)) pmde = e.pmd_mksoft_dirty(pmde);
    if (e.is_write_migration_entry(entry)) pmde = k.maybe_mkwrite(pmde, vma);
    if (e.pte_swp_uffd_wp(entry)) pmde = e.pmd_mkuffd_wp(e.pmd_wrprotect(pmde));
    if (k.PageAnon(page)) yield* k.page_add_anon_rmap(page, vma, pmd.va, true, !isShareable(entry));
    else yield* k.page_add_file_rmap(page, true);
    yield* k.set_pmd_at(pmd, pmde);
  },

  *write_protect_page(k, vma, page) {
    const mm = vma.vm_mm;
    const address = k.page_address_in_vma(page, vma);
    if (address === null) return null;
    const at = yield* k.page_vma_mapped_walk(mm, page, address, false);
    if (!at) return null;
    if (at.huge) {
      yield* k.spin_unlock(at.lock);
      return null;
    }
    let entry = yield* k.pte_get(at.slot);
    const isExclusive = yield* k.PageAnonExclusive(page);
    const writable = e.pte_write(entry) || e.pte_dirty(entry) || isExclusive;
    if (writable || (yield* k.mm_tlb_flush_pending(mm))) {
      const swapped = (yield* k.PageSwapCache(page)) ? 1 : 0;
      entry = yield* k.ptep_clear_flush(mm, at.slot);
      if ((yield* k.page_mapcount(page)) + 1 + swapped !== (yield* k.page_count(page))) {
        yield* k.set_pte_at(at.slot, entry);
        yield* k.spin_unlock(at.lock);
        return null;
      }
      if (isExclusive && !(yield* k.page_try_share_anon_rmap(page))) {
        yield* k.set_pte_at(at.slot, entry);
        yield* k.spin_unlock(at.lock);
        return null;
      }
      if (e.pte_dirty(entry)) yield* k.set_page_dirty(page);
      entry = e.pte_mkclean(e.pte_wrprotect(entry));
      yield* k.set_pte_at(at.slot, entry);
    }
    yield* k.spin_unlock(at.lock);
    return entry;
  },

  /** Keeps soft-dirty and the mark. */
  *unuse_pte(k, vma, pmd, addr, entry, swapcache) {
    const page = yield* k.ksm_might_need_to_copy(swapcache, vma, addr);
    const pte = yield* k.pte_offset_map_lock(pmd, addr);
    const now = yield* k.pte_get(pte);
    const isSame = k.pte_same_as_swp(now, entry);
    if (isSame) {
      const isShared = k.m.pages.mapping[page] === Mapping.ksm || !e.pte_swp_exclusive(now);
      yield* k.get_page(page);
      if (page === swapcache) {
        yield* k.page_add_anon_rmap(page, vma, addr, false, !isShared);
      } else {
        yield* k.page_add_new_anon_rmap(page, vma, addr, false);
        yield* k.lru_cache_add(page);
      }
      let pteval = e.pte_mkold(e.mk_pte(page, vma.vm_page_prot));
      if (e.pte_swp_soft_dirty(now)) pteval = e.pte_mksoft_dirty(pteval);
      if (e.pte_swp_uffd_wp(now)) pteval = e.pte_mkuffd_wp(pteval);
      yield* k.set_pte_at(pte, pteval);
      yield* k.swap_free(entry);
    }
    yield* k.pte_unmap_unlock(pte);
    if (page !== swapcache) {
      yield* k.unlock_page(page);
      yield* k.put_page(page);
    }
    return isSame;
  },
};
