/** mm/madvise.c: madvise(2), and the advice that is a flag of the VMA. */
import {
  EAGAIN,
  EINVAL,
  ENOMEM,
  VM_DONTCOPY,
  VM_HUGEPAGE,
  VM_IO,
  VM_NOHUGEPAGE,
  VM_SHARED,
  VM_WIPEONFORK,
  withFlags,
  withoutFlags,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma } from '../mm';
import { plus, type Vaddr, vaddr } from '../units';
import { isPageAligned, pageAlignUp } from '../vma_list';

/** Advice that acts on pages and leaves the VMA alone: under mmap_sem for reading. */
const ON_PAGES = new Set<string>([
  'dontneed',
  'free',
  'remove',
  'pageout',
  'cold',
  'collapse',
  'populate_read',
  'populate_write',
]);
const ON_VMAS = new Set<string>([
  'hugepage',
  'nohugepage',
  'mergeable',
  'unmergeable',
  'dontfork',
  'dofork',
  'wipeonfork',
  'keeponfork',
]);

/**
 * mm/madvise.c:do_madvise(), what madvise(2) is. Simplified: no readahead, no poisoning; with the advice that later
 * kernels know (cold, pageout, collapse, populate).
 * Enters with nothing held; returns with nothing held. Holes are passed over and reported at the end.
 *
 * @param advice the name of MADV_* in lower case
 */
export function* do_madvise(k: Kernel, start: Vaddr, bytes: number, advice: string): KRun<number> {
  if (!ON_PAGES.has(advice) && !ON_VMAS.has(advice)) return -EINVAL;
  if (!isPageAligned(start) || bytes < 0) return -EINVAL;
  const end = plus(start, pageAlignUp(bytes));
  if (end === start) return 0;
  const { mm } = k.task;
  if (ON_PAGES.has(advice)) {
    yield* k.down_read(mm.mmap_sem);
    const error = yield* k.madvise_vmas(mm, start, end, advice);
    yield* k.up_read(mm.mmap_sem);
    return error;
  }
  yield* k.down_write(mm.mmap_sem);
  const error = yield* k.madvise_vmas(mm, start, end, advice);
  yield* k.up_write(mm.mmap_sem);
  return error;
}

/**
 * mm/madvise.c:do_madvise(), its loop over the VMAs. Faithful.
 * Enters with mmap_sem held as the advice wants it; returns with it held, though it may have been released between.
 */
export function* madvise_vmas(k: Kernel, mm: Mm, start: Vaddr, end: Vaddr, advice: string): KRun<number> {
  let unmapped_error = 0;
  for (let at = start; at < end; ) {
    const vma = k.find_vma(mm, at);
    if (vma === null) return -ENOMEM;
    if (at < vma.vm_start) {
      if (!k.passes_holes(advice)) return -ENOMEM;
      unmapped_error = -ENOMEM;
      at = vma.vm_start;
      if (at >= end) break;
    }
    const tmp = vaddr(Math.min(vma.vm_end, end));
    const error = yield* k.madvise_vma(vma, at, tmp, advice);
    if (error < 0) return error;
    at = error > 0 ? vaddr(error) : tmp;
  }
  return unmapped_error;
}

/**
 * mm/madvise.c:do_madvise(), whether advice goes on behind a hole. Faithful.
 * Enters with mmap_sem held; returns with it held. Takes no step.
 */
export function passes_holes(k: Kernel, advice: string): boolean {
  return true;
}

/**
 * mm/madvise.c:madvise_vma(). Faithful.
 * Enters with mmap_sem held as the advice wants it; returns with it held.
 *
 * @returns 0, -errno, or an address at which the call goes on before the end of the range
 */
export function* madvise_vma(k: Kernel, vma: Vma, start: Vaddr, end: Vaddr, advice: string): KRun<number> {
  switch (advice) {
    case 'dontneed':
    case 'free':
      return yield* k.madvise_dontneed_free(vma, start, end, advice);
    case 'remove':
      return yield* k.madvise_remove(vma, start, end);
    case 'cold':
    case 'pageout':
      return yield* k.madvise_cold_or_pageout(vma, start, end, advice === 'pageout');
    case 'collapse':
      return yield* k.madvise_collapse(vma, start, end);
    case 'populate_read':
    case 'populate_write':
      return yield* k.madvise_populate(vma, start, end, advice === 'populate_write');
    default:
      return yield* k.madvise_behavior(vma, start, end, advice);
  }
}

/**
 * mm/madvise.c:madvise_behavior(). Simplified: only the advice listed above.
 * Enters with mmap_sem held for write; returns with it held.
 */
export function* madvise_behavior(
  k: Kernel,
  vma: Vma,
  start: Vaddr,
  end: Vaddr,
  advice: string,
): KRun<number> {
  let new_flags = k.advised_flags(vma, advice);
  if (advice === 'mergeable' || advice === 'unmergeable') {
    new_flags = yield* k.ksm_madvise(vma, start, end, advice);
  }
  // Of running out of memory only the caller's next try can tell.
  if (new_flags < 0) return new_flags === -ENOMEM ? -EAGAIN : new_flags;
  if (new_flags === vma.vm_flags) return 0;
  const changed = yield* k.vma_with_flags(vma, start, end, new_flags);
  if (typeof changed === 'number') return changed === -ENOMEM ? -EAGAIN : changed;
  changed.vm_flags = new_flags;
  return 0;
}

/**
 * mm/madvise.c:madvise_behavior(), with hugepage_madvise(). Faithful.
 * Enters with mmap_sem held for write; returns with it held.
 *
 * @returns the new flags, or -errno
 */
export function advised_flags(k: Kernel, vma: Vma, advice: string): number {
  const { vm_flags } = vma;
  switch (advice) {
    case 'dontfork':
      return withFlags(vm_flags, VM_DONTCOPY);
    case 'dofork':
      return vm_flags & VM_IO ? -EINVAL : withoutFlags(vm_flags, VM_DONTCOPY);
    case 'wipeonfork':
      return vma.vm_file || vm_flags & VM_SHARED ? -EINVAL : withFlags(vm_flags, VM_WIPEONFORK);
    case 'keeponfork':
      return withoutFlags(vm_flags, VM_WIPEONFORK);
    case 'hugepage':
      return withFlags(withoutFlags(vm_flags, VM_NOHUGEPAGE), VM_HUGEPAGE);
    case 'nohugepage':
      return withFlags(withoutFlags(vm_flags, VM_HUGEPAGE), VM_NOHUGEPAGE);
    default:
      return vm_flags;
  }
}
