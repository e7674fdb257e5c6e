import { defineVariant, entry as e, flags, mainline } from '../../core';
import { madvise } from './madvise';
import { memory } from './memory';
import { migrate } from './migrate';
import { mprotect } from './mprotect';
import { reclaim } from './reclaim';
import { split } from './split';
import { swap } from './swap';
import { userfaultfd } from './userfaultfd';

/** Un-protecting gives RW back; write-protection of what is not there yet, and without asking anybody. */
export default defineVariant({
  meta: {
    id: 'linux-6.12',
    kind: 'kernel',
    title: 'Linux 6.12 LTS: un-protecting restores RW; asynchronous write-protection',
    author: 'David Hildenbrand, Peter Xu and others',
    subject: 'Linux 6.12',
    messageId: '',
    date: '2024-11-17',
    base: 'linux-6.1',
    supersedes: [],
    touches: [
      'mm/madvise.c:do_madvise',
      'mm/madvise.c:madvise_populate',
      'mm/khugepaged.c:madvise_collapse_errno',
      'mm/madvise.c:madvise_cold_or_pageout_pte_range',
      'mm/madvise.c:madvise_free_pte_range',
      'mm/memory.c:do_wp_page',
      'mm/memory.c:wp_huge_pmd',
      'mm/memory.c:do_anonymous_page',
      'mm/memory.c:do_swap_page',
      'mm/memory.c:do_numa_page',
      'mm/huge_memory.c:do_huge_pmd_numa_page',
      'mm/ksm.c:break_ksm',
      'include/linux/mm.h:gup_can_follow_protnone',
      'mm/ksm.c:ksm_might_need_to_copy',
      'mm/rmap.c:page_remove_rmap',
      'mm/vmscan.c:shrink_inactive_list',
      'mm/vmscan.c:shrink_page_list',
      'mm/vmscan.c:pageout',
      'mm/migrate.c:unmap_and_move',
      'mm/migrate.c:move_to_new_page',
      'mm/migrate.c:remove_migration_pte',
      'mm/mprotect.c:mprotect_fixup',
      'mm/mprotect.c:change_pte_range',
      'mm/mprotect.c:change_pmd_range',
      'mm/mprotect.c:change_protection_range',
      'mm/huge_memory.c:change_huge_pmd',
      'fs/userfaultfd.c:userfaultfd_register',
      'mm/userfaultfd.c:__mcopy_atomic',
      'fs/userfaultfd.c:userfaultfd_api',
      'mm/userfaultfd.c:uffd_wp_range',
      'mm/userfaultfd.c:mwriteprotect_range',
      'fs/userfaultfd.c:vma_can_userfault',
      'mm/huge_memory.c:unfreeze_page',
      'mm/huge_memory.c:__split_huge_pmd_locked',
    ],
    commits: [
      'e833bc503405 ("mm/thp: re-apply mkdirty for small pages after split")',
      '6a56ccbcf6c6 ("mm/autonuma: use can_change_(pte|pmd)_writable() to replace savedwrite")',
      '7ea7e333842e ("mm/mprotect: allow clean exclusive anon pages to be writable")',
      '6cce3314b928 ("mm/ksm: fix KSM COW breaking with userfaultfd-wp via FAULT_FLAG_UNSHARE")',
      'f1eb1bacfba9 ("mm/uffd: always wr-protect pte in pte|pmd_mkuffd_wp()")',
      '931298e103c2 ("mm/userfaultfd: rely on vma->vm_page_prot in uffd_wp_range()")',
      'a1b92a3f1498 ("mm/userfaultfd: support WP on multiple VMAs")',
      'd74943a2f3cd ("mm/gup: reintroduce FOLL_NUMA as FOLL_HONOR_NUMA_FAULT")',
      '5543d3c43c41 ("mm/uffd: allow vma to merge as much as possible")',
      '2bad466cc9d9 ("mm/uffd: UFFD_FEATURE_WP_UNPOPULATED")',
      'b1f202060afe ("mm: remap unused subpages to shared zeropage when splitting isolated thp")',
      'd61ea1cb0095 ("userfaultfd: UFFD_FEATURE_WP_ASYNC")',
      'c18160dba5ff ("mm: swap: reuse exclusive folio directly instead of wp page faults")',
      '8422acdc97ed ("mm: introduce a pageflag for partially mapped folios")',
      '8a8ca142a488 ("mm: migrate: requeue destination folio on deferred split queue")',
    ],
    reported: [],
    builds: true,
    notes: ['with what 6.12.y took over later'],
  },
  kernel: {
    /** Populating is no longer done mapping by mapping. */
    passes_holes: (_k, advice) => !advice.startsWith('populate'),
    populate_retry_flags: () => flags.FOLL_TRIED,
    /** Empty entries of an armed mapping are a reason that may pass. */
    madvise_collapse_errno: (k, result) =>
      result === 'exceed_none_pte' ? flags.EBUSY : mainline.madvise_collapse_errno(k, result),
    ...madvise,
    ...memory,
    ...swap,
    ...reclaim,
    ...migrate,
    ...mprotect,
    ...userfaultfd,
    ...split,

    /** Keeps the mark as before, but does not let it stand beside RW, and D; on x86 that sets soft-dirty, too. */
    split_huge_pmd_pte(k, vma, old_pmd, i) {
      const entry = mainline.split_huge_pmd_pte(k, vma, old_pmd, i);
      const marked = e.pmd_uffd_wp(old_pmd) ? e.pte_mkuffd_wp(e.pte_wrprotect(entry)) : entry;
      return e.pmd_dirty(old_pmd) ? e.pte_mkdirty(marked) : marked;
    },
  },
});
