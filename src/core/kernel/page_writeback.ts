/**
 * mm/page-writeback.c: when a page becomes dirty, who counts it, and how writeback makes it clean again.
 *
 * PG_dirty is the page's flag; `File.nrDirty` is NR_FILE_DIRTY of the file and `File.dirtyTag` the radix tree's tag,
 * by which writeback finds what to write. Three marks for one thing, and the interesting bugs are between them.
 */
import type { Kernel, KRun } from '../kernel';
import type { File } from '../mm';
import { fileObject, pageFlagsObject, pageRefObject } from '../objects';
import { Mapping, NO_PAGE, PG_dirty, PG_writeback } from '../pages';
import type { Pfn } from '../units';

/** page_mapping() where it is a file; the swap cache and anonymous pages have none here. Takes no step. */
export function fileOf(k: Kernel, page: Pfn): File | null {
  const head = k.m.compound_head(page);
  if (k.m.pages.mapping[head] !== Mapping.file) return null;
  return k.m.files[k.m.pages.mappingId[head]!] ?? null;
}

/**
 * mm/page-writeback.c:set_page_dirty(). Simplified: one file system, which works as __set_page_dirty_nobuffers() does.
 * Enters with the page locked, or with the ptl of an entry that maps it; returns with the same.
 *
 * @returns whether the page was clean
 */
export function* set_page_dirty(k: Kernel, page: Pfn): KRun<boolean> {
  const file = k.fileOf(page);
  if (yield* k.SetPageDirty(page)) return false;
  if (file?.accountsDirty) yield* k.account_page_dirtied(page, file);
  return true;
}

/**
 * mm/page-writeback.c:account_page_dirtied(). Simplified: one counter, and the tag, which its callers set.
 * Enters with PG_dirty just set; returns with it counted.
 */
export function* account_page_dirtied(k: Kernel, page: Pfn, file: File): KRun<void> {
  yield* k.step('count dirty page', fileObject(file.id), true, () => {
    file.nrDirty++;
    file.dirtyTag.add(k.m.pages.index[page]!);
  });
}

/**
 * mm/page-writeback.c:account_page_cleaned(). Simplified: one counter.
 * Enters with PG_dirty just cleared, the page locked; returns with it locked.
 */
export function* account_page_cleaned(k: Kernel, file: File): KRun<void> {
  yield* k.step('uncount dirty page', fileObject(file.id), true, () => {
    file.nrDirty--;
  });
}

/**
 * mm/page-writeback.c:clear_page_dirty_for_io(). Faithful.
 * Enters with the page locked; returns with it locked. The dirty tag stays until set_page_writeback().
 *
 * @returns whether it must be written
 */
export function* clear_page_dirty_for_io(k: Kernel, page: Pfn): KRun<boolean> {
  k.BUG_ON(!k.PageLocked(page), 'mm/page-writeback.c:clear_page_dirty_for_io(): page not locked');
  const file = k.fileOf(page);
  if (!file?.accountsDirty) return yield* k.TestClearPageDirty(page);
  // From here on a store faults, and the fault waits for the page lock.
  if ((yield* k.page_mkclean(page)) > 0) yield* k.set_page_dirty(page);
  if (!(yield* k.TestClearPageDirty(page))) return false;
  yield* k.account_page_cleaned(file);
  return true;
}

/**
 * mm/page-writeback.c:__cancel_dirty_page(). Faithful.
 * Enters with the page locked and unmapped; returns with it locked.
 */
export function* __cancel_dirty_page(k: Kernel, page: Pfn): KRun<void> {
  const file = k.fileOf(page);
  const was = yield* k.TestClearPageDirty(page);
  if (was && file?.accountsDirty) yield* k.account_page_cleaned(file);
}

/**
 * mm/page-writeback.c:set_page_writeback(). Faithful; the dirty tag goes if the page is still clean.
 * Enters with the page locked; returns with it locked.
 */
export function* set_page_writeback(k: Kernel, page: Pfn): KRun<void> {
  const file = k.fileOf(page);
  const objects = [pageFlagsObject(page), ...(file ? [fileObject(file.id)] : [])];
  yield* k.stepOn(
    'set PG_writeback',
    () => objects,
    3,
    () => {
      k.m.pages.flags[page]! |= PG_writeback;
      if (file && (k.m.pages.flags[page]! & PG_dirty) === 0) file.dirtyTag.delete(k.m.pages.index[page]!);
    },
  );
}

/**
 * mm/filemap.c:end_page_writeback(). Faithful.
 * Enters with the page under writeback; returns with its waiters free to go on.
 */
export function* end_page_writeback(k: Kernel, page: Pfn): KRun<void> {
  k.BUG_ON(
    !(yield* k.ClearPageWriteback(page)),
    'mm/filemap.c:end_page_writeback(): page not under writeback',
  );
}

/**
 * mm/filemap.c:wait_on_page_writeback(). Faithful.
 * Enters with no spinlock held; returns with the page not under writeback if it is locked.
 */
export function* wait_on_page_writeback(k: Kernel, page: Pfn): KRun<void> {
  if (!(yield* k.PageWriteback(page))) return;
  k.might_sleep('wait_on_page_writeback()');
  const over = () => (k.m.pages.flags[page]! & PG_writeback) === 0;
  yield* k.wait(
    'wait for writeback',
    pageFlagsObject(page),
    over,
    `the writeback of page ${page}`,
    () => undefined,
  );
}

/**
 * mm/page-writeback.c:write_cache_pages(). Simplified: always WB_SYNC_ALL, tagged pages in order of index.
 * Enters with no lock held; returns with none held.
 */
export function* write_cache_pages(k: Kernel, file: File): KRun<void> {
  let from = 0;
  for (;;) {
    const page = yield* k.takeTagged(file, from);
    if (page === NO_PAGE) return;
    from = k.m.pages.index[page]! + 1;
    yield* k.lock_page(page);
    if (k.fileOf(page) === file && (yield* k.mayWrite(page))) yield* k.writepage(page, file);
    else yield* k.unlock_page(page);
    yield* k.put_page(page);
  }
}

/** The first page at or after `from` with the dirty tag, with a reference; NO_PAGE if there is none. */
export function* takeTagged(k: Kernel, file: File, from: number): KRun<Pfn> {
  const find = (): Pfn => {
    const tagged = [...file.dirtyTag].filter((index) => index >= from && file.cache.has(index));
    return tagged.length === 0 ? NO_PAGE : file.cache.get(Math.min(...tagged))!;
  };
  return yield* k.stepOn(
    'look up dirty page',
    () => [fileObject(file.id), pageRefObject(find())],
    2,
    () => {
      const page = find();
      if (page !== NO_PAGE) k.m.pages.refcount[page]!++;
      return page;
    },
  );
}

/** The tests of write_cache_pages() on a locked page: still dirty, and no older writeback of it under way. */
export function* mayWrite(k: Kernel, page: Pfn): KRun<boolean> {
  if (!(yield* k.PageDirty(page))) return false;
  yield* k.wait_on_page_writeback(page);
  return yield* k.clear_page_dirty_for_io(page);
}

/**
 * mm/page-writeback.c:__writepage(), with its ->writepage. Simplified: a page is one block on disk.
 * Enters with the page locked; returns with it unlocked, as it is while it goes to disk.
 */
export function* writepage(k: Kernel, page: Pfn, file: File): KRun<void> {
  yield* k.set_page_writeback(page);
  yield* k.unlock_page(page);
  const content = yield* k.read_content(page);
  const index = k.m.pages.index[page]!;
  yield* k.step('write to disk', fileObject(file.id), true, () => {
    file.disk.set(index, content);
  });
  yield* k.end_page_writeback(page);
}

/**
 * mm/page-writeback.c:do_writepages(). Simplified: waits until the pages are on disk, as fsync() does.
 * Enters with no lock held; returns with none held.
 */
export function* do_writepages(k: Kernel, file: File): KRun<void> {
  if (file.accountsDirty) yield* k.write_cache_pages(file);
}
