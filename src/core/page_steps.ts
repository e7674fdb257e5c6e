/**
 * Reference counts, map counts, flags and contents of pages, and what happens when the last reference goes.
 * Source: include/linux/mm.h, page-flags.h; mm/swap.c, mm/page_alloc.c (4.19).
 */
import { EntrySteps } from './entry_steps';
import { contentObject, pageFlagsObject, pageMapObject, pageRefObject, tlbObject } from './objects';
import {
  Mapping,
  PG_active,
  PG_anon_exclusive,
  PG_dirty,
  PG_double_map,
  PG_free,
  PG_head,
  PG_lru,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_uptodate,
  PG_writeback,
} from './pages';
import { done, type Run } from './run';
import { tlbPartOf } from './tlb_parts';
import type { Content, Pfn, Vaddr } from './units';

export abstract class PageSteps extends EntrySteps {
  /** A fresh frame with one reference, known to nobody else. `nr` > 1 makes a compound page. */
  alloc_page(nr = 1, nid = 0): Pfn {
    return this.m.pages.alloc(nr, nid, this.task.id);
  }

  page_count(page: Pfn): Run<number> {
    const head = this.m.compound_head(page);
    return this.step('page_count', pageRefObject(head), false, () => this.m.pages.refcount[head]!);
  }
  get_page(page: Pfn, nr = 1): Run<void> {
    const head = this.m.compound_head(page);
    return this.step('get_page', pageRefObject(head), true, () => {
      this.m.pages.refcount[head]! += nr;
    });
  }
  /** Drops references; the last one frees the page at once, mapped or not. */
  put_page(page: Pfn, nr = 1): Run<void> {
    const head = this.m.compound_head(page);
    const touches = (): number[] =>
      this.m.pages.refcount[head] === nr
        ? [pageRefObject(head), pageFlagsObject(head), pageMapObject(head)]
        : [pageRefObject(head)];
    const drop = (): void => {
      const { refcount } = this.m.pages;
      this.VM_BUG_ON(refcount[head]! < nr, 'put_page_testzero(): page_ref_count(page) == 0');
      refcount[head]! -= nr;
      if (refcount[head] === 0) this.free_page(head);
    };
    // The order matters to who is last, and frees the page, and to those who look at the count.
    const commutes = (): number => Number(this.m.pages.refcount[head]! > nr);
    return this.stepOn('put_page', touches, 7, drop, commutes);
  }
  /** page_ref_freeze(): takes all references at once if they are the expected ones. */
  page_ref_freeze(page: Pfn, expected: number): Run<boolean> {
    const head = this.m.compound_head(page);
    return this.step('page_ref_freeze', pageRefObject(head), true, () => {
      if (this.m.pages.refcount[head] !== expected) return false;
      this.m.pages.refcount[head] = 0;
      return true;
    });
  }
  page_ref_unfreeze(page: Pfn, count: number): Run<void> {
    const head = this.m.compound_head(page);
    return this.step('page_ref_unfreeze', pageRefObject(head), true, () => {
      this.m.pages.refcount[head] = count;
    });
  }

  /**
   * mm/page_alloc.c:free_pages_prepare() with its checks. Simplified: frames are not used again, but for one that nobody
   * can have seen. A page that is still mapped is "bad": it is leaked, and its map count and mapping are reset.
   */
  private free_page(head: Pfn): void {
    const { pages } = this.m;
    let mapped = pages.compound_mapcount[head]! >= 0;
    for (const page of this.m.subpages(head)) mapped ||= pages.mapcount[page] !== -1;
    const wasSeen = mapped || pages.mapping[head] !== Mapping.none;
    if (mapped) this.warn('bad page', `BUG: Bad page state: page ${head} freed with a nonzero mapcount`);
    for (const page of this.m.subpages(head)) {
      pages.mapcount[page] = -1;
      pages.mapping[page] = Mapping.none;
      pages.flags[page] = (pages.flags[page]! & PG_head) | (mapped ? 0 : PG_free);
      pages.mappingId[page] = 0;
      pages.index[page] = 0;
    }
    pages.compound_mapcount[head] = -1;
    this.m.watch?.({ kind: 'free', task: this.task, page: head });
    if (!wasSeen) pages.takeBack(head, this.task.id);
  }

  // Flags. PG_dirty, PG_swapbacked and the rest are asked of the head.
  private flag(page: Pfn, bit: number, name: string): Run<boolean> {
    const head = this.m.compound_head(page);
    if (this.m.solo) return done((this.m.pages.flags[head]! & bit) !== 0);
    return this.step(name, pageFlagsObject(head), false, () => (this.m.pages.flags[head]! & bit) !== 0);
  }
  /** Sets or clears a flag; returns what it was. */
  private changeFlag(page: Pfn, bit: number, on: boolean, label: string): Run<boolean> {
    const head = this.m.compound_head(page);
    if (this.m.solo) return done(this.changeFlagNow(head, bit, on));
    return this.step(label, pageFlagsObject(head), true, () => this.changeFlagNow(head, bit, on));
  }
  private changeFlagNow(head: Pfn, bit: number, on: boolean): boolean {
    const { flags } = this.m.pages;
    const was = (flags[head]! & bit) !== 0;
    flags[head] = on ? flags[head]! | bit : flags[head]! & ~bit;
    return was;
  }
  PageDirty(page: Pfn): Run<boolean> {
    return this.flag(page, PG_dirty, 'PageDirty');
  }
  SetPageDirty(page: Pfn): Run<boolean> {
    return this.changeFlag(page, PG_dirty, true, 'set PG_dirty');
  }
  TestClearPageDirty(page: Pfn): Run<boolean> {
    return this.changeFlag(page, PG_dirty, false, 'clear PG_dirty');
  }
  PageSwapBacked(page: Pfn): Run<boolean> {
    return this.flag(page, PG_swapbacked, 'PageSwapBacked');
  }
  SetPageSwapBacked(page: Pfn): Run<boolean> {
    return this.changeFlag(page, PG_swapbacked, true, 'set PG_swapbacked');
  }
  ClearPageSwapBacked(page: Pfn): Run<boolean> {
    return this.changeFlag(page, PG_swapbacked, false, 'clear PG_swapbacked');
  }
  PageSwapCache(page: Pfn): Run<boolean> {
    return this.flag(page, PG_swapcache, 'PageSwapCache');
  }
  SetPageSwapCache(page: Pfn): Run<boolean> {
    return this.changeFlag(page, PG_swapcache, true, 'set PG_swapcache');
  }
  ClearPageSwapCache(page: Pfn): Run<boolean> {
    return this.changeFlag(page, PG_swapcache, false, 'clear PG_swapcache');
  }
  PageWriteback(page: Pfn): Run<boolean> {
    return this.flag(page, PG_writeback, 'PageWriteback');
  }
  SetPageWriteback(page: Pfn): Run<boolean> {
    return this.changeFlag(page, PG_writeback, true, 'set PG_writeback');
  }
  ClearPageWriteback(page: Pfn): Run<boolean> {
    return this.changeFlag(page, PG_writeback, false, 'clear PG_writeback');
  }
  PageLRU(page: Pfn): Run<boolean> {
    return this.flag(page, PG_lru, 'PageLRU');
  }
  SetPageLRU(page: Pfn): Run<boolean> {
    return this.changeFlag(page, PG_lru, true, 'set PG_lru');
  }
  ClearPageLRU(page: Pfn): Run<boolean> {
    return this.changeFlag(page, PG_lru, false, 'clear PG_lru');
  }
  SetPageActive(page: Pfn): Run<boolean> {
    return this.changeFlag(page, PG_active, true, 'set PG_active');
  }
  SetPageReferenced(page: Pfn): Run<boolean> {
    return this.changeFlag(page, PG_referenced, true, 'set PG_referenced');
  }
  SetPageUptodate(page: Pfn): Run<boolean> {
    return this.changeFlag(page, PG_uptodate, true, 'set PG_uptodate');
  }
  PageDoubleMap(page: Pfn): Run<boolean> {
    return this.flag(page, PG_double_map, 'PageDoubleMap');
  }
  TestSetPageDoubleMap(page: Pfn): Run<boolean> {
    return this.changeFlag(page, PG_double_map, true, 'set DoubleMap');
  }
  TestClearPageDoubleMap(page: Pfn): Run<boolean> {
    return this.changeFlag(page, PG_double_map, false, 'clear DoubleMap');
  }

  // PG_anon_exclusive, of each part of a huge page that PTEs map, else of its head. Changed under the lock of the entry.
  PageAnonExclusive(page: Pfn): Run<boolean> {
    const look = (): boolean => (this.m.pages.flags[page]! & PG_anon_exclusive) !== 0;
    return this.step('PageAnonExclusive', pageFlagsObject(page), false, look);
  }
  SetPageAnonExclusive(page: Pfn): Run<void> {
    return this.step('set PG_anon_exclusive', pageFlagsObject(page), true, () => {
      this.m.pages.flags[page]! |= PG_anon_exclusive;
    });
  }
  ClearPageAnonExclusive(page: Pfn): Run<void> {
    return this.step('clear PG_anon_exclusive', pageFlagsObject(page), true, () => {
      this.m.pages.flags[page]! &= ~PG_anon_exclusive;
    });
  }

  // What a page is; fixed while it is mapped or locked, so no step.
  PageAnon(page: Pfn): boolean {
    const mapping = this.m.pages.mapping[this.m.compound_head(page)];
    return mapping === Mapping.anon || mapping === Mapping.ksm;
  }
  PageKsm(page: Pfn): boolean {
    return this.m.pages.mapping[this.m.compound_head(page)] === Mapping.ksm;
  }
  PageTransHuge(page: Pfn): boolean {
    return this.m.isHead(page);
  }
  PageTransCompound(page: Pfn): boolean {
    return this.m.pages.isCompound(page);
  }
  is_zero_pfn(page: Pfn): boolean {
    return page === this.m.zeroPage;
  }
  is_huge_zero_page(page: Pfn): boolean {
    return page === this.m.hugeZeroPage;
  }

  /** Number of references that PTEs of all processes hold on one subpage, with its share of PMD mappings. */
  page_mapcount(page: Pfn): Run<number> {
    const head = this.m.compound_head(page);
    return this.step('page_mapcount', pageMapObject(head), false, () => this.mapcountOf(page));
  }
  /** page_mapcount() without a step, for code that adds up several under one. */
  mapcountOf(page: Pfn): number {
    const { pages } = this.m;
    const head = this.m.compound_head(page);
    let count = pages.mapcount[page]! + 1;
    if (!pages.isCompound(page)) return count;
    count += pages.compound_mapcount[head]! + 1;
    if (pages.flags[head]! & PG_double_map) count--;
    return count;
  }
  /** An atomic change to the map counts of a page or compound page. */
  changeMapcount<T>(label: string, page: Pfn, change: () => T): Run<T> {
    return this.step(label, pageMapObject(this.m.compound_head(page)), true, change);
  }

  /** Copies contents to a page that nobody else can see yet; says so to whoever watches for writers of the source. */
  copy_page(from: Pfn, to: Pfn, va: Vaddr): Run<void> {
    return this.stepOn(
      'copy page',
      () => [contentObject(from), ...this.watchedTlbs(va)],
      0,
      () => this.copyContent(from, to, va),
    );
  }
  /** Who looks for writers of a page that is copied looks at what the CPUs have of it. */
  private watchedTlbs(va: Vaddr): number[] {
    const part = tlbPartOf(this.m.tlbBorders, va);
    return this.m.tasks.filter(({ mm }) => mm === this.task.mm).map(({ id }) => tlbObject(id, part));
  }
  /** The same for a page that others go on writing. Its copy can only tell which stores came before, so no watch. */
  copy_pinned_page(from: Pfn, to: Pfn): Run<void> {
    return this.step('copy page', contentObject(from), false, () => {
      this.m.pages.setContent(to, this.m.pages.contentOf(from));
      this.m.cost.pageCopies++;
    });
  }
  /**
   * Copies a huge page, all of it in one step: a store to a subpage comes before or after, which is all that its
   * copy can tell.
   * @param to the frame for each subpage
   */
  copy_subpages(from: readonly Pfn[], to: readonly Pfn[], vas: readonly Vaddr[]): Run<void> {
    return this.stepOn(
      'copy huge page',
      () => [...this.watchedTlbs(vas[0]!), ...from.map(contentObject)],
      0,
      () => {
        from.forEach((page, i) => {
          this.copyContent(page, to[i]!, vas[i]!);
        });
      },
    );
  }
  private copyContent(from: Pfn, to: Pfn, va: Vaddr): void {
    this.m.pages.setContent(to, this.m.pages.contentOf(from));
    this.m.cost.pageCopies++;
    this.m.watch?.({ kind: 'copy', task: this.task, from, to, mm: this.task.mm, va });
  }
  /** Content of a page that nobody else can see yet. */
  fill_page(page: Pfn, value: Content): void {
    this.m.pages.setContent(page, value);
  }
  read_content(page: Pfn): Run<Content> {
    return this.step('read content', contentObject(page), false, () => this.m.pages.contentOf(page));
  }
}
