import { defineVariant, flags, PAGE_SIZE, plus } from '../core';

const { EINVAL, VM_WRITE } = flags;

/** Un-protecting has nothing to do with the accounting of dirty pages, so it must not use its shortcut. */
export default defineVariant({
  meta: {
    id: 'dirty-accountable-false',
    title: 'Do not set dirty_accountable when un-protecting',
    author: 'Jérôme Glisse',
    subject: '[PATCH] userfaultfd: do not set dirty accountable when changing protection',
    messageId: '<20180912132438.GB4009@redhat.com>',
    date: '2018-09-12',
    base: 'uffd-wp-2018',
    supersedes: [],
    touches: ['mm/userfaultfd.c:mwriteprotect_range'],
    reported: [
      {
        outcome: 'fails',
        by: '<20180913073722.GF10763@xz-x1>',
        note: 'just as without it: FAULT_FLAG_ALLOW_RETRY missing 71',
      },
    ],
    builds: true,
  },
  kernel: {
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
        const pages = yield* k.change_protection(vma, start, plus(start, len), newprot, 0);
        k.noteMwriteprotect(start, len, newprot, pages, enable_wp);
      }
      yield* k.up_read(mm.mmap_sem);
      return vma === null ? -EINVAL : 0;
    },
  },
});
