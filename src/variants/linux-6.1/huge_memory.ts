/** Huge pages: reuse by PG_anon_exclusive, splitting that hands it on, NUMA hints that move by migration entries. */
import {
  entry as e,
  flags,
  Level,
  mainline,
  PG_anon_exclusive,
  type Pte,
  pageFlagsObject,
  pfn,
  type VariantKernel,
} from '../../core';

const { VM_FAULT_FALLBACK, VM_FAULT_WRITE } = flags;
const { migrationRead, migrationReadExclusive, migrationWrite } = e.SwapType;

/** One PTE of a page that is or gets unmapped, from a present entry or from a migration entry. */
function migrationPte(old_pmd: Pte, isExclusive: boolean, i: number): Pte {
  const isEntry = e.is_pmd_migration_entry(old_pmd);
  const write = isEntry ? e.is_write_migration_entry(old_pmd) : e.pmd_write(old_pmd);
  const type = write ? migrationWrite : isExclusive ? migrationReadExclusive : migrationRead;
  let entry = e.swp_entry(type, e.pmd_pfn(old_pmd) + i);
  if (isEntry ? e.pte_swp_soft_dirty(old_pmd) : e.pmd_soft_dirty(old_pmd))
    entry = e.pte_swp_mksoft_dirty(entry);
  if (isEntry ? e.pte_swp_uffd_wp(old_pmd) : e.pmd_uffd_wp(old_pmd)) entry = e.pte_swp_mkuffd_wp(entry);
  if (isEntry ? e.is_migration_entry_young(old_pmd) : e.pmd_young(old_pmd))
    entry = e.make_migration_entry_young(entry);
  const dirty = isEntry ? e.is_migration_entry_dirty(old_pmd) : e.pmd_dirty(old_pmd);
  return dirty ? e.make_migration_entry_dirty(entry) : entry;
}

export const huge_memory: VariantKernel = {
  *do_huge_pmd_wp_page(k, vmf, orig_pmd) {
    const { vma, pmd } = vmf;
    k.VM_BUG_ON(vma.anon_vma === 0, 'mm/huge_memory.c:do_huge_pmd_wp_page(): no anon_vma');
    const page = e.pmd_pfn(orig_pmd);
    if (!k.is_huge_zero_page(page)) {
      const ptl = k.pmd_lockptr(pmd);
      yield* k.spin_lock(ptl);
      if (!e.pmd_same(yield* k.pmd_get(pmd), orig_pmd)) {
        yield* k.spin_unlock(ptl);
        return 0;
      }
      let isOurs = yield* k.PageAnonExclusive(page);
      if (!isOurs) {
        if (!(yield* k.lockHugePageUnderLock(vmf, orig_pmd))) {
          yield* k.spin_unlock(ptl);
          return 0;
        }
        isOurs = yield* k.PageAnonExclusive(page);
        if (!isOurs && (yield* k.page_count(page)) === 1) {
          yield* k.page_move_anon_rmap(page, vma);
          isOurs = true;
        }
        yield* k.unlock_page(page);
      }
      if (isOurs) {
        const entry = k.maybe_mkwrite(e.pmd_mkdirty(e.pmd_mkyoung(orig_pmd)), vma);
        yield* k.ptep_set_access_flags(pmd, entry, true);
      }
      yield* k.spin_unlock(ptl);
      if (isOurs) return VM_FAULT_WRITE;
    }
    yield* k.__split_huge_pmd(vma, pmd, vmf.address, false, null);
    return VM_FAULT_FALLBACK;
  },

  /** Nobody adds up map counts any more, so the page need not be locked. */
  __split_huge_pmd: mainline.__split_huge_pmd,

  *__split_huge_pmd_locked(k, vma, pmd, haddr, freeze) {
    k.m.cost.pmdSplits++;
    if (!k.vma_is_anonymous(vma)) return yield* k.unmap_file_huge_pmd(vma, pmd);
    const value = yield* k.pmd_get(pmd);
    if (e.pmd_trans_huge(value) && k.is_huge_zero_page(e.pmd_pfn(value))) {
      return yield* k.__split_huge_zero_page_pmd(vma, haddr, pmd);
    }
    const old_pmd = yield* k.pmdp_invalidate(vma.vm_mm, pmd);
    const isMigration = e.is_pmd_migration_entry(old_pmd);
    const page = e.pmd_pfn(old_pmd);
    const nr = k.m.HPAGE_PMD_NR;
    let isFrozen = freeze;
    let isExclusive = isMigration && e.swp_type(old_pmd) === migrationReadExclusive;
    if (!isMigration) {
      if (e.pmd_dirty(old_pmd)) yield* k.SetPageDirty(page);
      k.VM_BUG_ON((yield* k.page_count(page)) === 0, 'mm/huge_memory.c:__split_huge_pmd_locked(): free page');
      yield* k.get_page(page, nr - 1);
      isExclusive = yield* k.PageAnonExclusive(page);
      // Where the page may be pinned its parts stay mapped, and whoever wanted to unmap them finds that out.
      if (freeze && isExclusive) isFrozen = yield* k.page_try_share_anon_rmap(page);
      if (!isFrozen && isExclusive) {
        yield* k.step('exclusive parts', pageFlagsObject(page), true, () => {
          for (const part of k.m.subpages(page)) k.m.pages.flags[part]! |= PG_anon_exclusive;
        });
      }
    }
    const table = k.m.newTable(vma.vm_mm.id, Level.pte, haddr, k.task.id);
    for (let i = 0; i < nr; i++) {
      const unmapped = isFrozen || isMigration;
      const entry = unmapped ? migrationPte(old_pmd, isExclusive, i) : k.split_huge_pmd_pte(vma, old_pmd, i);
      yield* k.set_pte_at(k.slot(table, i), entry);
    }
    if (!isMigration) yield* k.split_huge_pmd_mapcount(page);
    yield* k.pmd_populate(pmd, table);
    if (!isFrozen) return;
    for (let i = 0; i < nr; i++) {
      yield* k.page_remove_rmap(pfn(page + i), false);
      yield* k.put_page(pfn(page + i));
    }
  },

  /** What was pinned after can_split_huge_page(). */
  split_left_mapped: () => {},

  /** Keeps the mark. */
  *__split_huge_zero_page_pmd(k, vma, haddr, pmd) {
    const old_pmd = yield* k.pmdp_huge_clear_flush(vma.vm_mm, pmd);
    const table = k.m.newTable(vma.vm_mm.id, Level.pte, haddr, k.task.id);
    const zero = e.pte_mkspecial(e.pfn_pte(k.m.zeroPage, vma.vm_page_prot));
    const entry = e.pmd_uffd_wp(old_pmd) ? e.pte_mkuffd_wp(zero) : zero;
    for (let i = 0; i < k.m.HPAGE_PMD_NR; i++) yield* k.set_pte_at(k.slot(table, i), entry);
    yield* k.pmd_populate(pmd, table);
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
      // What several processes map stays where it is.
      const isShared = (yield* k.page_mapcount(page)) > 1;
      if (isShared) yield* k.put_page(page);
      else if (yield* k.migrate_misplaced_page(page, vma, target_nid)) return 0;
      yield* k.spin_lock(ptl);
      if (!e.pmd_same(yield* k.pmd_get(pmd), oldpmd)) {
        yield* k.spin_unlock(ptl);
        return 0;
      }
    }
    const entry = e.pmd_mkyoung(e.pmd_modify(oldpmd, vma.vm_page_prot));
    yield* k.set_pmd_at(pmd, e.pmd_savedwrite(oldpmd) ? e.pmd_mkwrite(entry) : entry);
    yield* k.spin_unlock(ptl);
    return 0;
  },
};
