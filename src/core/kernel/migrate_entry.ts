/** mm/migrate.c: migration entries; who meets one waits, and when the page has moved they become mappings again. */
import * as e from '../entry';
import type { Kernel, KRun } from '../kernel';
import { NOBODY } from '../locks';
import type { Vma, VmFault } from '../mm';
import { pageLockObject, pageRefObject } from '../objects';
import type { Slot } from '../table';
import { type Pfn, type Pte, pfn } from '../units';
import type { MappedIn } from './rmap_walk';

/**
 * mm/migrate.c:remove_migration_ptes(). Simplified: the VMAs as rmap finds them, without the anon_vma lock.
 * Enters with both pages locked; returns with them locked.
 *
 * @param old the page that the entries name
 * @param page the page that is mapped instead; the same one where the migration failed
 */
export function* remove_migration_ptes(k: Kernel, old: Pfn, page: Pfn): KRun<void> {
  yield* k.rmap_lock_read();
  for (const where of yield* k.lookUpVmas(page)) yield* k.removeMigrationEntriesIn(where, old, page);
  yield* k.rmap_unlock_read();
}

/** remove_migration_ptes() in one VMA: a PMD entry for all of a huge page, or PTEs. */
export function* removeMigrationEntriesIn(k: Kernel, where: MappedIn, old: Pfn, page: Pfn): KRun<void> {
  const { vma } = where;
  for (const { part, address } of k.partsWithin(page, where)) {
    const pmd = k.m.mm_find_pmd_slot(vma.vm_mm, address);
    if (!pmd) continue;
    if (e.is_swap_pmd(yield* k.pmd_get(pmd))) {
      const ptl = k.pmd_lockptr(pmd);
      yield* k.spin_lock(ptl);
      const value = yield* k.pmd_get(pmd);
      const isOurs = e.is_pmd_migration_entry(value) && e.swp_offset(value) === old;
      if (isOurs) yield* k.remove_migration_pmd(vma, pmd, page);
      yield* k.spin_unlock(ptl);
      if (isOurs) return;
    }
    // The table is there also while khugepaged, which the anon_vma lock would keep away, has it unhooked.
    const table = pmd.table.child.get(pmd.index);
    if (table)
      yield* k.remove_migration_pte(
        vma,
        k.slot(table, table.indexOf(address)),
        pfn(old + (part - page)),
        part,
      );
  }
}

/**
 * mm/migrate.c:remove_migration_pte(). Simplified: no hugetlb, no device memory, no mlock.
 * Enters with both pages locked; returns with them locked. Takes the ptl.
 *
 * A and D are gone for good; RW is asked of the VMA anew, so mprotect() meanwhile is heeded.
 */
export function* remove_migration_pte(k: Kernel, vma: Vma, slot: Slot, old: Pfn, page: Pfn): KRun<void> {
  if (!e.is_migration_entry(yield* k.pte_get(slot))) return;
  const ptl = k.pte_lockptr(slot);
  yield* k.spin_lock(ptl);
  const entry = yield* k.pte_get(slot);
  if (e.is_migration_entry(entry) && e.swp_offset(entry) === old) {
    yield* k.get_page(page);
    yield* k.set_pte_at(slot, k.migration_pte(vma, entry, page));
    if (k.PageAnon(page)) yield* k.page_add_anon_rmap(page, vma, slot.va, false, false);
    else yield* k.page_add_file_rmap(page, false);
  }
  yield* k.spin_unlock(ptl);
}

/**
 * mm/migrate.c:remove_migration_pte(), the PTE that it makes. Faithful.
 * Enters with the ptl held; returns with it held. Takes no step.
 */
export function migration_pte(k: Kernel, vma: Vma, entry: Pte, page: Pfn): Pte {
  let pte = e.pte_mkold(e.mk_pte(page, vma.vm_page_prot));
  if (e.pte_swp_soft_dirty(entry)) pte = e.pte_mksoft_dirty(pte);
  return e.is_write_migration_entry(entry) ? k.maybe_mkwrite(pte, vma) : pte;
}

/**
 * mm/huge_memory.c:remove_migration_pmd(). Faithful.
 * Enters with the pmd lock held and the page locked; returns with both.
 */
export function* remove_migration_pmd(k: Kernel, vma: Vma, pmd: Slot, page: Pfn): KRun<void> {
  const entry = yield* k.pmd_get(pmd);
  yield* k.get_page(page);
  let pmde = e.pmd_mkold(e.mk_huge_pmd(page, vma.vm_page_prot));
  if (e.pte_swp_soft_dirty(entry)) pmde = e.pmd_mksoft_dirty(pmde);
  if (e.is_write_migration_entry(entry)) pmde = k.maybe_mkwrite(pmde, vma);
  if (k.PageAnon(page)) yield* k.page_add_anon_rmap(page, vma, pmd.va, true, false);
  else yield* k.page_add_file_rmap(page, true);
  yield* k.set_pmd_at(pmd, pmde);
}

/**
 * mm/migrate.c:migration_entry_wait(). Faithful.
 * Enters with mmap_sem held and no spinlock; returns with mmap_sem held, and the migration over.
 */
export function* migration_entry_wait(k: Kernel, vmf: VmFault): KRun<void> {
  const slot = vmf.pte ?? k.m.pte_offset(vmf.pmd, vmf.address);
  const ptl = k.pte_lockptr(slot);
  yield* k.spin_lock(ptl);
  const entry = yield* k.pte_get(slot);
  const page = e.is_migration_entry(entry) ? pfn(e.swp_offset(entry)) : null;
  const isThere = page !== null && (yield* k.get_page_unless_zero(page));
  yield* k.spin_unlock(ptl);
  if (isThere) yield* k.waitAndPut(page);
}

/**
 * mm/migrate.c:pmd_migration_entry_wait(). Faithful.
 * Enters with mmap_sem held and no spinlock; returns with mmap_sem held, and the migration over.
 */
export function* pmd_migration_entry_wait(k: Kernel, vmf: VmFault): KRun<void> {
  const ptl = k.pmd_lockptr(vmf.pmd);
  yield* k.spin_lock(ptl);
  const entry = yield* k.pmd_get(vmf.pmd);
  const page = e.is_pmd_migration_entry(entry) ? pfn(e.swp_offset(entry)) : null;
  const isThere = page !== null && (yield* k.get_page_unless_zero(page));
  yield* k.spin_unlock(ptl);
  if (isThere) yield* k.waitAndPut(page);
}

/** wait_on_page_locked() with a reference of one's own, which makes a migration of the page fail meanwhile. */
export function* waitAndPut(k: Kernel, page: Pfn): KRun<void> {
  yield* k.wait_on_page_locked(page);
  yield* k.put_page(page);
}

/**
 * include/linux/pagemap.h:wait_on_page_locked(). Faithful.
 * Enters with a reference and no spinlock; returns with the page unlocked a moment ago.
 */
export function* wait_on_page_locked(k: Kernel, page: Pfn): KRun<void> {
  k.might_sleep('wait_on_page_locked()');
  const head = k.m.compound_head(page);
  const isUnlocked = () => k.m.pages.lockOwner[head] === NOBODY;
  const name = `the lock of page ${head}`;
  yield* k.wait(`wait_on_page_locked ${head}`, pageLockObject(head), isUnlocked, name, () => undefined);
}

/**
 * include/linux/mm.h:get_page_unless_zero(). Faithful.
 * Enters with any lock; returns with a reference, or false: the page is free, or its count is frozen.
 */
export function* get_page_unless_zero(k: Kernel, page: Pfn): KRun<boolean> {
  const head = k.m.compound_head(page);
  return yield* k.step('get_page_unless_zero', pageRefObject(head), true, () => {
    if (k.m.pages.refcount[head]! <= 0) return false;
    k.m.pages.refcount[head]!++;
    return true;
  });
}
