/**
 * mm/ksm.c, the scanning half: ksmd's passes over mergeable memory.
 *
 * Simplified throughout: no checksums (every page counts as calm) and no page-at-a-time pacing, so one call does what
 * ksmd does in several full scans.
 */
import * as e from '../entry';
import { VM_MERGEABLE } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { RmapItem } from '../ksm_state';
import type { Mm, Vma } from '../mm';
import { ksmObject, pageLockObject } from '../objects';
import { NO_PAGE } from '../pages';
import { PAGE_SIZE, type Pfn, pfn, plus, type Vaddr } from '../units';

/** What became of a page in one pass. `split`: it was a part of a huge page, and the next pass may merge it. */
export type MergeResult = 'merged' | 'split' | 'same';

/** The unstable tree of one pass, by contents. */
type Unstable = Map<number, RmapItem>;

/**
 * mm/ksm.c:ksm_do_scan(), until a full pass merges nothing. Simplified: no checksums; the calling task is ksmd.
 * Enters with no lock held; returns with none held, and the number of pages merged.
 */
export function* ksm_scan(k: Kernel): KRun<number> {
  let merged = 0;
  yield* k.remove_stale_rmap_items();
  for (;;) {
    const pass = yield* k.ksmFullScan();
    merged += pass.merged;
    if (pass.merged + pass.split === 0) return merged;
  }
}

/**
 * mm/ksm.c:get_next_rmap_item(), for the places of KSM pages that hold something else by now. Simplified: with those that
 * cmp_and_merge_page() finds, and before all passes; the first one merges nothing that is new.
 * Enters with no lock held; returns with none held.
 */
export function* remove_stale_rmap_items(k: Kernel): KRun<void> {
  for (const [kpage, places] of [...k.m.ksm.items]) {
    for (const item of places) {
      const page = yield* k.get_mergeable_page(item);
      if (page !== kpage) yield* k.remove_rmap_item_from_tree(item);
      if (page !== NO_PAGE) yield* k.put_page(page);
    }
  }
}

/** One full pass of ksmd over all address spaces: how often what happened. */
export function* ksmFullScan(k: Kernel): KRun<Record<MergeResult, number>> {
  yield* k.lru_add_drain_all();
  const unstable: Unstable = new Map();
  const results: Record<MergeResult, number> = { merged: 0, split: 0, same: 0 };
  for (const mm of k.m.mms) {
    for (let from = 0 as Vaddr; ; ) {
      const next = yield* k.nextMergeable(mm, from);
      if (!next) break;
      from = plus(next.va, PAGE_SIZE);
      const item = { mmId: mm.id, va: next.va, anonVma: 0 };
      results[yield* k.cmp_and_merge_page(next.page, item, unstable)]++;
      yield* k.put_page(next.page);
    }
  }
  return results;
}

/** scan_get_next_rmap_item() within one mm: the next anonymous page at or after `from`, with a reference. */
export function* nextMergeable(k: Kernel, mm: Mm, from: Vaddr): KRun<{ page: Pfn; va: Vaddr } | null> {
  yield* k.down_read(mm.mmap_sem);
  let found: { page: Pfn; va: Vaddr } | null = null;
  for (const vma of mm.mmap) {
    if (found || mm.exited || !isMergeable(vma)) continue;
    let va = plus(vma.vm_start, Math.max(0, from - vma.vm_start));
    while (!found && va < vma.vm_end) {
      const step = yield* k.tableSpanWithout(mm, va);
      const page = step === 0 ? yield* k.anonPageAt(vma, va, false) : NO_PAGE;
      if (page !== NO_PAGE) found = { page, va };
      va = plus(va, step || PAGE_SIZE);
    }
  }
  yield* k.up_read(mm.mmap_sem);
  return found;
}

const isMergeable = (vma: Vma): boolean => (vma.vm_flags & VM_MERGEABLE) !== 0 && vma.anon_vma !== 0;

/** Bytes from `va` on that have no PMD entry to look at; 0 if there is one. */
export function* tableSpanWithout(k: Kernel, mm: Mm, va: Vaddr): KRun<number> {
  const pmd = k.m.mm_find_pmd_slot(mm, va);
  if (pmd && !e.pmd_none(yield* k.pmd_get(pmd))) return 0;
  return k.m.HPAGE_PMD_SIZE - (va % k.m.HPAGE_PMD_SIZE);
}

/** follow_page(FOLL_GET) where only anonymous pages count. `wait`: FOLL_MIGRATION. NO_PAGE if there is none. */
export function* anonPageAt(k: Kernel, vma: Vma, va: Vaddr, wait: boolean): KRun<Pfn> {
  for (;;) {
    const pmd = k.m.mm_find_pmd_slot(vma.vm_mm, va);
    const pmde = pmd ? yield* k.pmd_get(pmd) : e.NONE;
    if (!pmd || e.pmd_none(pmde)) return NO_PAGE;
    const isTable = e.pmd_is_table(pmde);
    const slot = isTable ? k.m.pte_offset(pmd, va) : pmd;
    const lock = isTable ? k.pte_lockptr(slot) : k.pmd_lockptr(slot);
    yield* k.spin_lock(lock);
    const entry = yield* k.pte_get(slot);
    let page: Pfn | null = null;
    if (!isTable && e.pmd_trans_huge(entry)) {
      page = pfn(e.pmd_pfn(entry) + Math.floor((va - slot.va) / PAGE_SIZE));
    } else if (isTable && e.pte_present(entry)) {
      page = k.vm_normal_page(vma, va, entry);
    }
    if (!k.gup_can_follow_protnone(entry)) page = null;
    if (page !== null && !k.is_huge_zero_page(k.m.compound_head(page)) && k.PageAnon(page)) {
      yield* k.get_page(page);
      yield* k.spin_unlock(lock);
      return page;
    }
    yield* k.spin_unlock(lock);
    const changed = !isTable && e.pmd_is_table(entry);
    if (wait && !changed && e.is_migration_entry(entry)) yield* k.waitForMigration(pfn(e.swp_offset(entry)));
    else if (!changed) return NO_PAGE;
  }
}

/** __migration_entry_wait() without the entry: until whoever migrates the page unlocks it. */
export function* waitForMigration(k: Kernel, page: Pfn): KRun<void> {
  const head = k.m.compound_head(page);
  const over = () => !k.PageLocked(head);
  yield* k.wait(
    'wait for migration',
    pageLockObject(head),
    over,
    `the lock of page ${head}`,
    () => undefined,
  );
}

/**
 * mm/ksm.c:cmp_and_merge_page(). Simplified: no checksum, no migration of KSM pages between nodes.
 * Enters with a reference to the page; returns with it, and what became of the page.
 */
export function* cmp_and_merge_page(
  k: Kernel,
  page: Pfn,
  item: RmapItem,
  unstable: Unstable,
): KRun<MergeResult> {
  const known = k.m.ksm.items.get(page)?.some((one) => one.mmId === item.mmId && one.va === item.va);
  if (known && k.PageKsm(page)) return 'same';
  const kpage = yield* k.stable_tree_search(page);
  yield* k.remove_rmap_item_from_tree(item);
  if (kpage !== NO_PAGE) {
    const err = yield* k.try_to_merge_with_ksm_page(item, page, kpage);
    if (err === 0) {
      yield* k.lock_page(kpage);
      yield* k.stable_tree_append(item, kpage);
      yield* k.unlock_page(kpage);
    }
    yield* k.put_page(kpage);
    return err === 0 && kpage !== page ? 'merged' : 'same';
  }
  if (k.m.ksm.useZeroPages && (yield* k.read_content(page)) === 0) {
    if ((yield* k.try_to_merge_with_ksm_page(item, page, k.m.zeroPage)) === 0) return 'merged';
  }
  const tree_item = unstable.get(yield* k.read_content(page));
  const tree_page = tree_item ? yield* k.get_mergeable_page(tree_item) : NO_PAGE;
  if (tree_page !== NO_PAGE && tree_page !== page && (yield* k.pages_identical(page, tree_page))) {
    const contents = yield* k.read_content(page);
    const result = yield* k.mergeTwo(item, page, tree_item!, tree_page);
    // What is in the stable tree is in the other one no longer.
    if (result === 'merged') unstable.delete(contents);
    return result;
  }
  if (tree_page !== NO_PAGE) yield* k.put_page(tree_page);
  unstable.set(yield* k.read_content(page), item);
  return 'same';
}

/** The end of cmp_and_merge_page(): two pages of the unstable tree become one of the stable tree. Puts `tree_page`. */
export function* mergeTwo(
  k: Kernel,
  item: RmapItem,
  page: Pfn,
  tree_item: RmapItem,
  tree_page: Pfn,
): KRun<MergeResult> {
  const oneHuge = k.PageTransCompound(page) && k.m.compound_head(page) === k.m.compound_head(tree_page);
  const isShared = yield* k.try_to_merge_two_pages(item, page, tree_item, tree_page);
  yield* k.put_page(tree_page);
  if (isShared) {
    yield* k.lock_page(page);
    const inserted = yield* k.stable_tree_insert(page);
    if (inserted) {
      yield* k.stable_tree_append(tree_item, page);
      yield* k.stable_tree_append(item, page);
    }
    yield* k.unlock_page(page);
    if (inserted) return 'merged';
    yield* k.break_cow(tree_item);
    yield* k.break_cow(item);
  } else if (oneHuge && (yield* k.trylock_page(page))) {
    // Until now the reference to the one kept the other from being split off.
    const err = yield* k.split_huge_page(page);
    yield* k.unlock_page(page);
    if (err === 0) return 'split';
  }
  return 'same';
}

/**
 * mm/ksm.c:remove_rmap_item_from_tree(). Faithful.
 * Enters with no lock held; returns with no KSM page claiming to be mapped at this place.
 */
export function* remove_rmap_item_from_tree(k: Kernel, item: RmapItem): KRun<void> {
  const { items } = k.m.ksm;
  const isOther = (one: RmapItem) => one.mmId !== item.mmId || one.va !== item.va;
  yield* k.step('remove rmap_item', ksmObject, true, () => {
    for (const [kpage, list] of items) if (!list.every(isOther)) items.set(kpage, list.filter(isOther));
  });
}

/**
 * mm/ksm.c:get_mergeable_page(). Faithful.
 * Enters with no lock held; returns the item's page with a reference, or NO_PAGE.
 */
export function* get_mergeable_page(k: Kernel, item: RmapItem): KRun<Pfn> {
  const mm = k.m.mm(item.mmId);
  yield* k.down_read(mm.mmap_sem);
  const vma = k.find_mergeable_vma(mm, item.va);
  const page = vma ? yield* k.anonPageAt(vma, item.va, false) : NO_PAGE;
  yield* k.up_read(mm.mmap_sem);
  return page;
}

/**
 * mm/ksm.c:find_mergeable_vma(). Faithful.
 * Enters with mmap_sem held; returns with it held. Takes no step.
 */
export function find_mergeable_vma(k: Kernel, mm: Mm, va: Vaddr): Vma | null {
  if (mm.exited) return null;
  return mm.mmap.find((vma) => va >= vma.vm_start && va < vma.vm_end && isMergeable(vma)) ?? null;
}
