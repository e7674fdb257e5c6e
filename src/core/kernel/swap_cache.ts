/**
 * mm/swap_state.c: pages that are in memory and on the swap device at once. SwapState.map counts, per slot, the
 * entries that name it and one for the cache (SWAP_HAS_CACHE); a slot with count 0 is free and is handed out again.
 */
import { NONE, SwapType, swp_entry, swp_offset } from '../entry';
import type { Kernel, KRun } from '../kernel';
import { pageFlagsObject, pageRefObject, swapSlotObject, WRITES_ALL } from '../objects';
import { NO_PAGE, PG_swapbacked, PG_swapcache } from '../pages';
import { content, type Pfn, type Pte } from '../units';

/**
 * mm/swap_state.c:add_to_swap(). Simplified: the device never fills up.
 * Enters with the page locked; returns with it locked and in the swap cache, or false where there is no swap.
 */
export function* add_to_swap(k: Kernel, page: Pfn): KRun<boolean> {
  k.VM_BUG_ON(!k.PageLocked(page), 'mm/swap_state.c:add_to_swap(): !PageLocked(page)');
  const entry = yield* k.get_swap_page(k.m.subpages(page).length);
  if (entry === NONE) return false;
  yield* k.add_to_swap_cache(page, entry);
  // Its entries may be clean after MADV_FREE; the copy on the device is stale all the same.
  yield* k.set_page_dirty(page);
  return true;
}

/**
 * mm/swap_slots.c:get_swap_page(). Simplified: the lowest free slots.
 * Enters with the page locked; returns with the slots counted once, for the cache; NONE where no device is in use.
 *
 * @param nr how many, side by side and aligned
 * @returns the first of them
 */
export function* get_swap_page(k: Kernel, nr: number): KRun<Pte> {
  const { map } = k.m.swap;
  const lowest = (): number => k.lowestFreeSlot(nr);
  const others = (): number[] => map.map((_count, slot) => swapSlotObject(slot));
  const slot = yield* k.stepOn(
    'get_swap_page',
    () => [...slotObjects(lowest(), nr), ...others()],
    nr === 1 ? 1 : WRITES_ALL,
    () => {
      if (!k.m.swap.isOn) return null;
      const free = lowest();
      while (map.length < free) map.push(0);
      for (let i = 0; i < nr; i++) map[free + i] = 1;
      return free;
    },
  );
  return slot === null ? NONE : swp_entry(SwapType.swap, slot);
}

/** Where get_swap_page() looks first. Takes no step. */
export function lowestFreeSlot(k: Kernel, nr: number): number {
  const { map } = k.m.swap;
  for (let slot = 0; ; slot += nr) {
    const isFree = !map.slice(slot, slot + nr).some((count) => count !== 0);
    if (isFree) return slot;
  }
}

/**
 * mm/swap_state.c:add_to_swap_cache(). Faithful.
 * Enters with the page locked and the slot counted for it; returns with the page locked, the cache holding a reference.
 */
export function* add_to_swap_cache(k: Kernel, page: Pfn, entry: Pte): KRun<void> {
  const slot = swp_offset(entry);
  const slots = slotObjects(slot, k.m.subpages(page).length);
  const touched = [pageRefObject(page), pageFlagsObject(page), ...slots];
  yield* k.stepOn(
    'add_to_swap_cache',
    () => touched,
    WRITES_ALL,
    () => {
      const flags = k.m.pages.flags[page]!;
      k.VM_BUG_ON((flags & PG_swapcache) !== 0, 'mm/swap_state.c:__add_to_swap_cache(): PageSwapCache(page)');
      k.VM_BUG_ON(
        (flags & PG_swapbacked) === 0,
        'mm/swap_state.c:__add_to_swap_cache(): !PageSwapBacked(page)',
      );
      enter(k, page, slot);
    },
  );
}

/**
 * mm/swap_state.c:__delete_from_swap_cache(). Simplified: gives the slot's count for the cache back in the same step.
 * Enters with the page locked and not under writeback; returns with it out of the cache, whose reference remains.
 */
export function* __delete_from_swap_cache(k: Kernel, page: Pfn): KRun<void> {
  k.VM_BUG_ON(!k.PageLocked(page), 'mm/swap_state.c:__delete_from_swap_cache(): !PageLocked(page)');
  k.VM_BUG_ON(
    yield* k.PageWriteback(page),
    'mm/swap_state.c:__delete_from_swap_cache(): PageWriteback(page)',
  );
  const { pages, swap } = k.m;
  const head = k.m.compound_head(page);
  const parts = k.m.subpages(head);
  const slot = pages.private[head]! - 1;
  const touched = [pageFlagsObject(head), ...slotObjects(slot, parts.length)];
  yield* k.stepOn(
    'delete from swap cache',
    () => touched,
    WRITES_ALL,
    () => {
      pages.flags[head]! &= ~PG_swapcache;
      parts.forEach((part, i) => {
        k.VM_BUG_ON(
          swap.cache.get(slot + i) !== part,
          'mm/swap_state.c:__delete_from_swap_cache(): !PageSwapCache(page)',
        );
        swap.cache.delete(slot + i);
        swap.map[slot + i]!--;
        pages.private[part] = 0;
      });
    },
  );
}

/**
 * mm/swap_state.c:delete_from_swap_cache(). Faithful.
 * Enters with the page locked and referenced; returns with it out of the cache and the cache's reference dropped.
 */
export function* delete_from_swap_cache(k: Kernel, page: Pfn): KRun<void> {
  yield* k.__delete_from_swap_cache(page);
  yield* k.put_page(page, k.m.subpages(k.m.compound_head(page)).length);
}

/**
 * mm/swap_state.c:lookup_swap_cache(). Faithful.
 * Enters with any lock that allows to spin; returns the page with a reference, or NO_PAGE.
 */
export function* lookup_swap_cache(k: Kernel, entry: Pte): KRun<Pfn> {
  const slot = swp_offset(entry);
  const { cache } = k.m.swap;
  const cached = (): Pfn => cache.get(slot) ?? NO_PAGE;
  const headOf = (page: Pfn): Pfn => (page === NO_PAGE ? page : k.m.compound_head(page));
  for (;;) {
    const found = yield* k.stepOn(
      'lookup_swap_cache',
      () => [swapSlotObject(slot), pageRefObject(headOf(cached()))],
      2,
      () => {
        const page = cached();
        const head = headOf(page);
        if (page === NO_PAGE) return { page, head, isFrozen: false };
        const isFrozen = k.m.pages.refcount[head] === 0;
        if (!isFrozen) k.m.pages.refcount[head]!++;
        return { page, head, isFrozen };
      },
    );
    if (!found.isFrozen) return found.page;
    // Reclaim is about to take it out, or will give up.
    const isSettled = () => cached() !== found.page || k.m.pages.refcount[found.head]! > 0;
    yield* k.wait(
      'find_get_page() again',
      pageRefObject(found.head),
      isSettled,
      'a frozen page',
      () => undefined,
    );
  }
}

/**
 * mm/swap_state.c:read_swap_cache_async(). Simplified: the read is over at once.
 * Enters with mmap_sem held; returns the page with a reference, unlocked, or NO_PAGE where the slot is free.
 */
export function* read_swap_cache_async(k: Kernel, entry: Pte): KRun<Pfn> {
  const cached = yield* k.lookup_swap_cache(entry);
  if (cached !== NO_PAGE) return cached;
  const page = k.alloc_page(1, k.numa_node_id());
  yield* k.lock_page(page);
  k.m.pages.flags[page]! |= PG_swapbacked;
  if (yield* k.swapcache_prepare(page, entry)) {
    yield* k.lru_cache_add(page);
    yield* k.swap_readpage(page);
    return page;
  }
  yield* k.unlock_page(page);
  yield* k.put_page(page);
  return yield* k.lookup_swap_cache(entry);
}

/**
 * mm/swapfile.c:swapcache_prepare(). Simplified: puts the page into the cache in the same step.
 * Enters with the page locked and known to nobody; returns whether it is in the cache now.
 */
export function* swapcache_prepare(k: Kernel, page: Pfn, entry: Pte): KRun<boolean> {
  const slot = swp_offset(entry);
  const { swap } = k.m;
  const touched = [swapSlotObject(slot), pageRefObject(page), pageFlagsObject(page)];
  return yield* k.stepOn(
    'swapcache_prepare',
    () => touched,
    7,
    () => {
      if (!swap.map[slot] || swap.cache.has(slot)) return false;
      swap.map[slot]!++;
      enter(k, page, slot);
      return true;
    },
  );
}

/**
 * mm/page_io.c:swap_readpage(). Simplified: synchronous and never fails.
 * Enters with the page locked and in the swap cache; returns with it up to date and unlocked.
 */
export function* swap_readpage(k: Kernel, page: Pfn): KRun<void> {
  const slot = k.m.pages.private[page]! - 1;
  const read = yield* k.step(
    'read from swap',
    swapSlotObject(slot),
    false,
    () => k.m.swap.content[slot] ?? 0,
  );
  k.fill_page(page, content(read));
  k.__SetPageUptodate(page);
  yield* k.unlock_page(page);
}

/**
 * mm/swap_state.c:free_swap_cache(). Faithful.
 * Enters with a reference to the page, unlocked; returns the same.
 */
export function* free_swap_cache(k: Kernel, page: Pfn): KRun<void> {
  if (!(yield* k.PageSwapCache(page)) || (yield* k.page_mapped(k.m.compound_head(page)))) return;
  if (!(yield* k.trylock_page(page))) return;
  yield* k.try_to_free_swap(page);
  yield* k.unlock_page(page);
}

/**
 * mm/swap_state.c:free_page_and_swap_cache(). Faithful.
 * Enters with a reference to the page, unlocked; returns with it dropped.
 */
export function* free_page_and_swap_cache(k: Kernel, page: Pfn): KRun<void> {
  yield* k.free_swap_cache(page);
  if (!k.is_huge_zero_page(page)) yield* k.put_page(page);
}

/** Part of the step that puts a page into the swap cache. */
function enter(k: Kernel, page: Pfn, slot: number): void {
  const { pages, swap } = k.m;
  const parts = k.m.subpages(page);
  pages.refcount[page]! += parts.length;
  pages.flags[page]! |= PG_swapcache;
  parts.forEach((part, i) => {
    pages.private[part] = slot + i + 1;
    swap.cache.set(slot + i, part);
  });
}

const slotObjects = (first: number, nr: number): number[] =>
  Array.from({ length: nr }, (_, i) => swapSlotObject(first + i));
