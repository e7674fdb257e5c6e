import { defineVariant, entry as e, flags, mainline, NO_PAGE, PmdWalk, type Pte, type Vma } from '../core';

const { EINVAL, VM_FAULT_WRITE, VM_SHARED, VM_SOFTDIRTY, VM_UFFD_WP, VM_WRITE, withoutFlags } = flags;
const { CLEAR_REFS_ALL, CLEAR_REFS_SOFT_DIRTY } = mainline;

const userfaultfd_pte_wp = (vma: Vma, pte: Pte): boolean =>
  (vma.vm_flags & VM_UFFD_WP) !== 0 && e.pte_uffd_wp(pte);

const isSharedWritable = (vma: Vma): boolean =>
  (vma.vm_flags & (VM_WRITE | VM_SHARED)) === (VM_WRITE | VM_SHARED);

/** A write fault in an armed mapping flushes its page first if somebody's flush is still to come. */
export default defineVariant({
  meta: {
    id: 'linux-5.12',
    kind: 'kernel',
    title: 'Linux 5.12: a write fault flushes first where a protection change has not yet',
    author: 'Nadav Amit',
    subject: 'mm/userfaultfd: fix memory corruption due to writeprotect',
    messageId: '',
    date: '2021-04-25',
    base: 'linux-5.9',
    supersedes: ['wp-under-write-lock', 'wrprotect-flush-counter'],
    touches: [
      'mm/memory.c:do_wp_page',
      'mm/vmscan.c:shrink_page_list',
      'fs/proc/task_mmu.c:clear_refs_write',
      'fs/proc/task_mmu.c:clear_soft_dirty',
    ],
    commits: [
      '6ce64428d620 ("mm/userfaultfd: fix memory corruption due to writeprotect")',
      'feb889fb40fa ("mm: don\'t put pinned pages into the swap cache")',
      '912efa17e512 ("mm: proc: Invalidate TLB after clearing soft-dirty page state")',
      '29a951dfb3c3 ("mm: fix clear_refs_write locking")',
      '9348b73c2e1b ("mm: don\'t play games with pinned pages in clear_page_refs")',
    ],
    reported: [{ outcome: 'merged', by: '', note: 'in Linux 5.12, and in 5.10 and 5.11 stable' }],
    builds: true,
  },
  kernel: {
    *do_wp_page(k, vmf) {
      const { vma } = vmf;
      if (userfaultfd_pte_wp(vma, vmf.orig_pte)) {
        yield* k.pte_unmap_unlock(vmf.pte!);
        return yield* k.handle_userfault(vmf, VM_UFFD_WP);
      }
      // The entry may have lost RW a moment ago, and other CPUs may still write through it.
      if (vma.vm_flags & VM_UFFD_WP && (yield* k.mm_tlb_flush_pending(vma.vm_mm))) {
        yield* k.flush_tlb_page(vma.vm_mm, vmf.address);
      }
      vmf.page = k.vm_normal_page(vma, vmf.address, vmf.orig_pte) ?? NO_PAGE;
      const { page } = vmf;
      if (page === NO_PAGE) {
        if (isSharedWritable(vma)) return yield* k.wp_pfn_shared(vmf);
        yield* k.pte_unmap_unlock(vmf.pte!);
        return yield* k.wp_page_copy(vmf);
      }
      if (k.PageAnon(page)) {
        const mayReuse = !k.PageKsm(page) && (yield* k.page_count(page)) === 1;
        if (mayReuse && (yield* k.trylock_page(page))) {
          const isOurs =
            !k.PageKsm(page) && (yield* k.page_mapcount(page)) === 1 && (yield* k.page_count(page)) === 1;
          yield* k.unlock_page(page);
          if (isOurs) {
            yield* k.wp_page_reuse(vmf);
            return VM_FAULT_WRITE;
          }
        }
      } else if (isSharedWritable(vma)) {
        return yield* k.wp_page_shared(vmf);
      }
      yield* k.get_page(page);
      yield* k.pte_unmap_unlock(vmf.pte!);
      return yield* k.wp_page_copy(vmf);
    },

    *reclaim_leaves_pinned(k, page) {
      return yield* k.page_maybe_dma_pinned(page);
    },
    /** Under mmap_sem for writing, so that nobody copies a page that others go on writing; and flushed at the end. */
    *clear_refs_write(k, mm, type) {
      if (type < CLEAR_REFS_ALL || type > CLEAR_REFS_SOFT_DIRTY) return -EINVAL;
      const soft = type === CLEAR_REFS_SOFT_DIRTY;
      yield* k.down_write(mm.mmap_sem);
      for (const vma of soft ? mm.mmap : []) {
        if (!(vma.vm_flags & VM_SOFTDIRTY)) continue;
        vma.vm_flags = withoutFlags(vma.vm_flags, VM_SOFTDIRTY);
        k.vma_set_page_prot(vma);
      }
      if (soft) yield* k.inc_tlb_flush_pending(mm);
      for (const vma of mm.mmap) {
        if (!k.clear_refs_test_walk(vma, type)) continue;
        for (const walk = new PmdWalk(mm, vma.vm_start, vma.vm_end); walk.advance(); ) {
          yield* k.clear_refs_pte_range(vma, walk.pmd, walk.addr, walk.next, type);
        }
      }
      if (soft) {
        yield* k.flush_tlb_mm(mm);
        yield* k.dec_tlb_flush_pending(mm);
      }
      yield* k.up_write(mm.mmap_sem);
      return 0;
    },

    /** What loses RW is copied at the next write, and whoever has pinned the page is left with the old one. */
    *clear_soft_dirty(k, vma, addr, pte, ptent) {
      const isWritable = e.pte_present(ptent) && e.pte_write(ptent);
      const page = isWritable ? k.vm_normal_page(vma, addr, ptent) : null;
      if (page !== null && (yield* k.page_needs_cow_for_dma(vma, page))) return;
      yield* mainline.clear_soft_dirty(k, vma, addr, pte, ptent);
    },
  },
});
