/**
 * mm/mprotect.c: changing the protection of a range.
 *
 * 4.19 passes `dirty_accountable` and `prot_numa` as two booleans through the whole ladder; here they are bits of
 * one `cp_flags` as from 5.7 on, so that a proposal that adds a parameter replaces only the functions that read it.
 */
import * as e from '../entry';
import { is_cow_mapping, VM_SHARED, VM_SOFTDIRTY } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma } from '../mm';
import { Level, type Slot, type Table } from '../table';
import { type Pgprot, type Pte, plus, type Vaddr, vaddr } from '../units';

export const MM_CP_DIRTY_ACCT = 1 << 0;
export const MM_CP_PROT_NUMA = 1 << 1;
export const MM_CP_UFFD_WP = 1 << 2;
export const MM_CP_UFFD_WP_RESOLVE = 1 << 3;
export const MM_CP_TRY_CHANGE_WRITABLE = 1 << 4;
/** Of the 2018 proposals, never merged. */
export const MM_CP_MKWRITE = 1 << 8;

/**
 * mm/mprotect.c:change_pte_range(). Faithful.
 * Enters with mmap_sem held; returns with it held. Takes the ptl for the whole loop.
 *
 * @returns entries changed, counting those that were rewritten with the value they had
 */
export function* change_pte_range(
  k: Kernel,
  vma: Vma,
  pmd: Slot,
  start: Vaddr,
  end: Vaddr,
  newprot: Pgprot,
  cp_flags: number,
): KRun<number> {
  if (yield* k.pmd_trans_unstable(pmd)) return 0;
  const pte = k.m.pte_offset(pmd, start);
  const ptl = k.pte_lockptr(pte);
  yield* k.spin_lock(ptl);
  const prot_numa = (cp_flags & MM_CP_PROT_NUMA) !== 0;
  const target_node =
    prot_numa && (vma.vm_flags & VM_SHARED) === 0 && vma.vm_mm.mm_users === 1 ? k.numa_node_id() : -1;
  yield* k.flush_tlb_batched_pending(vma.vm_mm);
  let pages = 0;
  for (let addr: number = start; addr < end; addr += 4096, pte.index++) {
    const oldpte = yield* k.pte_get(pte);
    if (e.pte_present(oldpte)) {
      const preserve_write = prot_numa && e.pte_write(oldpte);
      if (prot_numa && (yield* k.numa_skips(vma, vaddr(addr), oldpte, target_node))) continue;
      let ptent = e.pte_modify(yield* k.ptep_modify_prot_start(pte), newprot);
      if (preserve_write) ptent = e.pte_mk_savedwrite(ptent);
      if (avoids_write_fault(vma, ptent, cp_flags)) ptent = e.pte_mkwrite(ptent);
      yield* k.ptep_modify_prot_commit(pte, ptent);
      pages++;
    } else if (e.is_write_migration_entry(oldpte)) {
      // A protection check is enough here: the page is not mapped, so nobody writes it.
      yield* k.set_pte_at(pte, e.make_migration_entry_read(oldpte));
      pages++;
    }
  }
  yield* k.spin_unlock(ptl);
  k.m.cost.entriesChanged += pages;
  return pages;
}

/**
 * mm/mprotect.c:change_pte_range(), the gate that turns D into RW. Faithful.
 * It asks VM_SOFTDIRTY the wrong way round: the flag set means that nothing is tracked (found in 2022, 76aefad628aa).
 * Enters with the ptl held; returns with it held.
 */
export function avoids_write_fault(vma: Vma, ptent: Pte, cp_flags: number): boolean {
  return (
    (cp_flags & MM_CP_DIRTY_ACCT) !== 0 &&
    e.pte_dirty(ptent) &&
    (e.pte_soft_dirty(ptent) || (vma.vm_flags & VM_SOFTDIRTY) === 0)
  );
}

/**
 * mm/mprotect.c:change_pte_range(), the tests that spare an entry from NUMA hinting. Faithful.
 * Enters with the ptl held; returns with it held.
 */
export function* numa_skips(
  k: Kernel,
  vma: Vma,
  addr: Vaddr,
  oldpte: Pte,
  target_node: number,
): KRun<boolean> {
  const page = k.vm_normal_page(vma, addr, oldpte);
  if (page === null || k.PageKsm(page)) return true;
  if (is_cow_mapping(vma.vm_flags) && (yield* k.page_mapcount(page)) !== 1) return true;
  // Dirty file pages cannot be migrated without writing them first, so hinting them is wasted.
  if ((yield* k.page_is_file_cache(page)) && (yield* k.PageDirty(page))) return true;
  if (e.pte_protnone(oldpte)) return true;
  return target_node === k.m.pages.nid[page];
}

/**
 * mm/mprotect.c:change_pmd_range(). Simplified: no mmu notifiers.
 * Enters with mmap_sem held; returns with it held.
 */
export function* change_pmd_range(
  k: Kernel,
  vma: Vma,
  table: Table,
  start: Vaddr,
  end: Vaddr,
  newprot: Pgprot,
  cp_flags: number,
): KRun<number> {
  let pages = 0;
  for (let addr = start; addr < end; ) {
    const pmd = k.slot(table, table.indexOf(addr));
    const next = vaddr(Math.min(pmd.va + k.m.HPAGE_PMD_SIZE, end));
    const here = addr;
    addr = next;
    const value = yield* k.pmd_get(pmd);
    if (e.pmd_none(value)) continue;
    if (e.is_swap_pmd(value) || e.pmd_trans_huge(value) || e.pmd_devmap(value)) {
      if (next - here !== k.m.HPAGE_PMD_SIZE) {
        yield* k.__split_huge_pmd(vma, pmd, here, false, null);
      } else {
        const nr = yield* k.change_huge_pmd(vma, pmd, here, newprot, cp_flags);
        if (nr !== 0) {
          if (nr === k.m.HPAGE_PMD_NR) pages += nr;
          continue;
        }
        // It changed under us: it is a table of PTEs by now, or gone.
      }
    }
    pages += yield* k.change_pte_range(vma, pmd, here, next, newprot, cp_flags);
    k.might_sleep('cond_resched()');
  }
  return pages;
}

/**
 * mm/mprotect.c:change_pud_range(), change_p4d_range(). Faithful; one function, because both levels do the same.
 * Enters with mmap_sem held; returns with it held.
 */
export function* change_upper_range(
  k: Kernel,
  vma: Vma,
  table: Table,
  start: Vaddr,
  end: Vaddr,
  newprot: Pgprot,
  cp_flags: number,
): KRun<number> {
  if (table.level === Level.pmd) return yield* k.change_pmd_range(vma, table, start, end, newprot, cp_flags);
  let pages = 0;
  for (let addr = start; addr < end; ) {
    const index = table.indexOf(addr);
    const next = vaddr(Math.min(plus(table.addressOf(index), table.span), end));
    const child = table.child.get(index);
    if (child) pages += yield* k.change_upper_range(vma, child, addr, next, newprot, cp_flags);
    addr = next;
  }
  return pages;
}

/**
 * mm/mprotect.c:change_protection_range(). Faithful.
 * Enters with mmap_sem held; returns with it held.
 */
export function* change_protection_range(
  k: Kernel,
  vma: Vma,
  start: Vaddr,
  end: Vaddr,
  newprot: Pgprot,
  cp_flags: number,
): KRun<number> {
  k.BUG_ON(start >= end, 'mm/mprotect.c:change_protection_range(): empty range');
  const mm: Mm = vma.vm_mm;
  yield* k.inc_tlb_flush_pending(mm);
  const pages = yield* k.change_upper_range(vma, mm.pgd, start, end, newprot, cp_flags);
  // Only if an entry was modified: an idle range costs no shootdown.
  if (pages > 0) yield* k.flush_tlb_range(mm, start, end);
  yield* k.dec_tlb_flush_pending(mm);
  return pages;
}

/**
 * mm/mprotect.c:change_protection(). Simplified: no hugetlb.
 * Enters with mmap_sem held, for reading (NUMA, userfaultfd) or writing (mprotect); returns with it held.
 *
 * @param cp_flags MM_CP_*: what else to do beside applying `newprot`
 * @returns number of base pages whose entries were rewritten
 */
export function* change_protection(
  k: Kernel,
  vma: Vma,
  start: Vaddr,
  end: Vaddr,
  newprot: Pgprot,
  cp_flags: number,
): KRun<number> {
  return yield* k.change_protection_range(vma, start, end, newprot, cp_flags);
}
