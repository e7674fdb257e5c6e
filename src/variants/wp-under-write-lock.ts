import { defineVariant, entry as e, flags, mainline, PAGE_SIZE, type Pte, plus } from '../core';

const { MM_CP_PROT_NUMA, MM_CP_UFFD_WP, MM_CP_UFFD_WP_RESOLVE, avoids_write_fault } = mainline;
const { EAGAIN, ENOENT, VM_SHARED, VM_WRITE } = flags;

/** What a protection change makes of a present entry's mark. */
function marked(pte: Pte, cp_flags: number): Pte {
  if (cp_flags & MM_CP_UFFD_WP) return e.pte_mkuffd_wp(e.pte_wrprotect(pte));
  return cp_flags & MM_CP_UFFD_WP_RESOLVE ? e.pte_clear_uffd_wp(pte) : pte;
}

/** The same for an entry that is not present. */
function swpMarked(old: Pte, cp_flags: number): Pte {
  const entry = e.is_write_migration_entry(old) ? e.make_migration_entry_read(old) : old;
  if (cp_flags & MM_CP_UFFD_WP) return e.pte_swp_mkuffd_wp(entry);
  return cp_flags & MM_CP_UFFD_WP_RESOLVE ? e.pte_swp_clear_uffd_wp(entry) : entry;
}

/** No fault runs while entries lose RW, and un-protecting takes RW from none. */
export default defineVariant({
  meta: {
    id: 'wp-under-write-lock',
    title: 'Protect under mmap_lock for write; un-protecting keeps RW where it is',
    author: 'Nadav Amit',
    subject: '[PATCH] mm/userfaultfd: fix memory corruption due to writeprotect',
    messageId: '<20201219043006.2206347-1-namit@vmware.com>',
    date: '2020-12-18',
    base: 'linux-5.9',
    supersedes: [],
    touches: ['mm/mprotect.c:change_pte_range', 'mm/userfaultfd.c:mwriteprotect_range'],
    reported: [
      {
        outcome: 'rejected',
        by: '<X961C3heiGSJ5qVL@redhat.com>',
        note: 'userfaultfd must not wait for mmap_lock for write',
      },
      { outcome: 'superseded', by: '', note: '6ce64428d620 flushes in the fault instead' },
    ],
    builds: true,
    notes: ['posted again on 2020-12-25 with the same change: <20201225092529.3228466-2-namit@vmware.com>'],
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
          const keeps = prot_numa || (cp_flags & MM_CP_UFFD_WP_RESOLVE) !== 0;
          const preserve_write = keeps && e.pte_write(oldpte);
          if (prot_numa && (yield* k.numa_skips(vma, addr, oldpte, target_node))) continue;
          let ptent = e.pte_modify(yield* k.ptep_modify_prot_start(pte), newprot);
          if (preserve_write) ptent = e.pte_mk_savedwrite(ptent);
          ptent = marked(ptent, cp_flags);
          if (avoids_write_fault(vma, ptent, cp_flags)) ptent = e.pte_mkwrite(ptent);
          yield* k.ptep_modify_prot_commit(pte, ptent);
          pages++;
        } else if (e.is_swap_pte(oldpte) && swpMarked(oldpte, cp_flags) !== oldpte) {
          yield* k.set_pte_at(pte, swpMarked(oldpte, cp_flags));
          pages++;
        }
      }
      yield* k.spin_unlock(ptl);
      k.m.cost.entriesChanged += pages;
      return pages;
    },

    *mwriteprotect_range(k, ctx, start, len, enable_wp) {
      const { mm } = ctx;
      k.BUG_ON(
        start % PAGE_SIZE !== 0 || len % PAGE_SIZE !== 0,
        'mm/userfaultfd.c:mwriteprotect_range(): range',
      );
      if (enable_wp) yield* k.down_write(mm.mmap_sem);
      else yield* k.down_read(mm.mmap_sem);
      const isChanging = yield* k.uffd_mmap_changing(ctx);
      const vma = isChanging ? null : k.mwriteprotect_vma(mm, start, len);
      if (vma !== null) {
        const newprot = flags.vm_get_page_prot(enable_wp ? vma.vm_flags & ~VM_WRITE : vma.vm_flags);
        const cp_flags = enable_wp ? MM_CP_UFFD_WP : MM_CP_UFFD_WP_RESOLVE;
        yield* k.change_protection(vma, start, plus(start, len), newprot, cp_flags);
      }
      if (enable_wp) yield* k.up_write(mm.mmap_sem);
      else yield* k.up_read(mm.mmap_sem);
      if (isChanging) return -EAGAIN;
      return vma === null ? -ENOENT : 0;
    },
  },
});
