/**
 * mm/vmscan.c for one page: reclaim_page() does to it what two passes over the LRU lists would, the one that
 * deactivates and the one that frees. Before 6.12 a huge page is always split before, as where it cannot be swapped whole.
 */
import type { Kernel, KRun } from '../kernel';
import type { File } from '../mm';
import { fileObject, pageFlagsObject, pageRefObject, swapSlotObject } from '../objects';
import { PG_dirty, PG_lru, PG_referenced } from '../pages';
import type { Pfn } from '../units';

/** enum page_references. */
export type PageReferences = 'RECLAIM' | 'RECLAIM_CLEAN' | 'KEEP' | 'ACTIVATE';

/**
 * mm/vmscan.c:shrink_inactive_list(), for one page. Simplified: preceded by the ageing that clears its A bits.
 * Enters with no lock held and a page that need not be referenced; returns with none held.
 *
 * @returns whether the page was freed
 */
export function* reclaim_page(k: Kernel, page: Pfn): KRun<boolean> {
  yield* k.lru_add_drain();
  const head = k.m.compound_head(page);
  if (k.PageTransHuge(head) && !(yield* k.splitForReclaim(head))) return false;
  if (!(yield* k.isolate_lru_page(page))) return false;
  yield* k.shrink_active_list(page);
  if (yield* k.shrink_page_list(page)) return true;
  yield* k.putback_lru_page(page);
  return false;
}

/**
 * mm/vmscan.c:isolate_lru_page(). Faithful.
 * Enters with no lock held; returns true with a reference and PG_lru clear, or false if the page is not on the LRU.
 */
export function* isolate_lru_page(k: Kernel, page: Pfn): KRun<boolean> {
  return yield* k.stepOn(
    'isolate_lru_page',
    () => [pageRefObject(page), pageFlagsObject(page)],
    3,
    () => {
      const { flags, refcount } = k.m.pages;
      if ((flags[page]! & PG_lru) === 0 || refcount[page] === 0) return false;
      flags[page]! &= ~PG_lru;
      refcount[page]!++;
      return true;
    },
  );
}

/**
 * mm/vmscan.c:putback_lru_page(). Simplified: not by way of a pagevec, as shrink_inactive_list() puts pages back.
 * Enters with an isolated page; returns with it on the LRU and the reference of isolation dropped.
 */
export function* putback_lru_page(k: Kernel, page: Pfn): KRun<void> {
  yield* k.SetPageLRU(page);
  yield* k.put_page(page);
}

/**
 * mm/vmscan.c:shrink_active_list(). Simplified: always deactivates; no lists.
 * Enters with the page isolated; returns with its A bits cleared, without a flush.
 */
export function* shrink_active_list(k: Kernel, page: Pfn): KRun<void> {
  yield* k.page_referenced(page);
  yield* k.testClear(page, PG_referenced, 'PG_referenced');
}

/** Splits a huge page after the tests that shrink_page_list() makes before; false if it is to be left alone. */
export function* splitForReclaim(k: Kernel, head: Pfn): KRun<boolean> {
  if (!(yield* k.isolate_lru_page(head))) return false;
  yield* k.shrink_active_list(head);
  let split = false;
  if (yield* k.trylock_page(head)) {
    const references = yield* k.page_check_references(head);
    if (references.startsWith('RECLAIM')) split = (yield* k.split_huge_page(head)) === 0;
    yield* k.unlock_page(head);
  }
  yield* k.putback_lru_page(head);
  return split;
}

/**
 * mm/vmscan.c:shrink_page_list(). Simplified: one page of order 0; swap is never full; no congestion, no mlock.
 * Enters with the page isolated; returns true with the page freed, or false with it still isolated.
 */
export function* shrink_page_list(k: Kernel, page: Pfn): KRun<boolean> {
  if (!(yield* k.trylock_page(page))) return false;
  const cleaned = yield* k.unmapAndClean(page);
  const freed = cleaned === 'clean' && (yield* k.takeLastReferences(page));
  if (cleaned !== 'keep') yield* k.unlock_page(page);
  // Before the frame can be used again: somebody may still write through a stale translation.
  yield* k.try_to_unmap_flush();
  if (!freed) return false;
  yield* k.page_ref_unfreeze(page, 1);
  yield* k.put_page(page);
  return true;
}

/** The first half of shrink_page_list(): all mappings gone, content on the device. 'keep': unlocked already. */
export function* unmapAndClean(k: Kernel, page: Pfn): KRun<'clean' | 'keep' | 'keep_locked'> {
  if (yield* k.PageWriteback(page)) return 'keep_locked';
  const references = yield* k.page_check_references(page);
  if (references === 'KEEP' || references === 'ACTIVATE') return 'keep_locked';
  // Lazily freed pages are not swap-backed and go without.
  if (k.PageAnon(page) && (yield* k.PageSwapBacked(page)) && !(yield* k.PageSwapCache(page))) {
    if (yield* k.reclaim_leaves_pinned(page)) return 'keep_locked';
    if (!(yield* k.giveSwap(page))) return 'keep_locked';
  }
  const splitHugePmd = k.PageTransHuge(page);
  const mode = { migration: false, batchFlush: true, ignoreAccess: false, splitHugePmd };
  if ((yield* k.page_mapped(page)) && !(yield* k.try_to_unmap(page, mode))) return 'keep_locked';
  if (!(yield* k.PageDirty(page))) return 'clean';
  // Dirty pages of files are left to writeback.
  const file = k.fileOf(page);
  const goesToSwap = file ? file.kind === 'shmem' : yield* k.PageSwapCache(page);
  if (!goesToSwap || references === 'RECLAIM_CLEAN') return 'keep_locked';
  yield* k.try_to_unmap_flush_dirty();
  return yield* k.pageout(page);
}

/**
 * mm/vmscan.c:shrink_page_list(), whether a page is kept out of the swap cache because it may be pinned. Faithful; never,
 * before 5.11.
 * Enters with the page locked; returns with it locked.
 */
export function* reclaim_leaves_pinned(_k: Kernel, _page: Pfn): KRun<boolean> {
  return false;
}

/**
 * mm/vmscan.c:shrink_page_list(), a place in swap. Faithful; a huge page has been split before.
 * Enters with the page locked and isolated; returns with both, and false where there is no place.
 */
export function* giveSwap(k: Kernel, page: Pfn): KRun<boolean> {
  return yield* k.add_to_swap(page);
}

/**
 * mm/vmscan.c:page_check_references(). Faithful.
 * Enters with the page locked; returns with it locked, and with A cleared in its entries.
 */
export function* page_check_references(k: Kernel, page: Pfn): KRun<PageReferences> {
  const { referenced, locked } = yield* k.page_referenced(page);
  const before = yield* k.testClear(page, PG_referenced, 'PG_referenced');
  // try_to_unmap() will find out and fail.
  if (locked) return 'RECLAIM';
  const swapBacked = yield* k.PageSwapBacked(page);
  if (referenced > 0) {
    if (swapBacked) return 'ACTIVATE';
    yield* k.SetPageReferenced(page);
    return before || referenced > 1 ? 'ACTIVATE' : 'KEEP';
  }
  return before && !swapBacked ? 'RECLAIM_CLEAN' : 'RECLAIM';
}

/** TestClearPage...() of a flag that only reclaim looks at. */
export function* testClear(k: Kernel, page: Pfn, bit: number, name: string): KRun<boolean> {
  return yield* k.step(`clear ${name}`, pageFlagsObject(page), true, () => {
    const was = (k.m.pages.flags[page]! & bit) !== 0;
    k.m.pages.flags[page]! &= ~bit;
    return was;
  });
}

/**
 * mm/vmscan.c:pageout(). Simplified: to swap only, with shrink_page_list()'s tests after it.
 * Enters with the page locked, in the swap cache and unmapped; returns with it locked unless the result is 'keep'.
 */
export function* pageout(k: Kernel, page: Pfn): KRun<'clean' | 'keep' | 'keep_locked'> {
  // Ours and the cache's: any other reference may be somebody who is writing to the page.
  if ((yield* k.page_count(page)) !== 1 + k.m.subpages(page).length) return 'keep_locked';
  const file = k.fileOf(page);
  if (file) return (yield* k.shmem_writepage(page, file)) ? 'clean' : 'keep_locked';
  if (yield* k.clear_page_dirty_for_io(page)) yield* k.swap_writepage(page);
  else return 'clean';
  if ((yield* k.PageWriteback(page)) || (yield* k.PageDirty(page))) return 'keep';
  if (!(yield* k.trylock_page(page))) return 'keep';
  if ((yield* k.PageDirty(page)) || (yield* k.PageWriteback(page))) return 'keep_locked';
  return 'clean';
}

/**
 * mm/shmem.c:shmem_writepage(). Simplified: written at once, and not by way of the swap cache.
 * Enters with the page locked, unmapped and dirty; returns with it locked, and true if it is of no file any more.
 */
export function* shmem_writepage(k: Kernel, page: Pfn, file: File): KRun<boolean> {
  if (!(yield* k.clear_page_dirty_for_io(page))) return false;
  const content = yield* k.read_content(page);
  const slot = (): number => swapSlotObject(k.lowestFreeSlot(1));
  const isGone = yield* k.stepOn(
    'shmem_writepage',
    () => [fileObject(file.id), pageRefObject(page), slot()],
    3,
    () => {
      if (!k.m.swap.isOn) return false;
      file.disk.set(k.m.pages.index[page]!, content);
      k.m.pages.refcount[page]!--;
      k.dropFromCache(page, file);
      return true;
    },
  );
  if (!isGone) yield* k.set_page_dirty(page);
  return isGone;
}

/**
 * mm/page_io.c:swap_writepage(). Simplified: synchronous, as for a device with ->rw_page; never fails.
 * Enters with the page locked and in the swap cache; returns with it unlocked.
 */
export function* swap_writepage(k: Kernel, page: Pfn): KRun<void> {
  if (yield* k.try_to_free_swap(page)) {
    yield* k.unlock_page(page);
    return;
  }
  yield* k.set_page_writeback(page);
  for (const part of k.m.subpages(page)) {
    const slot = k.m.pages.private[part]! - 1;
    const content = yield* k.read_content(part);
    yield* k.step('write to swap', swapSlotObject(slot), true, () => {
      k.m.swap.content[slot] = content;
    });
  }
  yield* k.end_page_writeback(page);
  yield* k.unlock_page(page);
}

/** The end of shrink_page_list(): nobody but reclaim knows the page any more, or it is kept. */
export function* takeLastReferences(k: Kernel, page: Pfn): KRun<boolean> {
  if (!k.PageAnon(page) || (yield* k.PageSwapBacked(page))) return yield* k.__remove_mapping(page);
  // Lazily freed: there is no cache to take it out of.
  if (!(yield* k.page_ref_freeze(page, 1))) return false;
  if (yield* k.PageDirty(page)) {
    yield* k.page_ref_unfreeze(page, 1);
    return false;
  }
  k.m.watch?.({ kind: 'discard', task: k.task, page, why: 'lazily freed' });
  return true;
}

/**
 * mm/vmscan.c:__remove_mapping(). Faithful; the count is frozen before PG_dirty is looked at.
 * Enters with the page locked and isolated; returns true with its count 0 and out of its cache, or false.
 */
export function* __remove_mapping(k: Kernel, page: Pfn): KRun<boolean> {
  if (yield* k.PageSwapCache(page)) {
    const expected = 1 + k.m.subpages(page).length;
    if (!(yield* k.page_ref_freeze(page, expected))) return false;
    if (yield* k.PageDirty(page)) {
      yield* k.page_ref_unfreeze(page, expected);
      return false;
    }
    yield* k.__delete_from_swap_cache(page);
    k.m.watch?.({ kind: 'discard', task: k.task, page, why: 'swapped out' });
    return true;
  }
  const file = k.fileOf(page);
  // Shared memory that has just gone to swap.
  if (!file) return yield* k.page_ref_freeze(page, 1);
  // Under the i_pages lock in the kernel, hence one step.
  const touched = [fileObject(file.id), pageRefObject(page), pageFlagsObject(page)];
  const removed = yield* k.stepOn(
    'remove from page cache',
    () => touched,
    3,
    () => {
      if (k.m.pages.refcount[page] !== 2 || (k.m.pages.flags[page]! & PG_dirty) !== 0) return false;
      k.m.pages.refcount[page] = 0;
      k.dropFromCache(page, file);
      return true;
    },
  );
  if (removed) k.m.watch?.({ kind: 'discard', task: k.task, page, why: 'clean page of a file' });
  return removed;
}
