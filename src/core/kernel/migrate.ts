/** mm/migrate.c: moving the contents of a page to another frame, under the feet of its users. */
import { EAGAIN, EBUSY } from '../flags';
import type { Kernel, KRun } from '../kernel';
import {
  fileObject,
  ksmObject,
  pageFlagsObject,
  pageRefObject,
  swapSlotObject,
  WRITES_ALL,
} from '../objects';
import {
  Mapping,
  PG_active,
  PG_dirty,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_uptodate,
} from '../pages';
import { type Pfn, pfn, type Vaddr, vaddr } from '../units';

/**
 * mm/migrate.c:migrate_pages(), for one page. Simplified: one pass instead of ten.
 * Enters with nothing held and a page that need not be referenced; returns with nothing held.
 *
 * @returns 0, or -EBUSY (not on the LRU, under writeback) or -EAGAIN (somebody has a reference)
 */
export function* migrate_page(k: Kernel, page: Pfn, nid: number): KRun<number> {
  yield* k.lru_add_drain_all();
  const head = k.m.compound_head(page);
  if (!(yield* k.isolate_lru_page(head))) return -EBUSY;
  const rc = yield* k.unmap_and_move(head, nid, true);
  if (rc !== 0) yield* k.putback_lru_page(head);
  return rc;
}

/**
 * mm/migrate.c:unmap_and_move(). Simplified: never out of memory.
 * Enters with the page isolated; returns 0 with its last reference dropped, or an error with it still isolated.
 *
 * @param force may sleep on the page lock
 */
export function* unmap_and_move(k: Kernel, page: Pfn, nid: number, force: boolean): KRun<number> {
  const isHuge = k.PageTransHuge(page);
  const newpage = k.alloc_page(isHuge ? k.m.HPAGE_PMD_NR : 1, nid);
  if ((yield* k.page_count(page)) === 1) {
    // Freed by its users meanwhile.
    yield* k.put_page(newpage);
    yield* k.put_page(page);
    return 0;
  }
  const rc = yield* k.__unmap_and_move(page, newpage, force);
  if (rc === 0) {
    yield* k.lru_cache_add(newpage);
    yield* k.put_page(page);
  }
  // Our own reference: the entries have theirs.
  yield* k.put_page(newpage);
  return rc;
}

/**
 * mm/migrate.c:__unmap_and_move(). Simplified: no movable pages of drivers; waits for no writeback.
 * Enters with the page isolated and `newpage` known to nobody else; returns with neither locked.
 */
export function* __unmap_and_move(k: Kernel, page: Pfn, newpage: Pfn, force: boolean): KRun<number> {
  if (force) yield* k.lock_page(page);
  else if (!(yield* k.trylock_page(page))) return -EAGAIN;
  if (yield* k.PageWriteback(page)) {
    yield* k.unlock_page(page);
    return -EBUSY;
  }
  yield* k.lock_page(newpage);
  const wasMapped = yield* k.page_mapped(page);
  if (wasMapped) yield* k.try_to_unmap(page, { migration: true, batchFlush: false, ignoreAccess: true });
  const isUnmapped = !(yield* k.page_mapped(page));
  const rc = isUnmapped ? yield* k.move_to_new_page(newpage, page) : -EAGAIN;
  // Also where it failed: then A and D are lost for nothing.
  if (wasMapped) yield* k.remove_migration_ptes(page, rc === 0 ? newpage : page);
  yield* k.unlock_page(newpage);
  yield* k.unlock_page(page);
  return rc;
}

/**
 * mm/migrate.c:move_to_new_page(). Simplified: every file can move its pages without writing them.
 * Enters with both pages locked and the old one unmapped; returns with them locked.
 */
export function* move_to_new_page(k: Kernel, newpage: Pfn, page: Pfn): KRun<number> {
  const rc = yield* k.migrate_page_move_mapping(newpage, page);
  if (rc !== 0) return rc;
  yield* k.migrate_page_copy(newpage, page);
  // Nobody finds it by its file any more. An anonymous page keeps its mapping until it is freed.
  if (!k.PageAnon(page)) k.m.pages.mapping[page] = Mapping.none;
  return 0;
}

/**
 * mm/migrate.c:migrate_page_move_mapping(). Faithful; refuses if anybody else has a reference.
 * Enters with both pages locked and the old one unmapped; returns with them locked.
 */
export function* migrate_page_move_mapping(k: Kernel, newpage: Pfn, page: Pfn): KRun<number> {
  const { pages } = k.m;
  const file = k.fileOf(page);
  const isSwapCache = yield* k.PageSwapCache(page);
  const copyIdentity = (): void => {
    pages.index[newpage] = pages.index[page]!;
    pages.mapping[newpage] = pages.mapping[page]!;
    pages.mappingId[newpage] = pages.mappingId[page]!;
    pages.flags[newpage]! |= pages.flags[page]! & (PG_swapbacked | PG_swapcache);
  };
  if (!file && !isSwapCache) {
    if ((yield* k.page_count(page)) !== 1) return -EAGAIN;
    copyIdentity();
    return 0;
  }
  const parts = k.m.subpages(page);
  const expected = 1 + parts.length;
  const slots = parts.map((part) => swapSlotObject(pages.private[part]! - 1));
  const caches = file ? [fileObject(file.id)] : slots;
  const touched = [pageRefObject(page), pageRefObject(newpage), pageFlagsObject(page), ...caches];
  return yield* k.stepOn(
    'replace in cache',
    () => touched,
    WRITES_ALL,
    () => {
      if (pages.refcount[page] !== expected) return -EAGAIN;
      copyIdentity();
      pages.flags[newpage]! |= pages.flags[page]! & PG_dirty;
      pages.flags[page]! &= ~(PG_dirty | PG_swapcache);
      if (file) file.cache.set(pages.index[page]!, newpage);
      parts.forEach((part, i) => {
        const moved = pfn(newpage + i);
        if (!file) k.m.swap.cache.set(pages.private[part]! - 1, moved);
        pages.private[moved] = pages.private[part]!;
        pages.private[part] = 0;
      });
      pages.refcount[newpage]! += parts.length;
      pages.refcount[page]! -= parts.length;
      return 0;
    },
  );
}

/** Where the page was mapped in the address space of this CPU, for whoever watches copies; 0 if nowhere. */
const addressOfPage = (k: Kernel, page: Pfn): Vaddr =>
  k.vmasOf(page).find(({ vma }) => vma.vm_mm === k.task.mm)?.va ?? vaddr(0);

/**
 * mm/migrate.c:migrate_page_copy(). Faithful.
 * Enters with both pages locked; returns with them locked.
 */
export function* migrate_page_copy(k: Kernel, newpage: Pfn, page: Pfn): KRun<void> {
  const parts = k.m.subpages(page);
  const vas = parts.map((part) => addressOfPage(k, part));
  yield* k.copy_subpages(parts, k.m.subpages(newpage), vas);
  yield* k.migrate_page_states(newpage, page);
}

/**
 * mm/migrate.c:migrate_page_states(). Simplified: no mlock, idle tracking, readahead or cpupid.
 * Enters with both pages locked; returns with them locked.
 */
export function* migrate_page_states(k: Kernel, newpage: Pfn, page: Pfn): KRun<void> {
  const { pages, ksm } = k.m;
  const touched = [pageFlagsObject(newpage), pageFlagsObject(page)];
  yield* k.stepOn(
    'copy page flags',
    () => touched,
    3,
    () => {
      pages.flags[newpage]! |= pages.flags[page]! & (PG_referenced | PG_uptodate | PG_active | PG_dirty);
      pages.flags[page]! &= ~PG_active;
    },
  );
  if (!k.PageKsm(page)) return;
  yield* k.step('ksm_migrate_page', ksmObject, true, () => {
    for (const [key, chain] of ksm.stable) {
      if (chain.includes(page))
        ksm.stable.set(
          key,
          chain.map((kpage) => (kpage === page ? newpage : kpage)),
        );
    }
    const items = ksm.items.get(page);
    if (items) ksm.items.set(newpage, items);
    ksm.items.delete(page);
  });
}
