/**
 * fs/userfaultfd.c: the ioctls. Each returns 0 or a negated error number; what the kernel writes back into the
 * argument (features, ioctls, bytes done) is left out.
 */
import { EAGAIN, EINVAL, ESRCH } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, UserfaultfdCtx } from '../mm';
import { uffdStateObject, userfaultfdObject } from '../objects';
import { type Content, PAGE_SIZE, type Vaddr } from '../units';
import { taskSize } from './mmap';
import * as feature from './userfaultfd';

export interface UffdCopyMode {
  dontwake: boolean;
  wp: boolean;
}
export interface UffdWriteprotectMode {
  wp: boolean;
  dontwake: boolean;
}

const UFFD_API_FEATURES =
  feature.UFFD_FEATURE_EVENT_FORK |
  feature.UFFD_FEATURE_EVENT_REMAP |
  feature.UFFD_FEATURE_EVENT_REMOVE |
  feature.UFFD_FEATURE_MISSING_HUGETLBFS |
  feature.UFFD_FEATURE_MISSING_SHMEM |
  feature.UFFD_FEATURE_EVENT_UNMAP |
  feature.UFFD_FEATURE_SIGBUS |
  feature.UFFD_FEATURE_THREAD_ID;

/**
 * fs/userfaultfd.c:userfaultfd_api(), which features there are. Faithful; the write-protect flag is not among them.
 * Enters with nothing held; returns with nothing held.
 */
export function uffd_api_features(k: Kernel): number {
  return UFFD_API_FEATURES;
}

/**
 * fs/userfaultfd.c:userfaultfd_api(). Faithful; the protocol number is the right one.
 * Enters with nothing held; returns with nothing held.
 */
export function* userfaultfd_api(k: Kernel, ctx: UserfaultfdCtx, features: number): KRun<number> {
  const supported = k.uffd_api_features();
  return yield* k.step('UFFDIO_API', userfaultfdObject(ctx.id), true, () => {
    if (ctx.ready) return -EINVAL;
    if (features & ~supported) return -EINVAL;
    ctx.ready = true;
    ctx.features = features;
    return 0;
  });
}

/**
 * fs/userfaultfd.c:validate_range(). Simplified: no mmap_min_addr.
 * Enters with nothing held; returns with nothing held.
 */
export function validate_range(k: Kernel, mm: Mm, start: Vaddr, len: number): number {
  const task_size = taskSize(k);
  if (start % PAGE_SIZE !== 0 || len % PAGE_SIZE !== 0 || len <= 0) return -EINVAL;
  if (start < 0 || start >= task_size || len > task_size - start) return -EINVAL;
  return 0;
}

/**
 * fs/userfaultfd.c:userfaultfd_copy(), the test for an address space in motion. Faithful.
 * Enters with nothing held; returns with nothing held.
 */
export function* uffd_mmap_changing(k: Kernel, ctx: UserfaultfdCtx): KRun<boolean> {
  return yield* k.step('mmap_changing?', uffdStateObject(ctx.id), false, () => ctx.mmap_changing);
}

/**
 * fs/userfaultfd.c:userfaultfd_copy(), the modes that it takes. Faithful; no write-protection.
 * Enters with nothing held; returns with nothing held.
 */
export function uffd_copy_mode_valid(k: Kernel, mode: UffdCopyMode): boolean {
  return !mode.wp;
}

/**
 * fs/userfaultfd.c:userfaultfd_copy(). Simplified: the source is always there, and all of it has one content.
 * Enters with nothing held; returns with nothing held.
 */
export function* userfaultfd_copy(
  k: Kernel,
  ctx: UserfaultfdCtx,
  dst: Vaddr,
  len: number,
  src: Content,
  mode: UffdCopyMode,
): KRun<number> {
  if (!ctx.ready) return -EINVAL;
  if (yield* k.uffd_mmap_changing(ctx)) return -EAGAIN;
  const invalid = k.validate_range(ctx.mm, dst, len);
  if (invalid !== 0) return invalid;
  if (!k.uffd_copy_mode_valid(mode)) return -EINVAL;
  if (ctx.mm.exited) return -ESRCH;
  return yield* answered(k, ctx, dst, len, mode.dontwake, yield* k.mcopy_atomic(ctx, dst, src, len, mode.wp));
}

/**
 * fs/userfaultfd.c:userfaultfd_zeropage(). Faithful.
 * Enters with nothing held; returns with nothing held.
 */
export function* userfaultfd_zeropage(
  k: Kernel,
  ctx: UserfaultfdCtx,
  start: Vaddr,
  len: number,
  dontwake: boolean,
): KRun<number> {
  if (!ctx.ready) return -EINVAL;
  if (yield* k.uffd_mmap_changing(ctx)) return -EAGAIN;
  const invalid = k.validate_range(ctx.mm, start, len);
  if (invalid !== 0) return invalid;
  if (ctx.mm.exited) return -ESRCH;
  return yield* answered(k, ctx, start, len, dontwake, yield* k.mfill_zeropage(ctx, start, len));
}

/** The end of COPY and ZEROPAGE: wakes for what was done, and says whether that was all. */
function* answered(
  k: Kernel,
  ctx: UserfaultfdCtx,
  start: Vaddr,
  len: number,
  dontwake: boolean,
  bytes: number,
): KRun<number> {
  if (bytes < 0) return bytes;
  k.BUG_ON(bytes === 0, 'fs/userfaultfd.c:userfaultfd_copy(): nothing copied');
  if (!dontwake) yield* k.wake_userfault(ctx, start, bytes);
  return bytes === len ? 0 : -EAGAIN;
}

/**
 * fs/userfaultfd.c:userfaultfd_wake(). Faithful.
 * Enters with nothing held; returns with nothing held.
 */
export function* userfaultfd_wake(k: Kernel, ctx: UserfaultfdCtx, start: Vaddr, len: number): KRun<number> {
  if (!ctx.ready) return -EINVAL;
  const invalid = k.validate_range(ctx.mm, start, len);
  if (invalid !== 0) return invalid;
  yield* k.wake_userfault(ctx, start, len);
  return 0;
}

/**
 * fs/userfaultfd.c:userfaultfd_writeprotect(). Faithful; mainline 4.19 does not know the ioctl.
 * Enters with nothing held; returns with nothing held.
 */
export function* userfaultfd_writeprotect(
  k: Kernel,
  ctx: UserfaultfdCtx,
  start: Vaddr,
  len: number,
  mode: UffdWriteprotectMode,
): KRun<number> {
  return -EINVAL;
}
