import { defineVariant } from '../core';

/** The seed: the mail with which all of this began. What it does once it compiles is in mkwrite-reuse. */
export default defineVariant({
  meta: {
    id: 'mkwrite-reuse-as-posted',
    title: 'A mkwrite parameter that asks reuse_swap_page() first, as posted',
    author: 'Jérôme Glisse',
    subject: '[PATCH] mm/mprotect: add a mkwrite paramater to change_protection()',
    messageId: '<20180914004239.GA31077@redhat.com>',
    date: '2018-09-13',
    base: 'uffd-wp-2018',
    supersedes: ['mkwrite-every-entry'],
    touches: [
      'mm/mprotect.c:change_pte_range',
      'mm/huge_memory.c:change_huge_pmd',
      'mm/userfaultfd.c:mwriteprotect_range',
    ],
    passesOn: [
      'mm/mprotect.c:change_pmd_range',
      'mm/mprotect.c:change_pud_range',
      'mm/mprotect.c:change_p4d_range',
      'mm/mprotect.c:change_protection_range',
      'mm/mprotect.c:change_protection',
      'mm/mprotect.c:mprotect_fixup',
      'mm/mempolicy.c:change_prot_numa',
    ],
    reported: [
      {
        outcome: 'does-not-build',
        by: '<20180927074338.GB8870@xz-x1>',
        note: "the reporter's own mended build did not work either; no details",
      },
    ],
    builds: false,
    defects: [
      'change_huge_pmd(): pmd_page(pmd) takes the page from the pointer, not from the entry',
      'change_huge_pmd(): READ_ONCE(pmd) saves the pointer where a pmd_t is wanted',
      'change_pte_range(): READ_ONCE(pte) saves the pointer where a pte_t is wanted',
      'change_pte_range(): reuse_swap_page(vmf->page, &tmp): there is no vmf in this function',
      'change_protection_range(): the parameter mkwrite has no type',
    ],
  },
  kernel: {},
});
