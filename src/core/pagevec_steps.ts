/** The pagevecs in which CPUs gather pages for the LRU. Source: mm/swap.c (4.19). */
import { assert } from './assert';
import { pageRefObject, pagevecObject } from './objects';
import { PageSteps } from './page_steps';
import type { Step } from './run';
import type { Task } from './task';
import type { Pfn } from './units';

/** Pages that one CPU gathers before it puts them on the LRU. */
const PAGEVEC_SIZE = 15;

export abstract class PagevecSteps extends PageSteps {
  /**
   * mm/swap.c:lru_cache_add(). Faithful in what can be observed: the page waits in this CPU's pagevec, which holds
   * a reference, until the pagevec is full, drained, or the page is compound.
   */
  *lru_cache_add(page: Pfn): Generator<Step, void, undefined> {
    assert(this.m.compound_head(page) === page, 'lru_cache_add(): of a tail page');
    const { task, m } = this;
    yield* this.stepOn(
      'get_page',
      () => [pageRefObject(page), pagevecObject(task.id)],
      3,
      () => {
        m.pages.refcount[page]! += 1;
        task.lruPvec.push(page);
        task.hasGathered = true;
      },
    );
    if (this.task.lruPvec.length >= PAGEVEC_SIZE || this.PageTransCompound(page)) yield* this.lru_add_drain();
  }
  /** mm/swap.c:lru_add_drain(). Faithful: empties this CPU's pagevec. */
  *lru_add_drain(): Generator<Step, void, undefined> {
    if (this.task.hasGathered) yield* this.drainPagevecOf(this.task);
    this.task.hasGathered = false;
  }
  /** mm/swap.c:lru_add_drain_all(). Simplified: the other CPUs' work runs here. */
  *lru_add_drain_all(): Generator<Step, void, undefined> {
    for (const task of this.m.tasks) {
      if (task === this.task) yield* this.lru_add_drain();
      else yield* this.drainPagevecOf(task);
    }
  }
  private *drainPagevecOf(task: Task): Generator<Step, void, undefined> {
    const gathered = yield* this.stepOn(
      'drain pagevec',
      () => [pagevecObject(task.id)],
      () => Number(task.lruPvec.length > 0),
      () => {
        const pages = task.lruPvec;
        task.lruPvec = [];
        return pages;
      },
    );
    for (const page of gathered) {
      yield* this.SetPageLRU(page);
      yield* this.put_page(page);
    }
  }
}
