import {
  defineVariant,
  entry as e,
  entryObject,
  flags,
  type Kernel,
  type KRun,
  mainline,
  NO_PAGE,
  PAGE_SIZE,
  type Pfn,
  PmdWalk,
  type Pte,
  plus,
  type Vma,
  vaddr,
} from '../core';

const { EFAULT, EINVAL, FAULT_FLAG_UNSHARE, VM_FAULT_FALLBACK, VM_FAULT_WRITE, VM_SHARED, VM_UFFD_WP } =
  flags;
const { UFFD_FEATURE_WP_ASYNC } = mainline;

const userfaultfd_pte_wp = (vma: Vma, pte: Pte): boolean =>
  (vma.vm_flags & VM_UFFD_WP) !== 0 && e.pte_uffd_wp(pte);

const userfaultfd_wp_async = (vma: Vma): boolean =>
  ((vma.vm_userfaultfd_ctx?.features ?? 0) & UFFD_FEATURE_WP_ASYNC) !== 0;

/** A huge page is ours if no other process maps any of it and nobody but its mappings has a reference. */
function* reusesLargeFolio(k: Kernel, page: Pfn, vma: Vma): KRun<boolean> {
  const head = k.m.compound_head(page);
  const mapcount = yield* k.changelessMapcount('large_mapcount', head, () => k.mappingsOf(head));
  if (mapcount <= 1 || (yield* k.folio_maybe_mapped_shared(head, vma.vm_mm))) return false;
  return mapcount === (yield* k.page_count(head));
}

function* wp_can_reuse_anon_folio(k: Kernel, page: Pfn, vma: Vma): KRun<boolean> {
  if (k.PageTransCompound(page)) return yield* reusesLargeFolio(k, page, vma);
  if (k.PageKsm(page) || (yield* k.page_count(page)) > 3) return false;
  if (!(yield* k.PageLRU(page))) yield* k.lru_add_drain();
  if ((yield* k.page_count(page)) > 1 + ((yield* k.PageSwapCache(page)) ? 1 : 0)) return false;
  if (!(yield* k.trylock_page(page))) return false;
  if (yield* k.PageSwapCache(page)) yield* k.try_to_free_swap(page);
  const isOurs = !k.PageKsm(page) && (yield* k.page_count(page)) === 1;
  if (isOurs) yield* k.page_move_anon_rmap(page, vma);
  yield* k.unlock_page(page);
  return isOurs;
}

/** A write to the huge zero page gets a huge page again, and parts of a huge page may be used again. */
export default defineVariant({
  meta: {
    id: 'linux-6.18',
    kind: 'kernel',
    title: 'Linux 6.18 LTS: reuse of huge pages that PTEs map; unregistering is for the owner',
    author: 'David Hildenbrand and others',
    subject: 'Linux 6.18',
    messageId: '',
    date: '2025-11-30',
    base: 'linux-6.12',
    supersedes: [],
    touches: [
      'mm/mmap.c:is_mergeable_anon_vma',
      'mm/memory.c:do_wp_page',
      'mm/huge_memory.c:do_huge_pmd_wp_page',
      'include/linux/mm.h:folio_maybe_mapped_shared',
      'mm/khugepaged.c:khugepaged_scan_pmd',
      'mm/memory.c:zap_page_range',
      'mm/madvise.c:madvise_dontneed_free',
      'mm/mremap.c:mremap_to',
      'mm/mremap.c:do_mremap',
      'fs/userfaultfd.c:userfaultfd_unregister',
    ],
    commits: [
      '1da190f4d0a6 ("mm: Copy-on-Write (COW) reuse support for PTE-mapped THP")',
      '6375e95f381e ("mm: pgtable: reclaim empty PTE page in madvise(MADV_DONTNEED)")',
      '879bca0a2c4f ("mm/vma: fix incorrectly disallowed anonymous VMA merges")',
    ],
    reported: [],
    builds: true,
    notes: [
      'batches of PTEs that change protection together are changed one by one here',
      'between the mappings that mremap() moves together mmap_lock is released here',
    ],
  },
  kernel: {
    /** What was never touched merges with what was, whichever of the two grows, unless a fork made that one. */
    is_mergeable_anon_vma(_k, one, other, neighbour) {
      if (one.length > 0 && other.length > 0) return one.at(-1) === other.at(-1);
      return neighbour === null || (one.length < 2 && other.length < 2);
    },
    *do_wp_page(k, vmf) {
      const unshare = (vmf.flags & FAULT_FLAG_UNSHARE) !== 0;
      const { vma } = vmf;
      if (!unshare) {
        if (userfaultfd_pte_wp(vma, vmf.orig_pte)) {
          if (!userfaultfd_wp_async(vma)) {
            yield* k.pte_unmap_unlock(vmf.pte!);
            return yield* k.handle_userfault(vmf, VM_UFFD_WP);
          }
          vmf.orig_pte = e.pte_clear_uffd_wp(vmf.orig_pte);
          yield* k.set_pte_at(vmf.pte!, vmf.orig_pte);
        }
        if (vma.vm_flags & VM_UFFD_WP && (yield* k.mm_tlb_flush_pending(vma.vm_mm))) {
          yield* k.flush_tlb_page(vma.vm_mm, vmf.address);
        }
      }
      vmf.page = k.vm_normal_page(vma, vmf.address, vmf.orig_pte) ?? NO_PAGE;
      const { page } = vmf;
      if (vma.vm_flags & VM_SHARED) {
        return yield* page === NO_PAGE ? k.wp_pfn_shared(vmf) : k.wp_page_shared(vmf);
      }
      const isAnon = page !== NO_PAGE && k.PageAnon(page);
      const isExclusive = isAnon && (yield* k.PageAnonExclusive(page));
      if (isExclusive || (isAnon && (yield* wp_can_reuse_anon_folio(k, page, vma)))) {
        if (!isExclusive) yield* k.SetPageAnonExclusive(page);
        if (unshare) yield* k.pte_unmap_unlock(vmf.pte!);
        else yield* k.wp_page_reuse(vmf);
        return 0;
      }
      if (page !== NO_PAGE) yield* k.get_page(page);
      yield* k.pte_unmap_unlock(vmf.pte!);
      return yield* k.wp_page_copy(vmf);
    },

    *do_huge_pmd_wp_page(k, vmf, orig_pmd) {
      const { vma, pmd } = vmf;
      k.VM_BUG_ON(vma.anon_vma === 0, 'mm/huge_memory.c:do_huge_pmd_wp_page(): no anon_vma');
      const page = e.pmd_pfn(orig_pmd);
      // Whoever has a huge entry gets a huge page, whatever the mapping or the machine says of them by now.
      if (k.is_huge_zero_page(page)) return yield* k.do_huge_pmd_wp_page_alloc(vmf, orig_pmd, NO_PAGE);
      const ptl = k.pmd_lockptr(pmd);
      yield* k.spin_lock(ptl);
      if (!e.pmd_same(yield* k.pmd_get(pmd), orig_pmd)) {
        yield* k.spin_unlock(ptl);
        return 0;
      }
      let isOurs = yield* k.PageAnonExclusive(page);
      if (!isOurs) {
        if (!(yield* k.lockHugePageUnderLock(vmf, orig_pmd))) {
          yield* k.spin_unlock(ptl);
          return 0;
        }
        isOurs = yield* k.PageAnonExclusive(page);
        if (!isOurs && (yield* k.page_count(page)) === 1) {
          yield* k.page_move_anon_rmap(page, vma);
          isOurs = true;
        }
        yield* k.unlock_page(page);
      }
      if (isOurs) {
        const entry = k.maybe_mkwrite(e.pmd_mkdirty(e.pmd_mkyoung(orig_pmd)), vma);
        yield* k.ptep_set_access_flags(pmd, entry, true);
      }
      yield* k.spin_unlock(ptl);
      if (isOurs) return VM_FAULT_WRITE;
      yield* k.__split_huge_pmd(vma, pmd, vmf.address, false, null);
      return VM_FAULT_FALLBACK;
    },

    /** By walking: the kernel keeps the mms that map a huge page in it. */
    *folio_maybe_mapped_shared(k, head, mm) {
      const leaves = () => k.rmap_walk(head).map(({ slot }) => entryObject(slot.table.id, slot.index));
      return yield* k.stepOn('mapped elsewhere?', leaves, 0, () =>
        k.rmap_walk(head).some((one) => {
          const entry = one.slot.peek();
          // A huge entry that is being split has P cleared and is a mapping all the same.
          const isLeaf = one.huge ? e.pmd_present(entry) : e.pte_present(entry);
          const page = e.pte_pfn(entry);
          return one.mm !== mm && isLeaf && k.m.pfn_valid(page) && k.m.compound_head(page) === head;
        }),
      );
    },

    /** Nothing need be writable. */
    scanVerdict(k, { forced, unmapped, referenced }) {
      const wanted = unmapped > 0 ? k.m.HPAGE_PMD_NR / 2 : 1;
      return referenced >= wanted || forced ? 'succeed' : 'lack_referenced_page';
    },

    /** Tables of PTEs that this leaves empty go, unless others run beside: then they stay here. */
    *zap_page_range(k, vma, start, end) {
      yield* mainline.zap_page_range(k, vma, start, end);
      if (!k.m.solo) return;
      for (const walk = new PmdWalk(vma.vm_mm, start, end); walk.advance(); ) {
        const { pmd, addr, next } = walk;
        const table = pmd.table.child.get(pmd.index);
        const isEmptied = next - addr === k.m.HPAGE_PMD_SIZE && table?.entries.every((entry) => entry === 0);
        if (isEmptied) yield* k.pmd_clear_table(pmd);
      }
    },

    /** From 6.17 on the end of the range is that of the mapping that was found again, and the rest comes next. */
    madvise_rest: (_k, to) => to,

    /** What is to move is looked at before what lies at its new place is unmapped. */
    *mremap_to(k, mm, addr, old_len, new_addr, new_len, events) {
      const overlaps = addr + old_len > new_addr && new_addr + new_len > addr;
      if (new_addr % PAGE_SIZE !== 0 || overlaps) return -EINVAL;
      const vma = k.vma_to_resize(mm, addr, Math.min(old_len, new_len), new_len);
      if (typeof vma === 'number') return vma;
      return yield* mainline.mremap_to(k, mm, addr, old_len, new_addr, new_len, events);
    },

    /** Several mappings move together, each with the distance that it has from the one before. */
    *do_mremap(k, mm, addr, old_len, new_len, new_addr) {
      const vmas = mm.mmap.filter((vma) => vma.vm_start < addr + old_len && vma.vm_end > addr);
      const [first] = vmas;
      const isMoveOnly = new_addr !== null && old_len === new_len && addr % PAGE_SIZE === 0;
      const overlaps = new_addr !== null && addr + old_len > new_addr && new_addr + new_len > addr;
      if (!first || !isMoveOnly || overlaps || first.vm_start > addr || first.vm_end >= addr + old_len) {
        return yield* mainline.do_mremap(k, mm, addr, old_len, new_len, new_addr);
      }
      // Who reads the userfaultfd is told without mmap_lock, which is only let go of at the end.
      if (first.vm_userfaultfd_ctx !== null) return -EFAULT;
      const parts = vmas.map(({ vm_start, vm_end }) => {
        const from = vaddr(Math.max(vm_start, addr));
        return { from, bytes: Math.min(vm_end, addr + old_len) - from };
      });
      for (const { from, bytes } of parts) {
        if (k.find_vma(mm, from)?.vm_userfaultfd_ctx) return -EFAULT;
        const to = plus(new_addr, from - addr);
        const moved: number = yield* mainline.do_mremap(k, mm, from, bytes, bytes, to);
        if (moved !== to) return moved;
      }
      return new_addr;
    },

    /** Not of somebody else's registration. */
    *userfaultfd_unregister(k, ctx, start, len) {
      const isForeign = (vma: Vma): boolean => {
        const isInside = vma.vm_start < start + len && vma.vm_end > start;
        return isInside && vma.vm_userfaultfd_ctx !== null && vma.vm_userfaultfd_ctx !== ctx;
      };
      if (!ctx.ready || ctx.mm.exited) return yield* mainline.userfaultfd_unregister(k, ctx, start, len);
      yield* k.down_read(ctx.mm.mmap_sem);
      const refused = ctx.mm.mmap.some(isForeign);
      yield* k.up_read(ctx.mm.mmap_sem);
      return refused ? -EINVAL : yield* mainline.userfaultfd_unregister(k, ctx, start, len);
    },
  },
});
