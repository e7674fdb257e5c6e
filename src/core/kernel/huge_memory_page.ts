/** mm/huge_memory.c: one huge page becomes independent base pages. */

import { EBUSY } from '../flags';
import type { Kernel, KRun } from '../kernel';
import { pageFlagsObject, pageLockObject, pageMapObject, pageRefObject } from '../objects';
import {
  Mapping,
  PG_active,
  PG_dirty,
  PG_double_map,
  PG_head,
  PG_lru,
  PG_mlocked,
  PG_partially_mapped,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_uptodate,
} from '../pages';
import type { Pfn } from '../units';

/** What a part takes over from the whole. */
const INHERITED =
  PG_dirty | PG_swapbacked | PG_swapcache | PG_active | PG_referenced | PG_uptodate | PG_mlocked;

/**
 * mm/huge_memory.c:split_huge_page(). Simplified: no list, no anon_vma lock, no deferred split queue.
 * Enters with the page locked and one reference of the caller; returns with both, to `page` alone if it worked.
 *
 * @returns 0, or -EBUSY: somebody else has a reference. By then the page may be mapped by PTEs that lost A and D.
 */
export function* split_huge_page(k: Kernel, page: Pfn): KRun<number> {
  const head = k.m.compound_head(page);
  k.VM_BUG_ON(k.is_huge_zero_page(head), 'mm/huge_memory.c:split_huge_page_to_list(): huge zero page');
  k.VM_BUG_ON(!k.PageLocked(page), 'mm/huge_memory.c:split_huge_page_to_list(): page not locked');
  k.VM_BUG_ON(!k.PageTransCompound(page), 'mm/huge_memory.c:split_huge_page_to_list(): not a huge page');
  if (yield* k.PageWriteback(head)) return -EBUSY;
  if (k.PageAnon(head)) {
    // page_get_anon_vma() finds none for a page that nobody maps.
    if (!(yield* k.page_mapped(head))) return -EBUSY;
  } else if (k.m.pages.mapping[head] === Mapping.none) {
    return -EBUSY;
  }
  const extra_pins = (yield* k.PageSwapCache(head)) || !k.PageAnon(head) ? k.m.HPAGE_PMD_NR : 0;
  if (!(yield* k.can_split_huge_page(head, extra_pins))) return -EBUSY;

  yield* k.freeze_page(head);
  const mapcount = yield* k.changelessMapcount('total_mapcount', head, () => k.mappingsOf(head));
  if (mapcount === 0 && (yield* k.page_ref_freeze(head, 1 + extra_pins))) {
    yield* k.__split_huge_page(page, extra_pins > 0);
    return 0;
  }
  k.split_left_mapped(mapcount);
  yield* k.unfreeze_page(head);
  return -EBUSY;
}

/**
 * mm/huge_memory.c:split_huge_page(), where freeze_page() has left mappings. Faithful; that cannot be.
 * Enters with the page locked; returns with it locked. Takes no step.
 */
export function split_left_mapped(k: Kernel, mapcount: number): void {
  k.VM_BUG_ON(mapcount > 0, 'mm/huge_memory.c:split_huge_page_to_list(): mapped after freeze_page()');
}

/**
 * mm/huge_memory.c:can_split_huge_page(). Faithful; the caller's reference and those of mappings and cache, no other.
 * Enters with the page locked; returns with it locked.
 */
export function* can_split_huge_page(k: Kernel, head: Pfn, extra_pins: number): KRun<boolean> {
  const mapcount = yield* k.changelessMapcount('total_mapcount', head, () => k.mappingsOf(head));
  return mapcount === (yield* k.page_count(head)) - extra_pins - 1;
}

/**
 * mm/huge_memory.c:freeze_page(). Faithful; every mapping becomes a PTE migration entry, or none for a file.
 * Enters with the page locked; returns with it locked.
 */
export function* freeze_page(k: Kernel, head: Pfn): KRun<void> {
  const migration = k.PageAnon(head);
  yield* k.try_to_unmap(head, { migration, batchFlush: false, ignoreAccess: true, splitHugePmd: true });
}

/**
 * mm/huge_memory.c:unfreeze_page(). Faithful.
 * Enters with the page, or all its former parts, locked; returns with them locked.
 */
export function* unfreeze_page(k: Kernel, head: Pfn): KRun<void> {
  if (k.PageTransHuge(head)) {
    yield* k.remove_migration_ptes(head, head);
    return;
  }
  for (let i = 0; i < k.m.HPAGE_PMD_NR; i++) {
    const part = (head + i) as Pfn;
    yield* k.remove_migration_ptes(part, part);
  }
}

/**
 * mm/huge_memory.c:__split_huge_page(). Simplified: the frozen page changes in one step.
 * Enters with the page locked and its count frozen at 0; returns with `page` locked, and one reference to it.
 */
export function* __split_huge_page(k: Kernel, page: Pfn, isCached: boolean): KRun<void> {
  const head = k.m.compound_head(page);
  const parts = k.m.subpages(head);
  const touched = [pageRefObject(head), pageFlagsObject(head), pageMapObject(head), pageLockObject(head)];
  yield* k.stepOn(
    'split huge page',
    () => touched,
    15,
    () => {
      for (const part of parts.slice(1)) k.splitOff(head, part, isCached);
      k.m.pages.flags[head]! &= ~(PG_head | PG_double_map | PG_partially_mapped);
      k.m.pages.refcount[head] = isCached ? 2 : 1;
    },
  );
  yield* k.unfreeze_page(head);
  for (const part of parts) {
    if (part === page) continue;
    yield* k.unlock_page(part);
    // A part that nobody maps is freed here.
    yield* k.put_page(part);
  }
}

/** __split_huge_page_tail(): `tail` becomes a page of its own: locked, on the LRU, with one reference. */
export function splitOff(k: Kernel, head: Pfn, tail: Pfn, isCached: boolean): void {
  const { pages } = k.m;
  k.VM_BUG_ON(pages.mapcount[tail] !== -1, 'mm/huge_memory.c:__split_huge_page_tail(): mapped');
  pages.flags[tail] = (pages.flags[head]! & INHERITED) | PG_lru;
  pages.head[tail] = tail;
  pages.refcount[tail] = isCached ? 2 : 1;
  pages.compound_mapcount[tail] = -1;
  pages.mapping[tail] = pages.mapping[head]!;
  pages.mappingId[tail] = pages.mappingId[head]!;
  pages.index[tail] = pages.index[head]! + (tail - head);
  pages.lockOwner[tail] = k.task.id;
  k.task.pageLocks.push(tail);
}
