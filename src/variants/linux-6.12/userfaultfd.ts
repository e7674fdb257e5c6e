/** userfaultfd: ranges over several mappings; un-protecting may give RW back. */
import { flags, mainline, PAGE_SIZE, plus, type VariantKernel, type Vma, vaddr } from '../../core';
import { vma_wants_manual_pte_write_upgrade } from './mprotect';

const { MM_CP_TRY_CHANGE_WRITABLE, MM_CP_UFFD_WP, MM_CP_UFFD_WP_RESOLVE } = mainline;
const { UFFD_FEATURE_WP_ASYNC, UFFD_FEATURE_WP_UNPOPULATED } = mainline;
const { EAGAIN, EINVAL, ENOENT, VM_UFFD_MISSING, VM_UFFD_WP } = flags;

const userfaultfd_wp = (vma: Vma): boolean => (vma.vm_flags & VM_UFFD_WP) !== 0;

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

  *uffd_wp_range(k, vma, start, end, enable_wp) {
    let cp_flags = enable_wp ? MM_CP_UFFD_WP : MM_CP_UFFD_WP_RESOLVE;
    if (!enable_wp && vma_wants_manual_pte_write_upgrade(k, vma)) cp_flags |= MM_CP_TRY_CHANGE_WRITABLE;
    yield* k.change_protection(vma, start, end, vma.vm_page_prot, cp_flags);
  },
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
      yield* k.uffd_wp_range(vma, from, vaddr(Math.min(vma.vm_end, end)), enable_wp);
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
};
