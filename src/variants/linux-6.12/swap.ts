/** A page that is read from swap becomes writable at once where a write fault would make it so, also by a read. */
import {
  entry as e,
  flags,
  type Kernel,
  type KRun,
  mainline,
  PAGE_SIZE,
  type Pfn,
  type Pte,
  pfn,
  type Slot,
  type VariantKernel,
  type Vma,
  type VmFault,
} from '../../core';

const { FAULT_FLAG_WRITE, VM_LOCKED, VM_SOFTDIRTY, VM_UFFD_WP, VM_WRITE } = flags;

/** Neither a monitor nor the soft-dirty mark waits for a write fault. */
function mayBeWritten(k: Kernel, vma: Vma, pte: Pte): boolean {
  if (!(vma.vm_flags & VM_WRITE)) return false;
  if (vma.vm_flags & VM_UFFD_WP && e.pte_uffd_wp(pte)) return false;
  return !k.m.config.softDirty || (vma.vm_flags & VM_SOFTDIRTY) !== 0 || e.pte_soft_dirty(pte);
}

/** What a fault maps: one page, or all of a huge page that is in the swap cache, from its first entry on. */
interface Mapped {
  readonly first: Pfn;
  readonly slot: Slot;
  readonly nr: number;
}

/** do_swap_page(), what of a huge page is mapped with the page: all of it where all of its entries are alike. */
function* mappedWith(k: Kernel, vmf: VmFault, page: Pfn): KRun<Mapped> {
  const { vma, address, orig_pte } = vmf;
  const slot = vmf.pte!;
  const alone = { first: page, slot, nr: 1 };
  if (!k.PageTransCompound(page)) return alone;
  const first = k.m.compound_head(page);
  const before = page - first;
  const nr = k.m.HPAGE_PMD_NR;
  const start = address - (address % PAGE_SIZE) - before * PAGE_SIZE;
  const isInside = start >= vma.vm_start && start + nr * PAGE_SIZE <= vma.vm_end;
  if (!isInside || slot.index < before || slot.index - before + nr > k.m.HPAGE_PMD_NR) return alone;
  const from = slot.at(slot.index - before);
  for (let i = 0; i < nr; i++) {
    const entry = yield* k.pte_get(from.at(from.index + i));
    if (!e.pte_same(entry, e.pte_advance_pfn(orig_pte, i - before))) return alone;
  }
  return { first, slot: from, nr };
}

export const swap: VariantKernel = {
  /**
   * Of all of a huge page at once where that can be. A fault that leaves the page write-protected goes on as a write
   * fault, which may wait for the monitor.
   */
  *mapSwappedIn(k, vmf, swapin) {
    const { page, swapcache } = swapin;
    const { vma, orig_pte: entry } = vmf;
    const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
    const isKsm = k.PageKsm(page);
    const mapped = yield* mappedWith(k, vmf, page);
    const before = page - mapped.first;
    for (let i = 0; i < mapped.nr; i++) yield* k.swap_free(e.pte_advance_pfn(entry, i - before));
    if (yield* k.PageSwapCache(page)) {
      const others = k.m.subpages(k.m.compound_head(page)).length;
      const isLast = write && !isKsm && (yield* k.page_count(page)) === 1 + others;
      if (isLast || vma.vm_flags & VM_LOCKED) yield* k.try_to_free_swap(page);
    }
    let pte = k.swapped_in_pte(e.mk_pte(page, vma.vm_page_prot), entry);
    const isMarkedOurs = page !== swapcache || e.pte_swp_exclusive(entry);
    const exclusive = !isKsm && (isMarkedOurs || (yield* k.page_count(page)) === 1);
    if (exclusive && mayBeWritten(k, vma, pte)) {
      pte = e.pte_mkwrite(write ? e.pte_mkdirty(pte) : pte);
      vmf.flags &= ~FAULT_FLAG_WRITE;
    }
    vmf.orig_pte = pte;
    if (mapped.nr > 1) yield* k.get_page(page, mapped.nr - 1);
    for (let i = 0; i < mapped.nr; i++) {
      const slot = mapped.slot.at(mapped.slot.index + i);
      const part = pfn(mapped.first + i);
      if (page === swapcache) {
        yield* k.page_add_anon_rmap(part, vma, slot.va, false, exclusive);
      } else {
        yield* k.page_add_new_anon_rmap(page, vma, vmf.address, false);
        yield* k.lru_cache_add(page);
      }
      yield* k.set_pte_at(slot, e.pte_advance_pfn(pte, i - before));
    }
    yield* k.unlockSwapIn(swapin);
    return 0;
  },

  /** No part of a huge page: it is where it was. */
  *ksm_might_need_to_copy(k, page, vma, address) {
    if (k.PageTransCompound(page)) return page;
    return yield* mainline.ksm_might_need_to_copy(k, page, vma, address);
  },
};
