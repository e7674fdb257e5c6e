/** mm/huge_memory.c: changing the protection of a huge PMD entry, and undoing NUMA hinting. */
import * as e from '../entry';
import type { Kernel, KRun } from '../kernel';
import type { Vma, VmFault } from '../mm';
import type { Slot } from '../table';
import { type Pfn, type Pgprot, type Pte, plus, type Vaddr } from '../units';
import { MM_CP_PROT_NUMA } from './mprotect';

/**
 * mm/huge_memory.c:change_huge_pmd(). Faithful; it is not told of dirty accounting.
 * Enters with mmap_sem held; returns with it held. Takes the pmd lock.
 *
 * @returns 0: not huge any more; 1: looked at; HPAGE_PMD_NR: changed, flush it
 */
export function* change_huge_pmd(
  k: Kernel,
  vma: Vma,
  pmd: Slot,
  addr: Vaddr,
  newprot: Pgprot,
  cp_flags: number,
): KRun<number> {
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
  // Hinting the huge zero page, or twice, is of no use.
  if (prot_numa && (k.is_huge_zero_page(e.pmd_pfn(value)) || e.pmd_protnone(value))) {
    yield* k.spin_unlock(ptl);
    return 1;
  }
  // Not cleared, or MADV_DONTNEED, which holds mmap_sem for reading as well, would take it for empty.
  let entry = e.pmd_modify(yield* k.pmdp_invalidate(vma.vm_mm, pmd), newprot);
  if (preserve_write) entry = e.pmd_mk_savedwrite(entry);
  yield* k.set_pmd_at(pmd, entry);
  k.BUG_ON(
    k.vma_is_anonymous(vma) && !preserve_write && e.pmd_write(entry),
    'mm/huge_memory.c:change_huge_pmd(): anonymous huge entry became writable',
  );
  k.m.cost.entriesChanged += k.m.HPAGE_PMD_NR;
  yield* k.spin_unlock(ptl);
  return k.m.HPAGE_PMD_NR;
}

/**
 * mm/huge_memory.c:do_huge_pmd_numa_page(). Simplified: a page is misplaced if it is not on the CPU's node.
 * Enters with mmap_sem held for reading; returns with it held.
 */
export function* do_huge_pmd_numa_page(k: Kernel, vmf: VmFault, pmd: Pte): KRun<number> {
  const { vma } = vmf;
  const ptl = k.pmd_lockptr(vmf.pmd);
  yield* k.spin_lock(ptl);
  if (!e.pmd_same(yield* k.pmd_get(vmf.pmd), pmd)) {
    yield* k.spin_unlock(ptl);
    return 0;
  }
  const page = e.pmd_pfn(pmd);
  k.BUG_ON(k.is_huge_zero_page(page), 'mm/huge_memory.c:do_huge_pmd_numa_page(): huge zero page');
  const isLocked = yield* k.trylock_page(page);
  const target_nid = k.numa_node_id();
  if (isLocked && target_nid === k.m.pages.nid[page]) {
    yield* k.clear_pmdnuma(vmf, pmd, page);
    yield* k.spin_unlock(ptl);
    return 0;
  }
  if (!isLocked) {
    // Somebody may be migrating it.
    const isThere = yield* k.get_page_unless_zero(page);
    yield* k.spin_unlock(ptl);
    if (isThere) {
      yield* k.wait_on_page_locked(page);
      yield* k.put_page(page);
    }
    return 0;
  }
  yield* k.get_page(page);
  // CPUs that still write through the old translation would write to the page while it is copied.
  if (yield* k.mm_tlb_flush_pending(vma.vm_mm)) {
    yield* k.flush_tlb_range(vma.vm_mm, vmf.pmd.va, plus(vmf.pmd.va, k.m.HPAGE_PMD_SIZE));
  }
  yield* k.spin_unlock(ptl);
  yield* k.migrate_misplaced_transhuge_page(vma.vm_mm, vma, vmf.pmd, pmd, vmf.address, page, target_nid);
  return 0;
}

/**
 * mm/huge_memory.c:do_huge_pmd_numa_page(), where the page stays. Faithful.
 * Enters with the pmd lock held and the page locked; returns with the page unlocked.
 */
export function* clear_pmdnuma(k: Kernel, vmf: VmFault, pmd: Pte, page: Pfn): KRun<void> {
  const entry = e.pmd_mkyoung(e.pmd_modify(pmd, vmf.vma.vm_page_prot));
  yield* k.set_pmd_at(vmf.pmd, e.pmd_savedwrite(pmd) ? e.pmd_mkwrite(entry) : entry);
  yield* k.unlock_page(page);
}
