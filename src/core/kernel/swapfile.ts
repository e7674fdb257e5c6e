/** mm/swapfile.c: counting who uses a swap slot, and whether a page may be written without copying it. */
import * as e from '../entry';
import { ENOENT } from '../flags';
import type { Kernel, KRun } from '../kernel';
import { pageMapObject, swapSlotObject } from '../objects';
import { NO_PAGE } from '../pages';
import type { Pfn, Pte } from '../units';

/**
 * mm/swapfile.c:reuse_swap_page(). Simplified: a device that does not need stable pages under writeback.
 * Enters with the page locked; returns with it locked, out of the swap cache if it is reused and not under writeback.
 *
 * @returns `total`: mappings and swap entries of the whole page, all subpages of a huge one
 */
export function* reuse_swap_page(k: Kernel, page: Pfn): KRun<{ reuse: boolean; total: number }> {
  k.VM_BUG_ON(!k.PageLocked(page), 'mm/swapfile.c:reuse_swap_page(): !PageLocked(page)');
  if (k.PageKsm(page)) return { reuse: false, total: 0 };
  const { count, total_mapcount, total_swapcount } = yield* k.page_trans_huge_map_swapcount(page);
  if (count === 1 && (yield* k.PageSwapCache(page)) && !(yield* k.PageWriteback(page))) {
    yield* k.delete_from_swap_cache(k.m.compound_head(page));
    yield* k.SetPageDirty(page);
  }
  return { reuse: count <= 1, total: total_mapcount + total_swapcount };
}

/**
 * mm/swapfile.c:page_trans_huge_map_swapcount(). Simplified: no huge page in the swap cache.
 * Enters with the page locked; returns with it locked. A split of a PMD entry does not wait for that lock, so the
 * counts of subpages, DoubleMap and the count of PMD entries are read one after another.
 */
export function* page_trans_huge_map_swapcount(
  k: Kernel,
  page: Pfn,
): KRun<{ count: number; total_mapcount: number; total_swapcount: number }> {
  if (!k.PageTransCompound(page)) {
    const mapcount = yield* k.page_mapcount(page);
    const swapcount = (yield* k.PageSwapCache(page)) ? yield* k.page_swapcount(page) : 0;
    return { count: mapcount + swapcount, total_mapcount: mapcount, total_swapcount: swapcount };
  }
  const head = k.m.compound_head(page);
  let count = 0;
  let total = 0;
  yield* k.step('mapcounts of subpages', pageMapObject(head), false, () => {
    for (const subpage of k.m.subpages(head)) {
      const mapcount = k.m.pages.mapcount[subpage]! + 1;
      count = Math.max(count, mapcount);
      total += mapcount;
    }
  });
  if (yield* k.PageDoubleMap(head)) {
    count -= 1;
    total -= k.m.HPAGE_PMD_NR;
  }
  const mapcount = yield* k.compound_mapcount(head);
  return { count: count + mapcount, total_mapcount: total + mapcount, total_swapcount: 0 };
}

/**
 * include/linux/mm.h:compound_mapcount(). Faithful.
 * Enters with any lock; returns the same.
 */
export function* compound_mapcount(k: Kernel, page: Pfn): KRun<number> {
  const head = k.m.compound_head(page);
  return yield* k.step(
    'compound_mapcount',
    pageMapObject(head),
    false,
    () => k.m.pages.compound_mapcount[head]! + 1,
  );
}

/**
 * mm/swapfile.c:page_swapcount(). Faithful.
 * Enters with the page locked and in the swap cache; returns with it locked.
 */
export function* page_swapcount(k: Kernel, page: Pfn): KRun<number> {
  return yield* k.__swap_count(e.swp_entry(e.SwapType.swap, k.m.pages.private[page]! - 1));
}

/**
 * mm/swapfile.c:__swap_count(). Faithful.
 * Enters with any lock; returns the same.
 *
 * @returns entries that name the slot, without the cache
 */
export function* __swap_count(k: Kernel, entry: Pte): KRun<number> {
  const slot = e.swp_offset(entry);
  const { map, cache } = k.m.swap;
  return yield* k.step(
    'swap count',
    swapSlotObject(slot),
    false,
    () => (map[slot] ?? 0) - (cache.has(slot) ? 1 : 0),
  );
}

/**
 * mm/swapfile.c:try_to_free_swap(). Faithful.
 * Enters with the page locked; returns with it locked.
 *
 * @returns whether the page left the swap cache, dirty
 */
export function* try_to_free_swap(k: Kernel, page: Pfn): KRun<boolean> {
  k.VM_BUG_ON(!k.PageLocked(page), 'mm/swapfile.c:try_to_free_swap(): !PageLocked(page)');
  if (!(yield* k.PageSwapCache(page))) return false;
  if (yield* k.PageWriteback(page)) return false;
  for (const part of k.m.subpages(k.m.compound_head(page))) {
    if ((yield* k.page_swapcount(part)) > 0) return false;
  }
  yield* k.delete_from_swap_cache(page);
  yield* k.SetPageDirty(page);
  return true;
}

/**
 * mm/swapfile.c:swap_duplicate(). Simplified: counts never overflow.
 * Enters with the ptl of an entry that names the slot, or with its page locked; returns the same.
 *
 * @returns 0, or -ENOENT where nobody uses the slot
 */
export function* swap_duplicate(k: Kernel, entry: Pte): KRun<number> {
  const slot = e.swp_offset(entry);
  const { map } = k.m.swap;
  return yield* k.step('swap_duplicate', swapSlotObject(slot), true, () => {
    if (!map[slot]) return -ENOENT;
    map[slot]!++;
    return 0;
  });
}

/**
 * mm/swapfile.c:swap_free(). Faithful.
 * Enters with the ptl held of the entry that goes; returns with it held.
 */
export function* swap_free(k: Kernel, entry: Pte): KRun<void> {
  yield* k.swap_entry_free(entry);
}

/**
 * mm/swapfile.c:swap_entry_free(). Faithful.
 * Enters with the ptl held of the entry that goes; returns with it held.
 *
 * @returns how many entries name the slot still, or -1 for a slot that nobody used
 */
export function* swap_entry_free(k: Kernel, entry: Pte): KRun<number> {
  const slot = e.swp_offset(entry);
  const { map, cache } = k.m.swap;
  return yield* k.step('swap_free', swapSlotObject(slot), true, () => {
    const entries = (map[slot] ?? 0) - (cache.has(slot) ? 1 : 0);
    if (entries <= 0) {
      k.warn('bad page', `swap_info_get: Unused swap offset entry ${slot}`);
      return -1;
    }
    map[slot]!--;
    return entries - 1;
  });
}

/**
 * mm/swapfile.c:free_swap_and_cache(). Simplified: the device is never full.
 * Enters with the ptl held of the entry that goes; returns with it held.
 *
 * @returns false for an entry that no process could have
 */
export function* free_swap_and_cache(k: Kernel, entry: Pte): KRun<boolean> {
  if (e.swp_type(entry) !== e.SwapType.swap) return true;
  const entries = yield* k.swap_entry_free(entry);
  if (entries !== 0) return entries > 0;
  const page = yield* k.lookup_swap_cache(entry);
  if (page === NO_PAGE) return true;
  if (yield* k.trylock_page(page)) {
    // Asked again, now that the page is locked.
    const isMapped = yield* k.page_mapped(k.m.compound_head(page));
    if ((yield* k.PageSwapCache(page)) && !isMapped) yield* k.try_to_free_swap(page);
    yield* k.unlock_page(page);
  }
  yield* k.put_page(page);
  return true;
}
