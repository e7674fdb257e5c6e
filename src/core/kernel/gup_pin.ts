/** mm/gup.c: pins, of kernels from 5.7 on. 4.19 takes references instead, of which nobody knows what they are for. */
import { FOLL_PIN } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma } from '../mm';
import { pageRefObject } from '../objects';
import { GUP_PIN_COUNTING_BIAS } from '../pages';
import type { Pfn } from '../units';

/**
 * mm/gup.c:try_grab_page(). Simplified: counts never overflow.
 * Enters with the lock of the entry held; returns with it held, and with a pin or a reference.
 */
export function* try_grab_page(k: Kernel, page: Pfn, flags: number): KRun<void> {
  if (!(flags & FOLL_PIN)) return yield* k.get_page(page);
  const head = k.m.compound_head(page);
  yield* k.step('pin page', pageRefObject(head), true, () => {
    const { refcount, pincount } = k.m.pages;
    refcount[head]! += k.m.pages.isCompound(head) ? 1 : GUP_PIN_COUNTING_BIAS;
    if (k.m.pages.isCompound(head)) pincount.set(head, (pincount.get(head) ?? 0) + 1);
  });
}

/**
 * mm/gup.c:unpin_user_page(). Faithful.
 * Enters with a pin; returns without it.
 */
export function* unpin_user_page(k: Kernel, page: Pfn): KRun<void> {
  const head = k.m.compound_head(page);
  if (!k.m.pages.isCompound(head)) return yield* k.put_page(page, GUP_PIN_COUNTING_BIAS);
  yield* k.step('unpin page', pageRefObject(head), true, () => {
    const { pincount } = k.m.pages;
    const left = (pincount.get(head) ?? 0) - 1;
    k.VM_BUG_ON(left < 0, 'mm/gup.c:unpin_user_page(): not pinned');
    // A count of none is as if there had never been one.
    if (left === 0) pincount.delete(head);
    else pincount.set(head, left);
  });
  yield* k.put_page(page);
}

/**
 * mm/gup.c:unpin_user_pages_dirty_lock(). Simplified: one page, which was written.
 * Enters with a pin and no spinlock held; returns without the pin.
 */
export function* unpin_user_pages_dirty_lock(k: Kernel, page: Pfn): KRun<void> {
  if (!(yield* k.PageDirty(page))) {
    yield* k.lock_page(page);
    yield* k.set_page_dirty(page);
    yield* k.unlock_page(page);
  }
  yield* k.unpin_user_page(page);
}

/**
 * mm/gup.c:__get_user_pages_locked(), what the mm remembers of pins. Faithful; from 5.9 on.
 * Enters with mmap_sem held; returns with it held. Takes no step: who asks has it for writing.
 */
export function mm_set_has_pinned_flag(k: Kernel, mm: Mm, gup_flags: number): void {
  if (gup_flags & FOLL_PIN) mm.hasPinned = true;
}

/**
 * include/linux/mm.h:page_maybe_dma_pinned(). Faithful; of a small page, many references look like a pin.
 * Enters with anything held; returns with the same.
 */
export function* page_maybe_dma_pinned(k: Kernel, page: Pfn): KRun<boolean> {
  if (!k.m.config.pins) return false;
  const head = k.m.compound_head(page);
  return yield* k.step('page_maybe_dma_pinned', pageRefObject(head), false, () => {
    const { pages } = k.m;
    if (pages.isCompound(head)) return pages.pincount.has(head);
    return pages.refcount[head]! >= GUP_PIN_COUNTING_BIAS;
  });
}

/**
 * include/linux/mm.h:page_needs_cow_for_dma(), whether fork() copies a page because somebody may be writing to it without
 * the MMU. Faithful; never, before 5.9.
 * Enters with mmap_sem held for writing; returns with it held.
 */
export function* page_needs_cow_for_dma(_k: Kernel, _vma: Vma, _page: Pfn): KRun<boolean> {
  return false;
}

/**
 * include/linux/rmap.h:page_try_share_anon_rmap(). Simplified: of later kernels, from 5.19 on; no device memory.
 * Enters with the lock of an exclusive page's entry held and the entry cleared; returns with the lock held.
 *
 * @returns false: the page may be pinned, so it has to stay exclusive and mapped
 */
export function* page_try_share_anon_rmap(k: Kernel, page: Pfn): KRun<boolean> {
  if (yield* k.page_maybe_dma_pinned(page)) return false;
  yield* k.ClearPageAnonExclusive(page);
  return true;
}
