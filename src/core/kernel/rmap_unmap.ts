/**
 * mm/rmap.c, what walks the mappings of a page in order to change them: reclaim and migration take them away,
 * writeback takes away RW and D, and ageing takes away A.
 */
import * as e from '../entry';
import { VM_LOCKED, VM_SHARED } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma } from '../mm';
import { Mapping } from '../pages';
import type { Slot } from '../table';
import type { Pfn, Pte } from '../units';
import type { MappedAt, MappedIn } from './rmap_walk';

/** enum ttu_flags. */
export interface TtuMode {
  /** TTU_MIGRATION (and TTU_IGNORE_MLOCK with it): leave migration entries. */
  readonly migration: boolean;
  /** TTU_BATCH_FLUSH: the caller flushes later, with try_to_unmap_flush(). */
  readonly batchFlush: boolean;
  /** TTU_IGNORE_ACCESS. */
  readonly ignoreAccess: boolean;
  /** TTU_SPLIT_HUGE_PMD, and TTU_SPLIT_FREEZE where `migration` is set. */
  readonly splitHugePmd?: boolean;
  /** TTU_SYNC: an entry that somebody is about to change, and that looks empty meanwhile, is waited for. */
  readonly sync?: boolean;
}

/**
 * mm/rmap.c:try_to_unmap(). Simplified: no temporary stacks, no hwpoison, no munlock.
 * Enters with the page locked and one reference of the caller; returns with both.
 *
 * @returns whether no mapping is left
 */
export function* try_to_unmap(k: Kernel, page: Pfn, mode: TtuMode): KRun<boolean> {
  yield* k.rmap_lock_read();
  for (const where of yield* k.lookUpVmas(page)) {
    if (!(yield* k.try_to_unmap_one(page, where, mode))) break;
    if (!(yield* k.page_mapped(page))) break;
  }
  yield* k.rmap_unlock_read();
  return !(yield* k.page_mapped(page));
}

/**
 * mm/rmap.c:try_to_unmap_one(). Simplified: the ptl is dropped between two entries of one VMA; no mmu notifiers.
 * Enters with the page locked; returns with it locked.
 *
 * @returns whether to go on with other VMAs
 */
export function* try_to_unmap_one(k: Kernel, page: Pfn, where: MappedIn, mode: TtuMode): KRun<boolean> {
  const { vma } = where;
  const mm = vma.vm_mm;
  const parts = k.partsWithin(page, where);
  if (mode.splitHugePmd && parts[0]) {
    const pmd = k.m.mm_find_pmd_slot(mm, parts[0].address);
    const head = k.m.compound_head(page);
    if (pmd) yield* k.__split_huge_pmd(vma, pmd, pmd.va, mode.migration, head);
  }
  for (const { part, address } of parts) {
    const at = yield* k.page_vma_mapped_walk(mm, part, address, mode.sync ?? false);
    if (!at) continue;
    if (at.huge) k.VM_BUG_ON(!mode.migration, 'try_to_unmap_one(): mapped by a huge PMD');
    const goOn = at.huge
      ? yield* k.set_pmd_migration_entry(page, vma, at.slot)
      : yield* k.unmapPte(part, vma, at, mode);
    yield* k.spin_unlock(at.lock);
    if (!goOn) return false;
    if (at.huge) break;
  }
  return true;
}

/**
 * The body of try_to_unmap_one() for one PTE. Enters with the ptl held; returns with it held.
 * A PTE that must stay is put back with the value that it had, A and D included.
 */
export function* unmapPte(k: Kernel, page: Pfn, vma: Vma, at: MappedAt, mode: TtuMode): KRun<boolean> {
  const pte = at.slot;
  if (!mode.migration && (vma.vm_flags & VM_LOCKED) !== 0) return false;
  // Without a flush, as on x86: a CPU that has the translation cached does not set A again.
  if (!mode.ignoreAccess && e.pte_young(yield* k.update(pte, 'clear A', e.pte_mkold))) return false;
  const pteval = yield* k.clearForUnmap(vma.vm_mm, pte, mode);
  if (e.pte_dirty(pteval)) yield* k.set_page_dirty(page);
  if (mode.migration) {
    const type = e.pte_write(pteval) ? e.SwapType.migrationWrite : e.SwapType.migrationRead;
    yield* k.set_pte_at(pte, k.swpMarks(e.swp_entry(type, page), pteval));
  } else if (k.PageAnon(page) && !(yield* k.unmapAnonPte(page, pte, pteval))) {
    return false;
  }
  yield* k.page_remove_rmap(page, false);
  yield* k.put_page(page);
  return true;
}

/** should_defer_flush(), set_tlb_ubc_flush_pending() and the clearing itself. Enters with the ptl held; returns with it. */
export function* clearForUnmap(k: Kernel, mm: Mm, pte: Slot, mode: TtuMode): KRun<Pte> {
  const others = k.m.tasks.some((task) => task !== k.task && task.mm === mm && !task.done);
  if (!mode.batchFlush || !others) return yield* k.ptep_clear_flush(mm, pte);
  const pteval = yield* k.ptep_get_and_clear(pte);
  const { mms, writable } = k.task.tlb_ubc;
  k.task.tlb_ubc = { mms: mms.includes(mm) ? mms : [...mms, mm], writable: writable || e.pte_dirty(pteval) };
  yield* k.set_tlb_ubc_flush_pending(mm);
  return pteval;
}

/** What a swap-type entry takes along from the PTE whose place it takes: soft-dirty alone in 4.19. */
export function swpMarks(k: Kernel, entry: Pte, pteval: Pte): Pte {
  return e.pte_soft_dirty(pteval) ? e.pte_swp_mksoft_dirty(entry) : entry;
}

/** The anonymous branch of try_to_unmap_one(): a swap entry, or nothing for a lazily freed page. Under the ptl. */
export function* unmapAnonPte(k: Kernel, page: Pfn, pte: Slot, pteval: Pte): KRun<boolean> {
  const swapbacked = yield* k.PageSwapBacked(page);
  if (swapbacked !== (yield* k.PageSwapCache(page))) {
    k.warn('BUG', 'WARNING at mm/rmap.c:try_to_unmap_one(): swap-backed page is not in the swap cache');
    return false;
  }
  if (!swapbacked) {
    if (!(yield* k.PageDirty(page))) return true;
    // Written again after MADV_FREE: it is an ordinary page once more.
    yield* k.set_pte_at(pte, pteval);
    yield* k.SetPageSwapBacked(page);
    return false;
  }
  const entry = e.swp_entry(e.SwapType.swap, k.m.pages.private[page]! - 1);
  if ((yield* k.swap_duplicate(entry)) < 0) {
    yield* k.set_pte_at(pte, pteval);
    return false;
  }
  yield* k.set_pte_at(pte, k.swpMarks(entry, pteval));
  return true;
}

/**
 * mm/huge_memory.c:set_pmd_migration_entry(). Faithful; D is tested in the value read before the invalidate.
 * Enters with the pmd lock held and the page locked; returns with both.
 *
 * @returns true, as try_to_unmap_one() goes on
 */
export function* set_pmd_migration_entry(k: Kernel, page: Pfn, vma: Vma, pmd: Slot): KRun<boolean> {
  const pmdval = yield* k.pmd_get(pmd);
  yield* k.pmdp_invalidate(vma.vm_mm, pmd);
  if (e.pmd_dirty(pmdval)) yield* k.set_page_dirty(page);
  const type = e.pmd_write(pmdval) ? e.SwapType.migrationWrite : e.SwapType.migrationRead;
  const entry = e.swp_entry(type, page);
  yield* k.set_pmd_at(pmd, e.pmd_soft_dirty(pmdval) ? e.pte_swp_mksoft_dirty(entry) : entry);
  yield* k.page_remove_rmap(page, true);
  yield* k.put_page(page);
  return true;
}

/**
 * mm/rmap.c:try_to_unmap_flush(). Simplified: one flush for each address space instead of one for all CPUs.
 * Enters with no spinlock held; returns with none.
 */
export function* try_to_unmap_flush(k: Kernel): KRun<void> {
  const { mms } = k.task.tlb_ubc;
  if (mms.length === 0) return;
  for (const mm of mms) yield* k.flush_tlb_mm(mm);
  k.task.tlb_ubc = { mms: [], writable: false };
}

/**
 * mm/rmap.c:try_to_unmap_flush_dirty(). Faithful.
 * Enters with no spinlock held; returns with none.
 */
export function* try_to_unmap_flush_dirty(k: Kernel): KRun<void> {
  if (k.task.tlb_ubc.writable) yield* k.try_to_unmap_flush();
}

/**
 * mm/rmap.c:page_mkclean(). Faithful.
 * Enters with the page locked; returns with it locked.
 *
 * @returns entries that were writable or dirty
 */
export function* page_mkclean(k: Kernel, page: Pfn): KRun<number> {
  k.BUG_ON(!k.PageLocked(page), 'page_mkclean(): page not locked');
  if (!(yield* k.page_mapped(page))) return 0;
  const { mapping, mappingId, index } = k.m.pages;
  if (mapping[page] !== Mapping.file) return 0;
  let cleaned = 0;
  yield* k.rmap_lock_read();
  for (const where of yield* k.lookUpVmas(page)) {
    if ((where.vma.vm_flags & VM_SHARED) !== 0) cleaned += yield* k.page_mkclean_one(page, where);
  }
  yield* k.rmap_unlock_read();
  const file = k.m.files[mappingId[page]!]!;
  k.m.watch?.({ kind: 'page_mkclean', task: k.task, file, index: index[page]! });
  return cleaned;
}

/**
 * mm/rmap.c:page_mkclean_one(). Faithful.
 * Enters with the page locked; returns with it locked.
 */
export function* page_mkclean_one(k: Kernel, page: Pfn, where: MappedIn): KRun<number> {
  const mm = where.vma.vm_mm;
  let cleaned = 0;
  for (const { part, address } of k.partsWithin(page, where)) {
    const at = yield* k.page_vma_mapped_walk(mm, part, address, true);
    if (!at) continue;
    const now = yield* k.pte_get(at.slot);
    if (e.pte_dirty(now) || e.pte_write(now)) {
      const old = yield* at.huge ? k.pmdp_huge_clear_flush(mm, at.slot) : k.ptep_clear_flush(mm, at.slot);
      yield* k.set_pte_at(at.slot, e.pte_mkclean(e.pte_wrprotect(old)));
      cleaned++;
    }
    yield* k.spin_unlock(at.lock);
    if (at.huge) break;
  }
  return cleaned;
}

/**
 * mm/rmap.c:page_referenced(). Simplified: no memory cgroups, no idle tracking, no VM_SEQ_READ.
 * Enters with the page locked; returns with it locked.
 *
 * @returns in how many VMAs A was set (it is cleared without a flush), and whether one of them is mlocked
 */
export function* page_referenced(k: Kernel, page: Pfn): KRun<{ referenced: number; locked: boolean }> {
  if (!(yield* k.page_mapped(page))) return { referenced: 0, locked: false };
  let referenced = 0;
  let locked = false;
  yield* k.rmap_lock_read();
  for (const where of yield* k.lookUpVmas(page)) {
    locked = (where.vma.vm_flags & VM_LOCKED) !== 0;
    if (locked) break;
    if (yield* k.page_referenced_one(page, where)) referenced++;
  }
  yield* k.rmap_unlock_read();
  return { referenced: locked ? 0 : referenced, locked };
}

/**
 * mm/rmap.c:page_referenced_one(). Faithful.
 * Enters with the page locked; returns with it locked.
 */
export function* page_referenced_one(k: Kernel, page: Pfn, where: MappedIn): KRun<boolean> {
  let young = false;
  for (const { part, address } of k.partsWithin(page, where)) {
    const at = yield* k.page_vma_mapped_walk(where.vma.vm_mm, part, address, false);
    if (!at) continue;
    if (e.pte_young(yield* k.update(at.slot, 'clear A', e.pte_mkold))) young = true;
    yield* k.spin_unlock(at.lock);
    if (at.huge) break;
  }
  return young;
}
