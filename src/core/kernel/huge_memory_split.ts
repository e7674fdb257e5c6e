/**
 * mm/huge_memory.c: a huge PMD entry becomes a table of PTEs. The page stays one page; splitting that is in
 * huge_memory_page.ts. In 4.19 the page is not locked meanwhile: reuse_swap_page() in another process may add up
 * map counts that are half changed.
 */
import * as e from '../entry';
import type { Kernel, KRun } from '../kernel';
import type { Vma } from '../mm';
import { pageFlagsObject, pageMapObject } from '../objects';
import { PG_double_map } from '../pages';
import { Level, type Slot } from '../table';
import { type Pfn, type Pte, pfn, type Vaddr } from '../units';

/**
 * mm/huge_memory.c:__split_huge_pmd(). Simplified: no mmu notifiers, no mlock.
 * Enters with mmap_sem held, or the page locked; returns with the same. Takes the pmd lock.
 *
 * @param freeze leave migration entries, for the splitting of the page
 * @param page only if the entry maps this page; null for any
 */
export function* __split_huge_pmd(
  k: Kernel,
  vma: Vma,
  pmd: Slot,
  addr: Vaddr,
  freeze: boolean,
  page: Pfn | null,
): KRun<void> {
  k.VM_BUG_ON(freeze && page === null, 'mm/huge_memory.c:__split_huge_pmd(): freeze without a page');
  const ptl = k.pmd_lockptr(pmd);
  yield* k.spin_lock(ptl);
  const value = yield* k.pmd_get(pmd);
  const isHuge = e.pmd_trans_huge(value) || e.pmd_devmap(value);
  const isWanted =
    page === null ? isHuge || e.is_pmd_migration_entry(value) : isHuge && e.pmd_pfn(value) === page;
  if (isWanted) yield* k.__split_huge_pmd_locked(vma, pmd, pmd.va, freeze);
  yield* k.spin_unlock(ptl);
}

/**
 * mm/huge_memory.c:__split_huge_pmd_locked(). Faithful; with the errors of 4.19.0: a migration entry is read like
 * a present one, and its page is counted as mapped.
 * Enters with the pmd lock held; returns with it held.
 */
export function* __split_huge_pmd_locked(
  k: Kernel,
  vma: Vma,
  pmd: Slot,
  haddr: Vaddr,
  freeze: boolean,
): KRun<void> {
  k.m.cost.pmdSplits++;
  if (!k.vma_is_anonymous(vma)) return yield* k.unmap_file_huge_pmd(vma, pmd);
  const value = yield* k.pmd_get(pmd);
  if (e.pmd_trans_huge(value) && k.is_huge_zero_page(e.pmd_pfn(value))) {
    return yield* k.__split_huge_zero_page_pmd(vma, haddr, pmd);
  }
  const old_pmd = yield* k.pmdp_invalidate(vma.vm_mm, pmd);
  const page = e.pmd_pfn(old_pmd);
  const nr = k.m.HPAGE_PMD_NR;
  const asMigration = freeze || e.is_pmd_migration_entry(old_pmd);
  k.VM_BUG_ON((yield* k.page_count(page)) === 0, 'mm/huge_memory.c:__split_huge_pmd_locked(): free page');
  yield* k.get_page(page, nr - 1);
  if (e.pmd_dirty(old_pmd)) yield* k.SetPageDirty(page);
  const table = k.m.newTable(vma.vm_mm.id, Level.pte, haddr, k.task.id);
  for (let i = 0; i < nr; i++) {
    const entry = asMigration
      ? k.split_huge_pmd_migration_pte(old_pmd, i)
      : k.split_huge_pmd_pte(vma, old_pmd, i);
    yield* k.set_pte_at(k.slot(table, i), entry);
  }
  yield* k.split_huge_pmd_mapcount(page);
  yield* k.pmd_populate(pmd, table);
  if (!freeze) return;
  for (let i = 0; i < nr; i++) {
    yield* k.page_remove_rmap(pfn(page + i), false);
    yield* k.put_page(pfn(page + i));
  }
}

/**
 * mm/huge_memory.c:__split_huge_pmd_locked(), one PTE of a mapped page. Faithful; D goes to the page only.
 * Enters with the pmd lock held; returns with it held. Takes no step.
 */
export function split_huge_pmd_pte(k: Kernel, vma: Vma, old_pmd: Pte, i: number): Pte {
  let entry = k.maybe_mkwrite(e.mk_pte(pfn(e.pmd_pfn(old_pmd) + i), vma.vm_page_prot), vma);
  if (!e.pmd_write(old_pmd)) entry = e.pte_wrprotect(entry);
  if (!e.pmd_young(old_pmd)) entry = e.pte_mkold(entry);
  if (e.pmd_soft_dirty(old_pmd)) entry = e.pte_mksoft_dirty(entry);
  return entry;
}

/**
 * mm/huge_memory.c:__split_huge_pmd_locked(), one PTE of a page that is or gets unmapped. Faithful.
 *
 * A migration entry is read with the predicates of present entries. RW then is its soft-dirty marker, and
 * soft-dirty a bit of the inverted offset, always set for a huge page. Corrected in 4.20.
 * Enters with the pmd lock held; returns with it held. Takes no step.
 */
export function split_huge_pmd_migration_pte(k: Kernel, old_pmd: Pte, i: number): Pte {
  const type = e.pmd_write(old_pmd) ? e.SwapType.migrationWrite : e.SwapType.migrationRead;
  const entry = e.swp_entry(type, e.pmd_pfn(old_pmd) + i);
  const isSoftDirty = e.is_pmd_migration_entry(old_pmd) ? k.m.config.softDirty : e.pmd_soft_dirty(old_pmd);
  return isSoftDirty ? e.pte_swp_mksoft_dirty(entry) : entry;
}

/**
 * mm/huge_memory.c:__split_huge_pmd_locked(), the map counts. Faithful; step by step, for all to see.
 * Enters with the pmd lock held; returns with it held.
 */
export function* split_huge_pmd_mapcount(k: Kernel, page: Pfn): KRun<void> {
  const { pages } = k.m;
  const addToParts = (by: number) => () => {
    for (const part of k.m.subpages(page)) pages.mapcount[part]! += by;
  };
  // The flag is part of what page_mapcount() adds up, hence both objects.
  const both = (): readonly number[] => [pageMapObject(page), pageFlagsObject(page)];
  const changeDoubleMap = (on: boolean) => (): boolean => {
    const was = (pages.flags[page]! & PG_double_map) !== 0;
    pages.flags[page] = on ? pages.flags[page]! | PG_double_map : pages.flags[page]! & ~PG_double_map;
    return was;
  };
  yield* k.changeMapcount('map the parts', page, addToParts(1));
  const mappings = yield* k.changelessMapcount(
    'compound_mapcount',
    page,
    () => pages.compound_mapcount[page]! + 1,
  );
  if (mappings > 1 && !(yield* k.stepOn('set DoubleMap', both, 3, changeDoubleMap(true)))) {
    yield* k.changeMapcount('add DoubleMap counts', page, addToParts(1));
  }
  const isLast = yield* k.changeMapcount('unmap huge page', page, () => --pages.compound_mapcount[page]! < 0);
  if (isLast && (yield* k.stepOn('clear DoubleMap', both, 3, changeDoubleMap(false)))) {
    yield* k.changeMapcount('drop DoubleMap counts', page, addToParts(-1));
  }
}

/**
 * mm/huge_memory.c:__split_huge_zero_page_pmd(). Faithful; RO, and soft-dirty is lost.
 * Enters with the pmd lock held; returns with it held.
 */
export function* __split_huge_zero_page_pmd(k: Kernel, vma: Vma, haddr: Vaddr, pmd: Slot): KRun<void> {
  yield* k.pmdp_huge_clear_flush(vma.vm_mm, pmd);
  const table = k.m.newTable(vma.vm_mm.id, Level.pte, haddr, k.task.id);
  const entry = e.pte_mkspecial(e.pfn_pte(k.m.zeroPage, vma.vm_page_prot));
  for (let i = 0; i < k.m.HPAGE_PMD_NR; i++) yield* k.set_pte_at(k.slot(table, i), entry);
  yield* k.pmd_populate(pmd, table);
}

/**
 * mm/huge_memory.c:__split_huge_pmd_locked(), of a file. Faithful; nothing is mapped afterwards.
 * Enters with the pmd lock held; returns with it held.
 */
export function* unmap_file_huge_pmd(k: Kernel, vma: Vma, pmd: Slot): KRun<void> {
  const old_pmd = yield* k.pmdp_huge_clear_flush(vma.vm_mm, pmd);
  const page = e.pmd_pfn(old_pmd);
  if (e.pmd_dirty(old_pmd) && !(yield* k.PageDirty(page))) yield* k.set_page_dirty(page);
  if (e.pmd_young(old_pmd)) yield* k.SetPageReferenced(page);
  yield* k.page_remove_rmap(page, true);
  yield* k.put_page(page);
}

/**
 * mm/huge_memory.c:split_huge_pmd_address(). Faithful.
 * Enters with mmap_sem held, or the page locked; returns with the same.
 */
export function* split_huge_pmd_address(
  k: Kernel,
  vma: Vma,
  address: Vaddr,
  freeze: boolean,
  page: Pfn | null,
): KRun<void> {
  const pmd = k.m.mm_find_pmd_slot(vma.vm_mm, address);
  if (pmd) yield* k.__split_huge_pmd(vma, pmd, address, freeze, page);
}

/**
 * mm/huge_memory.c:vma_adjust_trans_huge(). Simplified: the next VMA is another call.
 * Enters with mmap_sem held for writing; returns with it held.
 *
 * @param start where the VMA will start and `end` where it will end: no huge entry may cross either
 */
export function* vma_adjust_trans_huge(k: Kernel, vma: Vma, start: Vaddr, end: Vaddr): KRun<void> {
  const size = k.m.HPAGE_PMD_SIZE;
  for (const edge of [start, end]) {
    const haddr = edge - (edge % size);
    if (haddr !== edge && haddr >= vma.vm_start && haddr + size <= vma.vm_end) {
      yield* k.split_huge_pmd_address(vma, edge, false, null);
    }
  }
}
