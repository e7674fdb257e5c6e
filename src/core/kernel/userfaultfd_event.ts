/**
 * fs/userfaultfd.c: telling the reader that the address space changes. From the moment a change begins until its
 * event is read, `mmap_changing` turns UFFDIO_COPY and its like away.
 */
import { VM_UFFD_MISSING, VM_UFFD_WP, withoutFlags } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, UffdMsg, UserfaultfdCtx, Vma } from '../mm';
import { uffdStateObject, userfaultfdObject } from '../objects';
import { PAGE_SIZE, type Vaddr } from '../units';
import {
  queueMessage,
  UFFD_FEATURE_EVENT_FORK,
  UFFD_FEATURE_EVENT_REMAP,
  UFFD_FEATURE_EVENT_REMOVE,
  UFFD_FEATURE_EVENT_UNMAP,
} from './userfaultfd';
import { newUserfaultfdCtx } from './userfaultfd_file';

/** What dup_mmap() collects for dup_userfaultfd_complete(): struct userfaultfd_fork_ctx. */
export interface ForkCtx {
  readonly orig: UserfaultfdCtx;
  readonly child: UserfaultfdCtx;
}

/** What do_munmap() collects for userfaultfd_unmap_complete(): struct userfaultfd_unmap_ctx. */
export interface UnmapCtx {
  readonly ctx: UserfaultfdCtx;
  readonly start: Vaddr;
  readonly end: Vaddr;
}

function* mark_mmap_changing(k: Kernel, ctx: UserfaultfdCtx): KRun<void> {
  const both = (): number[] => [userfaultfdObject(ctx.id), uffdStateObject(ctx.id)];
  yield* k.stepOn('mmap_changing := 1', both, 3, () => {
    ctx.mmap_changing = true;
  });
}

/**
 * fs/userfaultfd.c:userfaultfd_event_wait_completion(). Simplified: no fatal signals. mmap_changing is one flag: of
 * two events under way the first to finish clears it.
 * Enters with nothing held; returns with nothing held. Waits until the event is read or the context is closed.
 *
 * @returns whether it was read
 */
export function* userfaultfd_event_wait_completion(
  k: Kernel,
  ctx: UserfaultfdCtx,
  msg: UffdMsg,
): KRun<boolean> {
  k.might_sleep('userfaultfd_event_wait_completion()');
  const object = userfaultfdObject(ctx.id);
  const wait = yield* k.step('post event', object, true, () => queueMessage(k, ctx, ctx.events, msg));
  const read = yield* k.wait(
    `${msg.event} event read`,
    object,
    () => wait.waken || ctx.released,
    `the ${msg.event} event on userfaultfd ${ctx.id} to be read`,
    () => {
      ctx.events = ctx.events.filter((one) => one !== wait);
      return wait.waken;
    },
  );
  const both = (): number[] => [object, uffdStateObject(ctx.id)];
  yield* k.stepOn('mmap_changing := 0', both, 3, () => {
    ctx.mmap_changing = false;
  });
  return read;
}

/**
 * fs/userfaultfd.c:dup_userfaultfd(). Faithful. One context for the child serves all mappings of a parent's context.
 * Enters with both mmap_sems held for writing; returns with them held.
 *
 * @param vma the child's copy of a mapping
 * @param fctxs grows by what dup_userfaultfd_complete() has to tell
 * @returns 0
 */
export function* dup_userfaultfd(k: Kernel, vma: Vma, fctxs: ForkCtx[]): KRun<number> {
  const orig = vma.vm_userfaultfd_ctx;
  if (orig === null || !(orig.features & UFFD_FEATURE_EVENT_FORK)) {
    disarm(k, vma);
    return 0;
  }
  let pair = fctxs.find((one) => one.orig === orig);
  if (!pair) {
    pair = { orig, child: newUserfaultfdCtx(k, vma.vm_mm, orig.features, true) };
    fctxs.push(pair);
    yield* mark_mmap_changing(k, orig);
  }
  vma.vm_userfaultfd_ctx = pair.child;
  return 0;
}

function disarm(k: Kernel, vma: Vma): void {
  vma.vm_userfaultfd_ctx = null;
  k.userfaultfd_set_vm_flags(vma, withoutFlags(vma.vm_flags, VM_UFFD_MISSING | VM_UFFD_WP));
}

/**
 * fs/userfaultfd.c:dup_userfaultfd_complete(). Faithful; a child whose event nobody read is disarmed.
 * Enters with nothing held; returns with nothing held.
 */
export function* dup_userfaultfd_complete(k: Kernel, fctxs: readonly ForkCtx[]): KRun<void> {
  for (const { orig, child } of fctxs) {
    const msg: UffdMsg = { event: 'fork', address: 0 as Vaddr, flags: 0, to: 0, len: child.id };
    if (yield* k.userfaultfd_event_wait_completion(orig, msg)) continue;
    yield* k.down_write(child.mm.mmap_sem);
    for (const vma of child.mm.mmap) if (vma.vm_userfaultfd_ctx === child) disarm(k, vma);
    yield* k.up_write(child.mm.mmap_sem);
  }
}

/**
 * fs/userfaultfd.c:mremap_userfaultfd_prep(). Faithful; without the feature 4.19.0 leaves the moved mapping armed.
 * Enters with mmap_sem held for writing; returns with it held.
 *
 * @returns the context to tell of the move
 */
export function* mremap_userfaultfd_prep(k: Kernel, vma: Vma): KRun<UserfaultfdCtx | null> {
  const ctx = vma.vm_userfaultfd_ctx;
  if (ctx === null || !(ctx.features & UFFD_FEATURE_EVENT_REMAP)) return null;
  yield* mark_mmap_changing(k, ctx);
  return ctx;
}

/**
 * fs/userfaultfd.c:mremap_userfaultfd_complete(). Faithful; after a move that failed mmap_changing stays set.
 * Enters with nothing held; returns with nothing held.
 *
 * @param to the new address, or -errno
 */
export function* mremap_userfaultfd_complete(
  k: Kernel,
  ctx: UserfaultfdCtx | null,
  from: Vaddr,
  to: number,
  len: number,
): KRun<void> {
  if (ctx === null || to % PAGE_SIZE !== 0) return;
  yield* k.userfaultfd_event_wait_completion(ctx, { event: 'remap', address: from, flags: 0, to, len });
}

/**
 * fs/userfaultfd.c:userfaultfd_remove(). Faithful.
 * Enters with mmap_sem held for reading; returns with it released where the result is false: the caller takes it
 * again and looks the mapping up.
 */
export function* userfaultfd_remove(k: Kernel, vma: Vma, start: Vaddr, end: Vaddr): KRun<boolean> {
  const ctx = vma.vm_userfaultfd_ctx;
  if (ctx === null || !(ctx.features & UFFD_FEATURE_EVENT_REMOVE)) return true;
  yield* mark_mmap_changing(k, ctx);
  yield* k.up_read(vma.vm_mm.mmap_sem);
  yield* k.userfaultfd_event_wait_completion(ctx, {
    event: 'remove',
    address: start,
    flags: 0,
    to: end,
    len: 0,
  });
  return false;
}

/**
 * fs/userfaultfd.c:userfaultfd_unmap_prep(). Simplified: never out of memory; finds the mappings itself.
 * Enters with mmap_sem held for writing; returns with it held.
 *
 * @param unmaps grows by what userfaultfd_unmap_complete() has to tell: the whole range, once per context
 */
export function* userfaultfd_unmap_prep(
  k: Kernel,
  mm: Mm,
  start: Vaddr,
  end: Vaddr,
  unmaps: UnmapCtx[],
): KRun<number> {
  for (const vma of mm.mmap) {
    const ctx = vma.vm_userfaultfd_ctx;
    if (vma.vm_end <= start || vma.vm_start >= end || ctx === null) continue;
    if (!(ctx.features & UFFD_FEATURE_EVENT_UNMAP)) continue;
    if (unmaps.some((one) => one.ctx === ctx && one.start === start && one.end === end)) continue;
    yield* mark_mmap_changing(k, ctx);
    unmaps.push({ ctx, start, end });
  }
  return 0;
}

/**
 * fs/userfaultfd.c:userfaultfd_unmap_complete(). Faithful.
 * Enters with nothing held; returns with nothing held.
 */
export function* userfaultfd_unmap_complete(k: Kernel, unmaps: readonly UnmapCtx[]): KRun<void> {
  for (const { ctx, start, end } of unmaps) {
    const msg: UffdMsg = { event: 'unmap', address: start, flags: 0, to: end, len: 0 };
    yield* k.userfaultfd_event_wait_completion(ctx, msg);
  }
}
