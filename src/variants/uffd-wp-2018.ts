import { defineVariant, entry as e, flags, mainline, PAGE_SIZE, plus } from '../core';

const { MM_CP_DIRTY_ACCT } = mainline;
const { EINVAL, FAULT_FLAG_WRITE, VM_UFFD_WP, VM_WRITE } = flags;

/** Write-protection by userfaultfd as it stood in aa.git: the mapping is marked, its entries are not. */
export default defineVariant({
  meta: {
    id: 'uffd-wp-2018',
    title: 'Write-protection by userfaultfd in September 2018: every read-only hit is an event',
    author: 'Andrea Arcangeli, Shaohua Li',
    subject: 'userfaultfd: wp: add the writeprotect API to userfaultfd ioctl',
    messageId: '',
    date: '2018-09-04',
    base: 'linux-4.19',
    supersedes: [],
    touches: [
      'mm/memory.c:do_wp_page',
      'mm/memory.c:wp_huge_pmd',
      'mm/memory.c:do_swap_page',
      'fs/userfaultfd.c:userfaultfd_must_wait',
      'fs/userfaultfd.c:userfaultfd_api',
      'fs/userfaultfd.c:userfaultfd_register',
      'fs/userfaultfd.c:vma_can_userfault',
      'fs/userfaultfd.c:userfaultfd_copy',
      'fs/userfaultfd.c:userfaultfd_writeprotect',
      'mm/userfaultfd.c:mcopy_atomic_pte',
      'mm/userfaultfd.c:mwriteprotect_range',
    ],
    reported: [
      {
        outcome: 'fails',
        by: '<20180904075510.22338-1-peterx@redhat.com>',
        note: 'SIGBUS with "FAULT_FLAG_ALLOW_RETRY missing 71", every time with huge pages, never without',
      },
    ],
    builds: true,
    notes: [
      'the branch itself is not at hand: taken from the series of January 2019 that posts its patches again',
      'UFFDIO_COPY_MODE_WP may be later than September 2018; here it leaves the new entry without RW',
    ],
  },
  kernel: {
    *do_wp_page(k, vmf) {
      if (vmf.vma.vm_flags & VM_UFFD_WP) {
        yield* k.pte_unmap_unlock(vmf.pte!);
        return yield* k.handle_userfault(vmf, VM_UFFD_WP);
      }
      return yield* mainline.do_wp_page(k, vmf);
    },

    *wp_huge_pmd(k, vmf, orig_pmd) {
      const { vma } = vmf;
      if (k.vma_is_anonymous(vma) && vma.vm_flags & VM_UFFD_WP)
        return yield* k.handle_userfault(vmf, VM_UFFD_WP);
      return yield* mainline.wp_huge_pmd(k, vmf, orig_pmd);
    },

    /** The page comes in as if for a read; the write then faults anew. */
    *do_swap_page(k, vmf) {
      if (vmf.vma.vm_flags & VM_UFFD_WP) vmf.flags &= ~FAULT_FLAG_WRITE;
      return yield* mainline.do_swap_page(k, vmf);
    },

    /** Of an entry on swap this asks the soft-dirty marker, which stands where RW does. */
    *userfaultfd_must_wait(k, ctx, address, fault_flags, reason) {
      const pmd = k.m.mm_find_pmd_slot(ctx.mm, address);
      if (pmd === null) return true;
      const value = yield* k.pmd_get(pmd);
      if (e.pmd_none(value)) return true;
      const isWp = (reason & VM_UFFD_WP) !== 0;
      if (e.pmd_trans_huge(value)) return isWp && !e.pmd_write(value);
      if (!e.pmd_is_table(value)) return false;
      const pte = yield* k.pte_get(k.m.pte_offset(pmd, address));
      return e.pte_none(pte) || (isWp && !e.pte_write(pte));
    },

    uffd_api_features: (k) => mainline.uffd_api_features(k) | mainline.UFFD_FEATURE_PAGEFAULT_FLAG_WP,
    uffd_register_mode_valid: (_k, mode) => mode.missing || mode.wp,

    vma_can_userfault(k, vma, vm_flags, ctx) {
      if (!(vm_flags & VM_UFFD_WP)) return mainline.vma_can_userfault(k, vma, vm_flags, ctx);
      return k.vma_is_anonymous(vma);
    },

    uffd_register_vma_error(_k, vma, vm_flags) {
      return vm_flags & VM_UFFD_WP && !(vma.vm_flags & VM_WRITE) ? -EINVAL : 0;
    },

    uffd_copy_mode_valid: () => true,

    *userfaultfd_writeprotect(k, ctx, start, len, mode) {
      if (!ctx.ready) return -EINVAL;
      const invalid = k.validate_range(ctx.mm, start, len);
      if (invalid !== 0) return invalid;
      if (mode.wp && mode.dontwake) return -EINVAL;
      const result = yield* k.mwriteprotect_range(ctx, start, len, mode.wp);
      if (result !== 0) return result;
      // Also after protecting: whoever is woken then finds the page as it was.
      if (!mode.dontwake) yield* k.wake_userfault(ctx, start, len);
      return 0;
    },

    mcopy_entry(k, vma, page, wp) {
      const entry = mainline.mcopy_entry(k, vma, page, wp);
      return wp ? e.pte_wrprotect(entry) : entry;
    },

    *mwriteprotect_range(k, ctx, start, len, enable_wp) {
      const { mm } = ctx;
      k.BUG_ON(
        start % PAGE_SIZE !== 0 || len % PAGE_SIZE !== 0,
        'mm/userfaultfd.c:mwriteprotect_range(): range',
      );
      yield* k.down_read(mm.mmap_sem);
      const vma = k.mwriteprotect_vma(mm, start, len);
      if (vma !== null) {
        const newprot = flags.vm_get_page_prot(enable_wp ? vma.vm_flags & ~VM_WRITE : vma.vm_flags);
        const cp_flags = enable_wp ? 0 : MM_CP_DIRTY_ACCT;
        const pages = yield* k.change_protection(vma, start, plus(start, len), newprot, cp_flags);
        k.noteMwriteprotect(start, len, newprot, pages, enable_wp);
      }
      yield* k.up_read(mm.mmap_sem);
      return vma === null ? -EINVAL : 0;
    },
  },
});
