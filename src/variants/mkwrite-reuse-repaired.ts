import { defineVariant, entry as e, flags, mainline, PAGE_SIZE, plus } from '../core';

const { MM_CP_MKWRITE, MM_CP_PROT_NUMA, avoids_write_fault } = mainline;
const { EINVAL, VM_SHARED, VM_WRITE } = flags;

/** mkwrite-reuse without its slips, to see what is left to say against the idea. */
export default defineVariant({
  meta: {
    id: 'mkwrite-reuse-repaired',
    title: 'mkwrite-reuse with references and locks balanced, and VM_WRITE asked',
    author: 'faultline',
    subject: 'mm/mprotect: mkwrite-reuse with its slips mended',
    messageId: '',
    date: '2018-09-15',
    base: 'uffd-wp-2018',
    supersedes: ['mkwrite-reuse'],
    touches: [
      'mm/mprotect.c:change_pte_range',
      'mm/huge_memory.c:change_huge_pmd',
      'mm/userfaultfd.c:mwriteprotect_range',
    ],
    reported: [],
    builds: true,
    notes: [
      'mended: page references and the page lock on every path, lazy MMU mode, the BUG_ON, the test for VM_WRITE',
      'left as it was: what the filters pass over, swap and migration entries, RW without D and soft-dirty',
    ],
    ours: true,
  },
  kernel: {
    *change_pte_range(k, vma, pmd, start, end, newprot, cp_flags) {
      if (yield* k.pmd_trans_unstable(pmd)) return 0;
      const pte = k.m.pte_offset(pmd, start);
      const ptl = k.pte_lockptr(pte);
      yield* k.spin_lock(ptl);
      const prot_numa = (cp_flags & MM_CP_PROT_NUMA) !== 0;
      const mkwrite = (cp_flags & MM_CP_MKWRITE) !== 0 && (vma.vm_flags & VM_WRITE) !== 0;
      const isLocal = prot_numa && !(vma.vm_flags & VM_SHARED) && vma.vm_mm.mm_users === 1;
      const target_node = isLocal ? k.numa_node_id() : -1;
      yield* k.flush_tlb_batched_pending(vma.vm_mm);
      k.task.lazyMmu = true;
      let pages = 0;
      for (let addr = start; addr < end; addr = plus(addr, PAGE_SIZE), pte.index++) {
        const oldpte = yield* k.pte_get(pte);
        if (e.pte_present(oldpte)) {
          const preserve_write = prot_numa && e.pte_write(oldpte);
          let do_mkwrite = false;
          if (prot_numa || mkwrite) {
            if (yield* k.numa_skips(vma, addr, oldpte, target_node)) continue;
            if (mkwrite) {
              const page = e.pte_pfn(oldpte);
              yield* k.get_page(page);
              if (!(yield* k.trylock_page(page))) {
                const orig_pte = yield* k.pte_get(pte);
                k.task.lazyMmu = false;
                yield* k.spin_unlock(ptl);
                yield* k.lock_page(page);
                yield* k.spin_lock(ptl);
                k.task.lazyMmu = true;
                if (!e.pte_same(yield* k.pte_get(pte), orig_pte)) {
                  yield* k.unlock_page(page);
                  yield* k.put_page(page);
                  continue;
                }
              }
              do_mkwrite = (yield* k.reuse_swap_page(page)).reuse;
              yield* k.unlock_page(page);
              yield* k.put_page(page);
            }
          }
          let ptent = e.pte_modify(yield* k.ptep_modify_prot_start(pte), newprot);
          if (preserve_write) ptent = e.pte_mk_savedwrite(ptent);
          if (do_mkwrite || avoids_write_fault(vma, ptent, cp_flags)) ptent = e.pte_mkwrite(ptent);
          yield* k.ptep_modify_prot_commit(pte, ptent);
          pages++;
        } else if (e.is_write_migration_entry(oldpte)) {
          yield* k.set_pte_at(pte, e.make_migration_entry_read(oldpte));
          pages++;
        }
      }
      k.task.lazyMmu = false;
      yield* k.spin_unlock(ptl);
      k.m.cost.entriesChanged += pages;
      return pages;
    },

    *change_huge_pmd(k, vma, pmd, addr, newprot, cp_flags) {
      const mkwrite = (cp_flags & MM_CP_MKWRITE) !== 0 && (vma.vm_flags & VM_WRITE) !== 0;
      let ptl = yield* k.__pmd_trans_huge_lock(pmd, vma);
      if (!ptl) return 0;
      const prot_numa = (cp_flags & MM_CP_PROT_NUMA) !== 0;
      const value = yield* k.pmd_get(pmd);
      const preserve_write = prot_numa && e.pmd_write(value);
      let do_mkwrite = false;
      if (mkwrite && e.pmd_present(value) && !e.pmd_write(value)) {
        const page = e.pmd_pfn(value);
        k.VM_BUG_ON(
          !k.PageTransHuge(page),
          'mm/huge_memory.c:change_huge_pmd(): not the head of a huge page',
        );
        yield* k.get_page(page);
        if (!(yield* k.trylock_page(page))) {
          yield* k.spin_unlock(ptl);
          yield* k.lock_page(page);
          ptl = yield* k.__pmd_trans_huge_lock(pmd, vma);
          if (!ptl) {
            yield* k.unlock_page(page);
            yield* k.put_page(page);
            return 0;
          }
        }
        const isSame = e.pmd_same(yield* k.pmd_get(pmd), value);
        do_mkwrite = isSame && (yield* k.reuse_swap_page(page)).reuse;
        yield* k.unlock_page(page);
        yield* k.put_page(page);
      }
      const now = yield* k.pmd_get(pmd);
      if (e.is_swap_pmd(now)) {
        k.VM_BUG_ON(!e.is_pmd_migration_entry(now), 'mm/huge_memory.c:change_huge_pmd(): unknown entry');
        if (e.is_write_migration_entry(now)) yield* k.set_pmd_at(pmd, e.make_migration_entry_read(now));
        yield* k.spin_unlock(ptl);
        return 1;
      }
      if (prot_numa && (k.is_huge_zero_page(e.pmd_pfn(now)) || e.pmd_protnone(now))) {
        yield* k.spin_unlock(ptl);
        return 1;
      }
      let entry = e.pmd_modify(yield* k.pmdp_invalidate(vma.vm_mm, pmd), newprot);
      if (preserve_write) entry = e.pmd_mk_savedwrite(entry);
      if (do_mkwrite) entry = e.pmd_mkwrite(entry);
      yield* k.set_pmd_at(pmd, entry);
      k.BUG_ON(
        k.vma_is_anonymous(vma) && !preserve_write && !do_mkwrite && e.pmd_write(entry),
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
