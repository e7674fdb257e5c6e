import { defineVariant, entry as e, flags, mainline, PAGE_SIZE, plus } from '../core';

const { MM_CP_PROT_NUMA, avoids_write_fault } = mainline;
const { VM_SHARED } = flags;

/** Every change of protection brings what the page knows back into the entry. */
export default defineVariant({
  meta: {
    id: 'page-dirty-check',
    title: 'Mark the entry dirty when its page is, on every change of protection',
    author: 'Peter Xu',
    subject: '[PATCH v2] mm: mprotect: check page dirty when change ptes',
    messageId: '<20180912064921.31015-1-peterx@redhat.com>',
    date: '2018-09-12',
    base: 'uffd-wp-2018',
    supersedes: ['split-marks-ptes-dirty', 'page-dirty-inline'],
    touches: ['mm/mprotect.c:change_pte_range'],
    reported: [
      {
        outcome: 'rejected',
        by: '<20180912103311.iwytyuk4lgckad5a@kshutemo-mobl1>',
        note: 'NAK: nothing keeps PG_dirty from being cleared at that moment; an unaccounted dirty page is possible',
      },
      { outcome: 'rejected', by: '<20180912132438.GB4009@redhat.com>', note: 'not the right place' },
    ],
    builds: true,
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
          if (yield* k.PageDirty(k.pte_page(ptent))) ptent = e.pte_mkdirty(ptent);
          if (avoids_write_fault(vma, ptent, cp_flags)) ptent = e.pte_mkwrite(ptent);
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
