/** mm/filemap.c: the page cache of a file. Reading from disk is synchronous and never fails. */
import type { Kernel, KRun } from '../kernel';
import type { File } from '../mm';
import { contentObject, fileObject, pageRefObject } from '../objects';
import { Mapping, NO_PAGE, PG_dirty, PG_swapbacked, PG_uptodate } from '../pages';
import { type Content, content, type Pfn } from '../units';

/**
 * mm/filemap.c:filemap_fault(), finding the page. Simplified: reading is synchronous; write(2) comes here too.
 * Enters with no spinlock held; returns the page locked, up to date and with a reference for the caller.
 */
export function* find_or_read_page(k: Kernel, file: File, index: number): KRun<Pfn> {
  for (;;) {
    const found = yield* k.find_get_page(file, index);
    const page = found === NO_PAGE ? yield* k.add_to_page_cache_lru(file, index) : found;
    if (found === NO_PAGE && page !== NO_PAGE) return page;
    if (page === NO_PAGE) continue;
    yield* k.lock_page(page);
    // Truncated or reclaimed while we waited?
    if (k.fileOf(page) === file) return page;
    yield* k.unlock_page(page);
    yield* k.put_page(page);
  }
}

/**
 * mm/filemap.c:find_get_page(). Faithful; a page that reclaim has frozen is out of the cache in the same step.
 * Enters with nothing held; returns the page with a reference, or NO_PAGE.
 */
export function* find_get_page(k: Kernel, file: File, index: number): KRun<Pfn> {
  const cached = (): Pfn => file.cache.get(index) ?? NO_PAGE;
  return yield* k.stepOn(
    'find_get_page',
    () => [fileObject(file.id), pageRefObject(cached())],
    2,
    () => {
      const page = cached();
      if (page !== NO_PAGE) k.m.pages.refcount[page]!++;
      return page;
    },
  );
}

/**
 * mm/filemap.c:add_to_page_cache_lru(). Simplified: allocates the page and reads it from disk as well.
 * Enters with nothing held; returns the page locked and referenced, or NO_PAGE if another one came first.
 */
export function* add_to_page_cache_lru(k: Kernel, file: File, index: number): KRun<Pfn> {
  const { pages } = k.m;
  const page = k.alloc_page(1, k.numa_node_id());
  yield* k.lock_page(page);
  if (file.kind === 'shmem') pages.flags[page]! |= PG_swapbacked;
  const added = yield* k.step('add to page cache', fileObject(file.id), true, () => {
    if (file.cache.has(index)) return false;
    file.cache.set(index, page);
    pages.mapping[page] = Mapping.file;
    pages.mappingId[page] = file.id;
    pages.index[page] = index;
    pages.refcount[page]!++;
    k.fill_page(page, content(file.disk.get(index) ?? 0));
    pages.flags[page]! |= PG_uptodate;
    // What comes back from swap has no copy there any more.
    if (file.kind === 'shmem' && file.disk.delete(index)) pages.flags[page]! |= PG_dirty;
    return true;
  });
  if (added) {
    yield* k.lru_cache_add(page);
    return page;
  }
  yield* k.unlock_page(page);
  yield* k.put_page(page);
  return NO_PAGE;
}

/**
 * mm/filemap.c:generic_perform_write(), for one page. Simplified: copies all of it, and never faults.
 * Enters with no spinlock held; returns with the page dirty.
 */
export function* filemap_write(k: Kernel, file: File, index: number, value: Content): KRun<void> {
  const page = yield* k.find_or_read_page(file, index);
  yield* k.step('copy into page', contentObject(page), true, () => k.fill_page(page, value));
  yield* k.set_page_dirty(page);
  yield* k.unlock_page(page);
  yield* k.put_page(page);
}

/**
 * mm/filemap.c:delete_from_page_cache(). Faithful.
 * Enters with the page locked, unmapped and clean; returns with it locked, and the cache's reference dropped.
 */
export function* delete_from_page_cache(k: Kernel, page: Pfn): KRun<void> {
  const file = k.fileOf(page)!;
  yield* k.step('delete from page cache', fileObject(file.id), true, () => k.dropFromCache(page, file));
  yield* k.put_page(page);
}

/** __delete_from_page_cache(): part of somebody's step. */
export function dropFromCache(k: Kernel, page: Pfn, file: File): void {
  const index = k.m.pages.index[page]!;
  file.cache.delete(index);
  file.dirtyTag.delete(index);
  k.m.pages.mapping[page] = Mapping.none;
}
