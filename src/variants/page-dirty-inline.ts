import { defineVariant, entry as e, flags, mainline, PAGE_SIZE, plus } from '../core';

const { MM_CP_DIRTY_ACCT, MM_CP_PROT_NUMA } = mainline;
const { VM_SHARED, VM_SOFTDIRTY } = flags;

/** The gate asks the page where the entry does not know. */
export default defineVariant({
  meta: {
    id: 'page-dirty-inline',
    title: 'Ask the page as well as the entry whether it is dirty',
    author: 'Peter Xu',
    subject: 'Re: [PATCH] mm: hugepage: mark splitted page dirty when needed',
    messageId: '',
    date: '2018-09-07',
    base: 'uffd-wp-2018',
    supersedes: ['split-marks-ptes-dirty'],
    touches: ['mm/mprotect.c:change_pte_range'],
    reported: [
      { outcome: 'works', by: '<20180904075510.22338-1-peterx@redhat.com>', note: 'in a reply: QEMU runs' },
    ],
    builds: true,
    notes: ['an inline draft: the page is asked only where dirty_accountable is set'],
  },
  kernel: {
    *change_pte_range(k, vma, pmd, start, end, newprot, cp_flags) {
      if (yield* k.pmd_trans_unstable(pmd)) return 0;
      const pte = k.m.pte_offset(pmd, start);
      const ptl = k.pte_lockptr(pte);
      yield* k.spin_lock(ptl);
      const prot_numa = (cp_flags & MM_CP_PROT_NUMA) !== 0;
      const isLocal = prot_numa && !(vma.vm_flags & VM_SHARED) && vma.vm_mm.mm_users === 1;
      const target_node = isLocal ? k.numa_node_id() : -1;
      yield* k.flush_tlb_batched_pending(vma.vm_mm);
      let pages = 0;
      for (let addr = start; addr < end; addr = plus(addr, PAGE_SIZE), pte.index++) {
        const oldpte = yield* k.pte_get(pte);
        if (e.pte_present(oldpte)) {
          const preserve_write = prot_numa && e.pte_write(oldpte);
          if (prot_numa && (yield* k.numa_skips(vma, addr, oldpte, target_node))) continue;
          let ptent = e.pte_modify(yield* k.ptep_modify_prot_start(pte), newprot);
          if (preserve_write) ptent = e.pte_mk_savedwrite(ptent);
          if (cp_flags & MM_CP_DIRTY_ACCT) {
            const dirty = e.pte_dirty(ptent) || (yield* k.PageDirty(k.pte_page(ptent)));
            const isTold = e.pte_soft_dirty(ptent) || !(vma.vm_flags & VM_SOFTDIRTY);
            if (dirty && isTold) ptent = e.pte_mkwrite(ptent);
          }
          yield* k.ptep_modify_prot_commit(pte, ptent);
          pages++;
        } else if (e.is_write_migration_entry(oldpte)) {
          yield* k.set_pte_at(pte, e.make_migration_entry_read(oldpte));
          pages++;
        }
      }
      yield* k.spin_unlock(ptl);
      k.m.cost.entriesChanged += pages;
      return pages;
    },
  },
});
