import { defineVariant, entry as e, flags, mainline, PAGE_SIZE, plus } from '../core';

const { MM_CP_MKWRITE, MM_CP_PROT_NUMA, avoids_write_fault } = mainline;
const { EINVAL, VM_SHARED, VM_WRITE } = flags;

/** Un-protecting says that it wants writable entries, and gets them. */
export default defineVariant({
  meta: {
    id: 'mkwrite-every-entry',
    title: 'A mkwrite parameter: un-protecting makes every present entry writable',
    author: 'Jérôme Glisse',
    subject: '[PATCH] mm/mprotect: add a mkwrite paramater to change_protection()',
    messageId: '<20180913142328.GA3576@redhat.com>',
    date: '2018-09-13',
    base: 'uffd-wp-2018',
    supersedes: ['dirty-accountable-false'],
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
        outcome: 'works',
        by: '<20180927074338.GB8870@xz-x1>',
        note: 'after the reporter had made it compile',
      },
      {
        outcome: 'superseded',
        by: '<20180914004239.GA31077@redhat.com>',
        note: 'by one that avoids write access to pages shared by COW',
      },
    ],
    builds: true,
    notes: ['the text is not at hand: inferred from what was said of it and of the next form'],
  },
  kernel: {
    *change_pte_range(k, vma, pmd, start, end, newprot, cp_flags) {
      if (yield* k.pmd_trans_unstable(pmd)) return 0;
      const pte = k.m.pte_offset(pmd, start);
      const ptl = k.pte_lockptr(pte);
      yield* k.spin_lock(ptl);
      const prot_numa = (cp_flags & MM_CP_PROT_NUMA) !== 0;
      const mkwrite = (cp_flags & MM_CP_MKWRITE) !== 0;
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
          if (mkwrite || avoids_write_fault(vma, ptent, cp_flags)) ptent = e.pte_mkwrite(ptent);
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

    *change_huge_pmd(k, vma, pmd, addr, newprot, cp_flags) {
      const ptl = yield* k.__pmd_trans_huge_lock(pmd, vma);
      if (!ptl) return 0;
      const prot_numa = (cp_flags & MM_CP_PROT_NUMA) !== 0;
      const value = yield* k.pmd_get(pmd);
      const preserve_write = prot_numa && e.pmd_write(value);
      if (e.is_swap_pmd(value)) {
        k.VM_BUG_ON(!e.is_pmd_migration_entry(value), 'mm/huge_memory.c:change_huge_pmd(): unknown entry');
        if (e.is_write_migration_entry(value)) yield* k.set_pmd_at(pmd, e.make_migration_entry_read(value));
        yield* k.spin_unlock(ptl);
        return 1;
      }
      if (prot_numa && (k.is_huge_zero_page(e.pmd_pfn(value)) || e.pmd_protnone(value))) {
        yield* k.spin_unlock(ptl);
        return 1;
      }
      let entry = e.pmd_modify(yield* k.pmdp_invalidate(vma.vm_mm, pmd), newprot);
      if (preserve_write) entry = e.pmd_mk_savedwrite(entry);
      if (cp_flags & MM_CP_MKWRITE) entry = e.pmd_mkwrite(entry);
      yield* k.set_pmd_at(pmd, entry);
      k.BUG_ON(
        k.vma_is_anonymous(vma) && !preserve_write && e.pmd_write(entry),
        'mm/huge_memory.c:change_huge_pmd(): anonymous huge entry became writable',
      );
      k.m.cost.entriesChanged += k.m.HPAGE_PMD_NR;
      yield* k.spin_unlock(ptl);
      return k.m.HPAGE_PMD_NR;
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
        const cp_flags = enable_wp ? 0 : MM_CP_MKWRITE;
        const pages = yield* k.change_protection(vma, start, plus(start, len), newprot, cp_flags);
        k.noteMwriteprotect(start, len, newprot, pages, enable_wp);
      }
      yield* k.up_read(mm.mmap_sem);
      return vma === null ? -EINVAL : 0;
    },
  },
});
