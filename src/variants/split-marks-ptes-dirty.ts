import { defineVariant, entry as e, mainline } from '../core';

/** What the huge entry knew, the small ones shall know. */
export default defineVariant({
  meta: {
    id: 'split-marks-ptes-dirty',
    title: 'Hand the dirty bit of a huge page on to the PTEs when it is split',
    author: 'Peter Xu',
    subject: '[PATCH] mm: hugepage: mark splitted page dirty when needed',
    messageId: '<20180904075510.22338-1-peterx@redhat.com>',
    date: '2018-09-04',
    base: 'uffd-wp-2018',
    supersedes: [],
    touches: ['mm/huge_memory.c:__split_huge_pmd_locked'],
    reported: [
      {
        outcome: 'works',
        by: '<20180904075510.22338-1-peterx@redhat.com>',
        note: 'the author: QEMU runs',
      },
      {
        outcome: 'superseded',
        by: '<20180912064921.31015-1-peterx@redhat.com>',
        note: 'review: the bit is not lost, it is on the page',
      },
    ],
    builds: true,
    notes: [
      'the posted context lacks the variable that the hunk tests; read as the dirty bit of the old entry',
    ],
  },
  kernel: {
    split_huge_pmd_pte(k, vma, old_pmd, i) {
      const entry = mainline.split_huge_pmd_pte(k, vma, old_pmd, i);
      return e.pmd_dirty(old_pmd) ? e.pte_mkdirty(entry) : entry;
    },
  },
});
