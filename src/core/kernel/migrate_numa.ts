/** mm/migrate.c: moving pages to the node where they are used, on a hinting fault or because move_pages(2) says so. */
import * as e from '../entry';
import { VM_EXEC } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma } from '../mm';
import { Mapping } from '../pages';
import type { Slot } from '../table';
import { PAGE_SIZE, type Pfn, type Pte, plus, type Vaddr } from '../units';

/**
 * mm/migrate.c:migrate_misplaced_page(). Simplified: the target node always has room.
 * Enters with a reference to the page and no spinlock; returns with the reference dropped, and 1 if the page moved.
 */
export function* migrate_misplaced_page(k: Kernel, page: Pfn, vma: Vma, nid: number): KRun<number> {
  const isFileCache = yield* k.page_is_file_cache(page);
  const isShared = isFileCache && (vma.vm_flags & VM_EXEC) !== 0 && (yield* k.page_mapcount(page)) !== 1;
  const isDirty = isFileCache && (yield* k.PageDirty(page));
  const isIsolated = !isShared && !isDirty && (yield* k.isolate_lru_page(page));
  yield* k.put_page(page);
  if (!isIsolated) return 0;
  if ((yield* k.unmap_and_move(page, nid, false)) === 0) return 1;
  yield* k.putback_lru_page(page);
  return 0;
}

/**
 * mm/migrate.c:migrate_misplaced_transhuge_page(). Faithful; the new entry is writable whatever the old one was.
 * Enters with the page locked and a reference to it; returns with it unlocked and the reference dropped.
 *
 * @param entry what the pmd was when the fault came
 * @returns 1 if the page moved
 */
export function* migrate_misplaced_transhuge_page(
  k: Kernel,
  mm: Mm,
  vma: Vma,
  pmd: Slot,
  entry: Pte,
  address: Vaddr,
  page: Pfn,
  nid: number,
): KRun<number> {
  if (!(yield* k.numamigrate_isolate_page(page))) {
    yield* k.keepMisplacedPage(vma, pmd, entry);
    yield* k.unlock_page(page);
    yield* k.put_page(page);
    return 0;
  }
  const new_page = k.alloc_page(k.m.HPAGE_PMD_NR, nid);
  yield* k.lock_page(new_page);
  const { mapping, mappingId, index } = k.m.pages;
  if (yield* k.PageSwapBacked(page)) yield* k.SetPageSwapBacked(new_page);
  mapping[new_page] = mapping[page]!;
  mappingId[new_page] = mappingId[page]!;
  index[new_page] = index[page]!;
  // Before the entry is cleared: it is hinted, so no CPU writes through it.
  yield* k.migrate_page_copy(new_page, page);

  const ptl = k.pmd_lockptr(pmd);
  yield* k.spin_lock(ptl);
  const isSame = e.pmd_same(yield* k.pmd_get(pmd), entry);
  if (!isSame || !(yield* k.page_ref_freeze(page, 2))) {
    yield* k.spin_unlock(ptl);
    mapping[new_page] = Mapping.none;
    yield* k.unlock_page(new_page);
    yield* k.put_page(new_page);
    yield* k.get_page(page);
    yield* k.putback_lru_page(page);
    yield* k.unlock_page(page);
    yield* k.put_page(page);
    return 0;
  }
  yield* k.replaceMisplacedPage(mm, vma, pmd, new_page, page);
  yield* k.spin_unlock(ptl);
  yield* k.lru_cache_add(new_page);
  yield* k.unlock_page(new_page);
  yield* k.unlock_page(page);
  // The mapping's reference and that of isolation.
  yield* k.put_page(page, 2);
  return 1;
}

/** The middle of migrate_misplaced_transhuge_page(). Enters with the pmd lock held and the count of `page` frozen. */
export function* replaceMisplacedPage(
  k: Kernel,
  mm: Mm,
  vma: Vma,
  pmd: Slot,
  new_page: Pfn,
  page: Pfn,
): KRun<void> {
  const entry = k.maybe_mkwrite(e.pmd_mkdirty(e.mk_huge_pmd(new_page, vma.vm_page_prot)), vma);
  yield* k.page_add_anon_rmap(new_page, vma, pmd.va, true, false);
  yield* k.pmdp_huge_clear_flush(mm, pmd);
  yield* k.set_pmd_at(pmd, entry);
  yield* k.page_ref_unfreeze(page, 2);
  yield* k.page_remove_rmap(page, true);
}

/** The end of migrate_misplaced_transhuge_page() where the page stays: the hint is removed, and RW with it. */
export function* keepMisplacedPage(k: Kernel, vma: Vma, pmd: Slot, entry: Pte): KRun<void> {
  const ptl = k.pmd_lockptr(pmd);
  yield* k.spin_lock(ptl);
  if (e.pmd_same(yield* k.pmd_get(pmd), entry))
    yield* k.set_pmd_at(pmd, e.pmd_modify(entry, vma.vm_page_prot));
  yield* k.spin_unlock(ptl);
}

/**
 * mm/migrate.c:numamigrate_isolate_page(), of a huge page. Simplified: the target node always has room.
 * Enters with a reference to the page; returns true with it replaced by that of isolation, or false with it kept.
 */
export function* numamigrate_isolate_page(k: Kernel, page: Pfn): KRun<boolean> {
  if (!(yield* k.isolate_lru_page(page))) return false;
  // The mapping's, the caller's and ours: anybody else may be about to write.
  if ((yield* k.page_count(page)) !== 3) {
    yield* k.putback_lru_page(page);
    return false;
  }
  yield* k.put_page(page);
  return true;
}

/**
 * mm/migrate.c:do_move_pages(). Simplified: each page is moved before the next is looked up; move_pages(2) in one.
 * Enters with nothing held; returns with nothing held.
 *
 * @returns pages that should have moved and did not
 */
export function* do_move_pages(k: Kernel, mm: Mm, start: Vaddr, end: Vaddr, nid: number): KRun<number> {
  yield* k.lru_add_drain_all();
  let failed = 0;
  for (let addr = start; addr < end; addr = plus(addr, PAGE_SIZE)) {
    const page = yield* k.add_page_for_migration(mm, addr, nid);
    if (page === null) continue;
    if ((yield* k.unmap_and_move(page, nid, true)) !== 0) {
      yield* k.putback_lru_page(page);
      failed++;
    }
  }
  return failed;
}

/**
 * mm/migrate.c:add_page_for_migration(). Simplified: why not is not told.
 * Enters with nothing held; returns with the page (its head) isolated, or null.
 */
export function* add_page_for_migration(k: Kernel, mm: Mm, addr: Vaddr, nid: number): KRun<Pfn | null> {
  yield* k.down_read(mm.mmap_sem);
  const vma = k.find_vma(mm, addr);
  const page = vma && addr >= vma.vm_start ? yield* k.pageToMove(vma, addr) : null;
  let isolated: Pfn | null = null;
  if (page !== null) {
    const head = k.m.compound_head(page);
    const isWanted = k.m.pages.nid[head] !== nid && (yield* k.page_mapcount(page)) <= 1;
    if (isWanted && (yield* k.isolate_lru_page(head))) isolated = head;
    yield* k.put_page(page);
  }
  yield* k.up_read(mm.mmap_sem);
  return isolated;
}

/** follow_page(FOLL_GET): the page at an address with a reference; null for none, zero pages and what is not present. */
export function* pageToMove(k: Kernel, vma: Vma, addr: Vaddr): KRun<Pfn | null> {
  const pmd = k.m.mm_find_pmd_slot(vma.vm_mm, addr);
  if (!pmd) return null;
  const isTable = e.pmd_is_table(yield* k.pmd_get(pmd));
  const slot = isTable ? k.m.pte_offset(pmd, addr) : pmd;
  const lock = slot.table.lock;
  yield* k.spin_lock(lock);
  const entry = yield* k.pte_get(slot);
  let page: Pfn | null = null;
  if (isTable) page = e.pte_present(entry) ? k.vm_normal_page(vma, addr, entry) : null;
  else if (e.pmd_trans_huge(entry) && !k.is_huge_zero_page(e.pmd_pfn(entry))) page = e.pmd_pfn(entry);
  if (!k.gup_can_follow_protnone(entry)) page = null;
  if (page !== null) yield* k.get_page(page);
  yield* k.spin_unlock(lock);
  return page;
}
