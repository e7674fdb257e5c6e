/** userfaultfd: ranges over several mappings; un-protecting may give RW back. */
import {
  flags,
  type Kernel,
  type KRun,
  mainline,
  PAGE_SIZE,
  plus,
  uffdStateObject,
  userfaultfdObject,
  type Vaddr,
  type VariantKernel,
  type Vma,
  vaddr,
} from '../../core';
import { vma_wants_manual_pte_write_upgrade } from './mprotect';

const { MM_CP_TRY_CHANGE_WRITABLE, MM_CP_UFFD_WP, MM_CP_UFFD_WP_RESOLVE } = mainline;
const { UFFD_FEATURE_WP_ASYNC, UFFD_FEATURE_WP_UNPOPULATED } = mainline;
const { EAGAIN, EINVAL, ENOENT, VM_UFFD_MISSING, VM_UFFD_WP } = flags;

const userfaultfd_wp = (vma: Vma): boolean => (vma.vm_flags & VM_UFFD_WP) !== 0;

function* uffd_wp_range(k: Kernel, vma: Vma, start: Vaddr, end: Vaddr, enable_wp: boolean): KRun<void> {
  let cp_flags = enable_wp ? MM_CP_UFFD_WP : MM_CP_UFFD_WP_RESOLVE;
  if (!enable_wp && vma_wants_manual_pte_write_upgrade(k, vma)) cp_flags |= MM_CP_TRY_CHANGE_WRITABLE;
  yield* k.change_protection(vma, start, end, vma.vm_page_prot, cp_flags);
}

export const userfaultfd: VariantKernel = {
  /** That of the part. */
  userfaultfd_merge_pgoff: (_k, vma, addr) => vma.vm_pgoff + (addr - vma.vm_start) / PAGE_SIZE,

  /** anon_vma_prepare() comes before the test of the range. */
  mcopy_vma_error(k, vma, start, len, wp) {
    if (start >= vma.vm_start && !(vma.vm_flags & flags.VM_SHARED)) k.anon_vma_prepare(vma);
    const error = mainline.mcopy_vma_error(k, vma, start, len, wp);
    return error === 0 && wp && !userfaultfd_wp(vma) ? -EINVAL : error;
  },

  uffd_api_features: (k) =>
    mainline.uffd_api_features(k) |
    mainline.UFFD_FEATURE_PAGEFAULT_FLAG_WP |
    UFFD_FEATURE_WP_UNPOPULATED |
    UFFD_FEATURE_WP_ASYNC,

  *mwriteprotect_range(k, ctx, start, len, enable_wp) {
    const { mm } = ctx;
    k.BUG_ON(
      start % PAGE_SIZE !== 0 || len % PAGE_SIZE !== 0,
      'mm/userfaultfd.c:mwriteprotect_range(): range',
    );
    const end = plus(start, len);
    yield* k.down_read(mm.mmap_sem);
    let error = (yield* k.uffd_mmap_changing(ctx)) ? -EAGAIN : -ENOENT;
    const vmas = error === -EAGAIN ? [] : mm.mmap.filter((vma) => vma.vm_start < end && vma.vm_end > start);
    for (const vma of vmas) {
      error = userfaultfd_wp(vma) ? 0 : -ENOENT;
      if (error !== 0) break;
      const from = vaddr(Math.max(vma.vm_start, start));
      yield* uffd_wp_range(k, vma, from, vaddr(Math.min(vma.vm_end, end)), enable_wp);
    }
    yield* k.up_read(mm.mmap_sem);
    return error;
  },

  /** Memory of any kind, where nobody waits for an answer. */
  vma_can_userfault(k, vma, vm_flags, ctx) {
    const isWpOnly = (vm_flags & (VM_UFFD_MISSING | VM_UFFD_WP)) === VM_UFFD_WP;
    if (isWpOnly && ctx.features & UFFD_FEATURE_WP_ASYNC) return true;
    return k.vma_is_anonymous(vma) || vma.vm_file?.kind === 'shmem';
  },

  *unregister_vmas(k, ctx, start, end) {
    const vmas = ctx.mm.mmap.filter((vma) => vma.vm_start < end && vma.vm_end > start);
    for (const vma of vmas.filter(userfaultfd_wp)) {
      const from = vaddr(Math.max(start, vma.vm_start));
      yield* uffd_wp_range(k, vma, from, vaddr(Math.min(end, vma.vm_end)), false);
    }
    return yield* mainline.unregister_vmas(k, ctx, start, end);
  },

  *userfaultfd_release(k, ctx) {
    const object = userfaultfdObject(ctx.id);
    yield* k.stepOn(
      'release userfaultfd',
      () => [object, uffdStateObject(ctx.id)],
      3,
      () => {
        ctx.released = true;
      },
    );
    const { mm } = ctx;
    if (!mm.exited) {
      yield* k.down_write(mm.mmap_sem);
      const armed = mm.mmap.filter((vma) => vma.vm_userfaultfd_ctx === ctx && userfaultfd_wp(vma));
      for (const vma of armed) yield* uffd_wp_range(k, vma, vma.vm_start, vma.vm_end, false);
      const last = mm.mmap.at(-1)?.vm_end ?? vaddr(0);
      yield* k.rearmVmas(mm, vaddr(0), last, (vma) =>
        vma.vm_userfaultfd_ctx === ctx ? mainline.disarmedVma(vma) : null,
      );
      yield* k.up_write(mm.mmap_sem);
    }
    yield* k.wake_userfault(ctx, vaddr(0), 0);
  },
};
