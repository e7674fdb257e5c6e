import {
  defineVariant,
  entry as e,
  flags,
  type Kernel,
  type KRun,
  mainline,
  mmCountersObject,
  NO_PAGE,
  type Vma,
} from '../core';

const { MM_CP_UFFD_WP, MM_CP_UFFD_WP_RESOLVE } = mainline;
const { VM_FAULT_WRITE } = flags;

function* raise_wrprotect_tlb_flush_pending(k: Kernel, vma: Vma, by: 1 | -1): KRun<void> {
  const sign = by > 0 ? '++' : '--';
  // As for tlb_flush_pending: steps that count commute, the one that asks depends on them.
  yield* k.step(`wrprotect_tlb_flush_pending${sign}`, mmCountersObject(vma.vm_mm.id), false, () => {
    vma.wrprotect_tlb_flush_pending = (vma.wrprotect_tlb_flush_pending ?? 0) + by;
  });
}

/** Flushes the page if somebody took RW from entries of this mapping and has not flushed yet. */
function* sync_wrprotect_tlb_flush_pending(k: Kernel, vma: Vma, address: Vma['vm_start']): KRun<void> {
  const pending = yield* k.step(
    'wrprotect_tlb_flush_pending?',
    mmCountersObject(vma.vm_mm.id),
    true,
    () => (vma.wrprotect_tlb_flush_pending ?? 0) > 0,
  );
  if (pending) yield* k.flush_tlb_page(vma.vm_mm, address);
}

/** A counter in each mapping says that a flush is still to come; whoever copies a page looks at it. */
export default defineVariant({
  meta: {
    id: 'wrprotect-flush-counter',
    title: 'A counter per mapping of flushes to come; copy-on-write flushes if it is raised',
    author: 'Andrea Arcangeli',
    subject: '[PATCH 2/2] mm: soft_dirty: userfaultfd: introduce wrprotect_tlb_flush_pending',
    messageId: '<20210107200402.31095-3-aarcange@redhat.com>',
    date: '2021-01-07',
    base: 'linux-5.9',
    supersedes: ['wp-under-write-lock'],
    touches: ['mm/memory.c:wp_page_copy', 'mm/mprotect.c:change_protection_range'],
    reported: [
      {
        outcome: 'works',
        by: '<20210107200402.31095-3-aarcange@redhat.com>',
        note: 'the selftest finds no corruption',
      },
      {
        outcome: 'rejected',
        by: '<CAHk-=whjS3pUZRJLR_HdgB0_1Sd4gWXUbLLyShKxOg0ySCdnUA@mail.gmail.com>',
        note: 'too much machinery in every mapping for a rare feature',
      },
    ],
    builds: true,
    notes: ['what the patch does in clear_refs_write() is not here: there 4.19 flushes everything'],
  },
  kernel: {
    *wp_page_copy(k, vmf) {
      const { vma, address, orig_pte } = vmf;
      const old_page = vmf.page;
      k.anon_vma_prepare(vma);
      const new_page = k.alloc_page(1, k.numa_node_id());
      if (!k.is_zero_pfn(e.pte_pfn(orig_pte))) {
        yield* sync_wrprotect_tlb_flush_pending(k, vma, address);
        yield* k.cow_user_page(new_page, old_page, vmf);
      }
      k.__SetPageUptodate(new_page);

      vmf.pte = yield* k.pte_offset_map_lock(vmf.pmd, address);
      const isSame = e.pte_same(yield* k.pte_get(vmf.pte), orig_pte);
      if (isSame) {
        const entry = k.maybe_mkwrite(e.pte_mkdirty(e.mk_pte(new_page, vma.vm_page_prot)), vma);
        yield* k.ptep_clear_flush(vma.vm_mm, vmf.pte);
        yield* k.page_add_new_anon_rmap(new_page, vma, address, false);
        yield* k.lru_cache_add(new_page);
        yield* k.set_pte_at(vmf.pte, entry);
        if (old_page !== NO_PAGE) yield* k.page_remove_rmap(old_page, false);
      }
      const unused = isSame ? old_page : new_page;
      if (unused !== NO_PAGE) yield* k.put_page(unused);
      yield* k.pte_unmap_unlock(vmf.pte);
      if (old_page !== NO_PAGE) yield* k.put_page(old_page);
      return isSame ? VM_FAULT_WRITE : 0;
    },

    *change_protection_range(k, vma, start, end, newprot, cp_flags) {
      k.BUG_ON(start >= end, 'mm/mprotect.c:change_protection_range(): empty range');
      const mm = vma.vm_mm;
      const isUffd = (cp_flags & (MM_CP_UFFD_WP | MM_CP_UFFD_WP_RESOLVE)) !== 0;
      yield* k.inc_tlb_flush_pending(mm);
      if (isUffd) yield* raise_wrprotect_tlb_flush_pending(k, vma, 1);
      const pages = yield* k.change_upper_range(vma, mm.pgd, start, end, newprot, cp_flags);
      if (pages > 0) yield* k.flush_tlb_range(mm, start, end);
      if (isUffd) yield* raise_wrprotect_tlb_flush_pending(k, vma, -1);
      yield* k.dec_tlb_flush_pending(mm);
      return pages;
    },
  },
});
