/** Protection changes: un-protecting gives RW back at once where a fault would; a clean exclusive page may have it too. */
import {
  entry as e,
  flags,
  type Kernel,
  type KRun,
  mainline,
  PAGE_SIZE,
  type Pte,
  plus,
  type VariantKernel,
  type Vma,
  vaddr,
} from '../../core';

const { MM_CP_PROT_NUMA, MM_CP_TRY_CHANGE_WRITABLE, MM_CP_UFFD_WP, MM_CP_UFFD_WP_RESOLVE } = mainline;
const { UFFD_FEATURE_WP_ASYNC, UFFD_FEATURE_WP_UNPOPULATED } = mainline;
const { is_cow_mapping, VM_ACCOUNT, VM_SHARED, VM_SOFTDIRTY, VM_UFFD_WP, VM_WRITE } = flags;
const { migrationRead, migrationReadExclusive } = e.SwapType;

const FLUSH_ON_CLEAR = e._PAGE_DIRTY | e._PAGE_PRESENT;
const FLUSH_ON_CHANGE =
  e._PAGE_RW | e._PAGE_USER | e._PAGE_PWT | e._PAGE_PCD | e._PAGE_PSE | e._PAGE_PROTNONE;

/** pte_needs_flush() and huge_pmd_needs_flush(), where A does not change. */
function needsFlush(old: Pte, now: Pte): boolean {
  if (!e.pte_hw_present(old)) return false;
  const diff = old ^ now;
  return (
    (diff & old & FLUSH_ON_CLEAR) !== 0 ||
    (diff & FLUSH_ON_CHANGE) !== 0 ||
    e.pte_exec(old) !== e.pte_exec(now)
  );
}

/** userfaultfd_wp_use_markers(): whether what is not mapped yet can be protected as well. */
function usesMarkers(k: Kernel, vma: Vma): boolean {
  if (!k.vma_is_anonymous(vma)) return true;
  const features = vma.vm_userfaultfd_ctx?.features ?? 0;
  return (features & (UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_ASYNC)) !== 0;
}

const isProtecting = (cp_flags: number): boolean => (cp_flags & MM_CP_UFFD_WP) !== 0;

/** Whether RW is to be given entry by entry, because vm_page_prot does not. */
export function vma_wants_manual_pte_write_upgrade(k: Kernel, vma: Vma): boolean {
  if (!(vma.vm_flags & VM_WRITE)) return false;
  return vma.vm_flags & VM_SHARED ? k.vma_wants_writenotify(vma, vma.vm_page_prot) : true;
}

/** can_change_pte_writable() and can_change_pmd_writable(), which are the same. */
export function* canChangeWritable(k: Kernel, vma: Vma, entry: Pte): KRun<boolean> {
  if (!(vma.vm_flags & VM_WRITE) || e.pte_protnone(entry)) return false;
  const isTracked = k.m.config.softDirty && !(vma.vm_flags & VM_SOFTDIRTY);
  if (isTracked && !e.pte_soft_dirty(entry)) return false;
  if (vma.vm_flags & VM_UFFD_WP && e.pte_uffd_wp(entry)) return false;
  if (vma.vm_flags & VM_SHARED) return e.pte_dirty(entry);
  const page = e.pte_pfn(entry);
  const isNormal = !e.pte_special(entry) && k.m.pfn_valid(page) && !k.is_huge_zero_page(page);
  return isNormal && k.PageAnon(page) && (yield* k.PageAnonExclusive(page));
}

/** Setting the mark clears RW with it. */
function marked(pte: Pte, cp_flags: number): Pte {
  if (isProtecting(cp_flags)) return e.pte_mkuffd_wp(e.pte_wrprotect(pte));
  return cp_flags & MM_CP_UFFD_WP_RESOLVE ? e.pte_clear_uffd_wp(pte) : pte;
}

function swpMarked(k: Kernel, old: Pte, cp_flags: number): Pte {
  if (e.is_pte_marker(old)) return cp_flags & MM_CP_UFFD_WP_RESOLVE ? e.NONE : old;
  const isAnon = e.is_write_migration_entry(old) && k.PageAnon(e.pte_pfn(old));
  const readable = isAnon ? migrationReadExclusive : migrationRead;
  const entry = e.is_write_migration_entry(old) ? e.with_migration_type(old, readable) : old;
  if (isProtecting(cp_flags)) return e.pte_swp_mkuffd_wp(entry);
  return cp_flags & MM_CP_UFFD_WP_RESOLVE ? e.pte_swp_clear_uffd_wp(entry) : entry;
}

export const mprotect: VariantKernel = {
  /** Memory that nobody has touched is accounted no longer. */
  uncharged_flags(k, vma, newflags) {
    const isUntouched = k.vma_is_anonymous(vma) && vma.anon_vma === 0;
    return isUntouched && !(newflags & VM_WRITE) ? flags.withoutFlags(newflags, VM_ACCOUNT) : newflags;
  },

  /** Returns how many entries need a flush: what the kernel gathers in its mmu_gather. */
  *change_pte_range(k, vma, pmd, start, end, newprot, cp_flags) {
    if (yield* k.pmd_trans_unstable(pmd)) return 0;
    const pte = k.m.pte_offset(pmd, start);
    const ptl = k.pte_lockptr(pte);
    yield* k.spin_lock(ptl);
    const prot_numa = (cp_flags & MM_CP_PROT_NUMA) !== 0;
    const isLocal = prot_numa && !(vma.vm_flags & VM_SHARED) && vma.vm_mm.mm_users === 1;
    const target_node = isLocal ? k.numa_node_id() : -1;
    yield* k.flush_tlb_batched_pending(vma.vm_mm);
    let flush = 0;
    for (let addr = start; addr < end; addr = plus(addr, PAGE_SIZE), pte.index++) {
      const seen = yield* k.pte_get(pte);
      if (e.pte_present(seen)) {
        if (prot_numa && (yield* k.numa_skips(vma, addr, seen, target_node))) continue;
        const oldpte = yield* k.ptep_modify_prot_start(pte);
        let ptent = marked(e.pte_modify(oldpte, newprot), cp_flags);
        if (cp_flags & MM_CP_TRY_CHANGE_WRITABLE && !e.pte_write(ptent)) {
          if (yield* canChangeWritable(k, vma, ptent)) ptent = e.pte_mkwrite(ptent);
        }
        yield* k.ptep_modify_prot_commit(pte, ptent);
        if (needsFlush(oldpte, ptent)) flush++;
        k.m.cost.entriesChanged++;
      } else {
        const isBare = e.pte_none(seen);
        if (isBare && !(isProtecting(cp_flags) && usesMarkers(k, vma))) continue;
        const entry = isBare ? e.make_pte_marker() : swpMarked(k, seen, cp_flags);
        if (entry === seen) continue;
        yield* k.set_pte_at(pte, entry);
        k.m.cost.entriesChanged++;
      }
    }
    yield* k.spin_unlock(ptl);
    return flush;
  },

  *numa_skips(k, vma, addr, oldpte, target_node) {
    if (e.pte_protnone(oldpte)) return true;
    const page = k.vm_normal_page(vma, addr, oldpte);
    if (page === null || k.PageKsm(page)) return true;
    const isCow = is_cow_mapping(vma.vm_flags);
    if (isCow && ((yield* k.page_maybe_dma_pinned(page)) || (yield* k.page_mapcount(page)) > 1)) return true;
    if ((yield* k.page_is_file_cache(page)) && (yield* k.PageDirty(page))) return true;
    return target_node === k.m.pages.nid[page];
  },

  *change_pmd_range(k, vma, table, start, end, newprot, cp_flags) {
    const populates = isProtecting(cp_flags) && usesMarkers(k, vma);
    const splits = isProtecting(cp_flags) && !k.vma_is_anonymous(vma);
    let flush = 0;
    for (let addr = start; addr < end; ) {
      const pmd = k.slot(table, table.indexOf(addr));
      const next = vaddr(Math.min(pmd.va + k.m.HPAGE_PMD_SIZE, end));
      const here = addr;
      addr = next;
      if (populates) yield* k.pte_alloc(vma.vm_mm, pmd);
      const value = yield* k.pmd_get(pmd);
      if (e.pmd_none(value)) continue;
      if (e.is_swap_pmd(value) || e.pmd_trans_huge(value) || e.pmd_devmap(value)) {
        if (next - here !== k.m.HPAGE_PMD_SIZE || splits) {
          yield* k.__split_huge_pmd(vma, pmd, here, false, null);
          if (populates) yield* k.pte_alloc(vma.vm_mm, pmd);
        } else {
          const nr = yield* k.change_huge_pmd(vma, pmd, here, newprot, cp_flags);
          if (nr === k.m.HPAGE_PMD_NR) flush += nr;
          if (nr !== 0) continue;
        }
      }
      flush += yield* k.change_pte_range(vma, pmd, here, next, newprot, cp_flags);
      k.might_sleep('cond_resched()');
    }
    return flush;
  },

  *change_protection_range(k, vma, start, end, newprot, cp_flags) {
    k.BUG_ON(start >= end, 'mm/mprotect.c:change_protection_range(): empty range');
    const mm = vma.vm_mm;
    const size = k.m.HPAGE_PMD_SIZE;
    if (isProtecting(cp_flags) && usesMarkers(k, vma)) {
      for (let at: number = start - (start % size); at < end; at += size) k.m.pmd_alloc(mm, vaddr(at));
    }
    yield* k.inc_tlb_flush_pending(mm);
    const flush = yield* k.change_upper_range(vma, mm.pgd, start, end, newprot, cp_flags);
    if (flush > 0) yield* k.flush_tlb_range(mm, start, end);
    yield* k.dec_tlb_flush_pending(mm);
    return flush;
  },

  /** A huge entry, too, may become writable. */
  *change_huge_pmd(k, vma, pmd, _addr, newprot, cp_flags) {
    const ptl = yield* k.__pmd_trans_huge_lock(pmd, vma);
    if (!ptl) return 0;
    const prot_numa = (cp_flags & MM_CP_PROT_NUMA) !== 0;
    const value = yield* k.pmd_get(pmd);
    if (e.is_swap_pmd(value)) {
      k.VM_BUG_ON(!e.is_pmd_migration_entry(value), 'mm/huge_memory.c:change_huge_pmd(): unknown entry');
      const entry = swpMarked(k, value, cp_flags);
      if (entry !== value) yield* k.set_pmd_at(pmd, entry);
      yield* k.spin_unlock(ptl);
      return 1;
    }
    if (prot_numa && (k.is_huge_zero_page(e.pmd_pfn(value)) || e.pmd_protnone(value))) {
      yield* k.spin_unlock(ptl);
      return 1;
    }
    const oldpmd = yield* k.update(pmd, 'invalidate', e.pmd_mknotpresent);
    let entry = marked(e.pmd_modify(oldpmd, newprot), cp_flags);
    if (cp_flags & MM_CP_TRY_CHANGE_WRITABLE && !e.pmd_write(entry)) {
      if (yield* canChangeWritable(k, vma, entry)) entry = e.pmd_mkwrite(entry);
    }
    yield* k.set_pmd_at(pmd, entry);
    k.m.cost.entriesChanged += k.m.HPAGE_PMD_NR;
    yield* k.spin_unlock(ptl);
    return needsFlush(oldpmd, entry) ? k.m.HPAGE_PMD_NR : 1;
  },
};
