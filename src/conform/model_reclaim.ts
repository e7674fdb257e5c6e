/**
 * PG_reclaim, by which reclaim marks a dirty page of a file system that it leaves to writeback. The same bit is
 * PG_readahead: faults take such a page for the place where more has to be read. Only those who count faults see it.
 */
import {
  type AnyFunction,
  type Content,
  type File,
  type Kernel,
  type KRun,
  mainline,
  NO_PAGE,
  type Pfn,
  type VariantKernel,
} from '../core/index';

/**
 * @param below the layers under this one
 * @param readsAhead is told when a page is found that bears the mark
 */
export function reclaimLayer(
  below: readonly VariantKernel[],
  readsAhead: (k: Kernel) => void,
): Record<string, AnyFunction> {
  const functions = Object.assign({}, mainline, ...below) as typeof mainline;
  const marked = new Set<Pfn>();
  return {
    *unmapAndClean(k: Kernel, page: Pfn): KRun<'clean' | 'keep' | 'keep_locked'> {
      const result = yield* functions.unmapAndClean(k, page);
      const isLeft = result === 'keep_locked' && !(yield* k.page_mapped(page)) && (yield* k.PageDirty(page));
      if (isLeft && k.fileOf(page)?.kind === 'fs') marked.add(page);
      return result;
    },
    *set_page_dirty(k: Kernel, page: Pfn): KRun<boolean> {
      marked.delete(page);
      return yield* functions.set_page_dirty(k, page);
    },
    *end_page_writeback(k: Kernel, page: Pfn): KRun<void> {
      marked.delete(page);
      yield* functions.end_page_writeback(k, page);
    },
    *add_to_page_cache_lru(k: Kernel, file: File, index: number): KRun<Pfn> {
      const page = yield* functions.add_to_page_cache_lru(k, file, index);
      marked.delete(page);
      return page;
    },
    *find_or_read_page(k: Kernel, file: File, index: number): KRun<Pfn> {
      const page = yield* functions.find_or_read_page(k, file, index);
      if (marked.delete(page)) readsAhead(k);
      return page;
    },
    /** write(2) to a page that is dirty anyhow marks its buffers, not the page. */
    *filemap_write(k: Kernel, file: File, index: number, value: Content): KRun<void> {
      const page = file.cache.get(index) ?? NO_PAGE;
      const wasMarked = marked.delete(page);
      yield* functions.filemap_write(k, file, index, value);
      if (wasMarked && file.cache.get(index) === page) marked.add(page);
    },
    /** A fault does not map what bears the mark with what is around it. */
    *find_get_next(k: Kernel, file: File, index: number, last: number): KRun<Pfn> {
      for (let at = index; ; ) {
        const page = yield* functions.find_get_next(k, file, at, last);
        if (page === NO_PAGE || !marked.has(page)) return page;
        at = k.m.pages.index[page]! + 1;
        yield* k.put_page(page);
      }
    },
  } as Record<string, AnyFunction>;
}
