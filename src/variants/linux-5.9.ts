import { defineVariant, entry as e, flags, mainline, NO_PAGE, type Pte, type Vma } from '../core';

const { FOLL_PIN, is_cow_mapping, VM_FAULT_FALLBACK, VM_FAULT_WRITE, VM_SHARED, VM_UFFD_WP, VM_WRITE } =
  flags;

const userfaultfd_pte_wp = (vma: Vma, pte: Pte): boolean =>
  (vma.vm_flags & VM_UFFD_WP) !== 0 && e.pte_uffd_wp(pte);

const isSharedWritable = (vma: Vma): boolean =>
  (vma.vm_flags & (VM_WRITE | VM_SHARED)) === (VM_WRITE | VM_SHARED);

/** A write to a page of which anybody holds another reference gets a copy. */
export default defineVariant({
  meta: {
    id: 'linux-5.9',
    kind: 'kernel',
    title: 'Linux 5.9: a page is written in place only if nobody else has a reference',
    author: 'Linus Torvalds',
    subject: 'mm: do_wp_page() simplification',
    messageId: '',
    date: '2020-10-11',
    base: 'uffd-wp-bit',
    supersedes: [],
    touches: [
      'mm/memory.c:do_wp_page',
      'mm/huge_memory.c:do_huge_pmd_wp_page',
      'mm/huge_memory.c:__split_huge_pmd',
      'mm/process_vm_access.c:process_vm_rw_single_vec',
      'mm/memory.c:tlb_flush_mmu_tlbonly',
      'include/linux/mm.h:page_needs_cow_for_dma',
    ],
    commits: [
      '0758cd830494 ("asm-generic/tlb: avoid potential double flush")',
      '3917c80280c9 ("thp: change CoW semantics for anon-THP")',
      'c444eb564fb1 ("mm: thp: make the THP mapcount atomic against __split_huge_pmd_locked()")',
      '09854ba94c6a ("mm: do_wp_page() simplification")',
      'be068f29034f ("mm: fix misplaced unlock_page in do_wp_page()")',
      '803e4572d7ab ("mm/process_vm_access: set FOLL_PIN via pin_user_pages_remote()")',
      '008cfe4418b3 ("mm: Introduce mm_struct.has_pinned")',
      '70e806e4e645 ("mm: Do early cow for pinned pages during fork() for ptes")',
      'd042035eaf5f ("mm/thp: Split huge pmds/puds if they\'re pinned when fork()")',
    ],
    reported: [
      {
        outcome: 'fails',
        by: '<20201219043006.2206347-1-namit@vmware.com>',
        note: 'the userfaultfd selftest finds corrupted memory: a page is copied while another CPU writes it',
      },
    ],
    builds: true,
    notes: [
      'on the functions of 4.19 and 5.7: what 5.9 changed elsewhere is not here',
      'pins are here and not in 5.7, where nobody asks for them',
    ],
  },
  kernel: {
    *do_wp_page(k, vmf) {
      const { vma } = vmf;
      if (userfaultfd_pte_wp(vma, vmf.orig_pte)) {
        yield* k.pte_unmap_unlock(vmf.pte!);
        return yield* k.handle_userfault(vmf, VM_UFFD_WP);
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

    /** Huge pages are no longer copied whole: what is shared is split, and the PTE is copied. */
    *do_huge_pmd_wp_page(k, vmf, orig_pmd) {
      const { vma, pmd } = vmf;
      k.VM_BUG_ON(vma.anon_vma === 0, 'mm/huge_memory.c:do_huge_pmd_wp_page(): no anon_vma');
      const page = e.pmd_pfn(orig_pmd);
      if (!k.is_huge_zero_page(page)) {
        const ptl = k.pmd_lockptr(pmd);
        yield* k.spin_lock(ptl);
        const isSame = e.pmd_same(yield* k.pmd_get(pmd), orig_pmd);
        if (!isSame || !(yield* k.lockHugePageUnderLock(vmf, orig_pmd))) {
          yield* k.spin_unlock(ptl);
          return 0;
        }
        const { reuse } = yield* k.reuse_swap_page(page);
        if (reuse) {
          const entry = k.maybe_mkwrite(e.pmd_mkdirty(e.pmd_mkyoung(orig_pmd)), vma);
          yield* k.ptep_set_access_flags(pmd, entry, true);
        }
        yield* k.unlock_page(page);
        yield* k.spin_unlock(ptl);
        if (reuse) return VM_FAULT_WRITE;
      }
      yield* k.__split_huge_pmd(vma, pmd, vmf.address, false, null);
      return VM_FAULT_FALLBACK;
    },

    /** Locks the page, so that reuse_swap_page() elsewhere does not add up counts that are half changed. */
    *__split_huge_pmd(k, vma, pmd, addr, freeze, page) {
      k.VM_BUG_ON(freeze && page === null, 'mm/huge_memory.c:__split_huge_pmd(): freeze without a page');
      const ptl = k.pmd_lockptr(pmd);
      yield* k.spin_lock(ptl);
      let locked = NO_PAGE;
      for (;;) {
        const value = yield* k.pmd_get(pmd);
        const isHuge = e.pmd_trans_huge(value);
        const head = e.pmd_pfn(value);
        if (page !== null && !(isHuge && head === page)) break;
        if (page === null && isHuge && k.PageAnon(head) && locked === NO_PAGE) {
          if (!(yield* k.trylock_page(head))) {
            yield* k.get_page(head);
            yield* k.spin_unlock(ptl);
            yield* k.lock_page(head);
            yield* k.spin_lock(ptl);
            const isSame = e.pmd_same(yield* k.pmd_get(pmd), value);
            if (!isSame) yield* k.unlock_page(head);
            yield* k.put_page(head);
            if (!isSame) continue;
          }
          locked = head;
        }
        if (isHuge || e.pmd_devmap(value) || e.is_pmd_migration_entry(value)) {
          yield* k.__split_huge_pmd_locked(vma, pmd, pmd.va, freeze);
        }
        break;
      }
      yield* k.spin_unlock(ptl);
      if (locked !== NO_PAGE) yield* k.unlock_page(locked);
    },

    *process_vm_pages(k, mm, addr, foll_flags, locked) {
      return yield* k.__get_user_pages_locked(mm, addr, foll_flags | FOLL_PIN, locked);
    },
    *process_vm_release(k, page) {
      yield* k.unpin_user_pages_dirty_lock(page);
    },
    /** Of everything no more is flushed than was gathered: clear_refs gathers nothing, and does not flush any more. */
    *tlb_flush_mmu_tlbonly(k, tlb) {
      if (tlb.start < tlb.end) yield* mainline.tlb_flush_mmu_tlbonly(k, tlb);
    },
    /** So that what is written to the page stays with the parent, whose page may be no other one by then. */
    *page_needs_cow_for_dma(k, vma, page) {
      if (!is_cow_mapping(vma.vm_flags) || !vma.vm_mm.hasPinned) return false;
      return yield* k.page_maybe_dma_pinned(page);
    },
  },
});
