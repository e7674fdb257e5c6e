/**
 * mm/memory.c: from a fault to the entry that serves it. Faults on write-protected pages are in memory_wp.ts, on
 * swapped ones in memory_swap.ts, on files in memory_file.ts.
 */
import * as e from '../entry';
import {
  FAULT_FLAG_WRITE,
  VM_EXEC,
  VM_FAULT_FALLBACK,
  VM_FAULT_SIGBUS,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_UFFD_MISSING,
  VM_WRITE,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma, VmFault } from '../mm';
import { DEVICE_PFN, NO_PAGE, PG_uptodate } from '../pages';
import type { Run } from '../run';
import { Level, type Slot } from '../table';
import { hex, type Pfn, type Pte, pageAlign, type Vaddr } from '../units';

/**
 * mm/memory.c:handle_mm_fault(). Simplified: no hugetlb, protection keys or memory control groups.
 * Enters with mmap_sem held for reading; returns with it held, unless the result has VM_FAULT_RETRY.
 *
 * @returns VM_FAULT_*
 */
export function handle_mm_fault(k: Kernel, vma: Vma, address: Vaddr, flags: number): Run<number> {
  return k.__handle_mm_fault(vma, address, flags);
}

/**
 * mm/memory.c:__handle_mm_fault(). Simplified: no huge entries at PUD level.
 * Enters with mmap_sem held for reading; returns with it held, unless the result has VM_FAULT_RETRY.
 */
export function* __handle_mm_fault(k: Kernel, vma: Vma, address: Vaddr, flags: number): KRun<number> {
  const page = pageAlign(address);
  const vmf: VmFault = {
    vma,
    flags,
    address: page,
    pgoff: k.linear_page_index(vma, page),
    pmd: k.m.pmd_alloc(vma.vm_mm, page),
    pte: null,
    orig_pte: e.NONE,
    page: NO_PAGE,
    cow_page: NO_PAGE,
  };
  const orig_pmd = yield* k.pmd_get(vmf.pmd);
  if (e.pmd_none(orig_pmd)) {
    if (k.transparent_hugepage_enabled(vma)) {
      const ret = yield* k.create_huge_pmd(vmf);
      if (!(ret & VM_FAULT_FALLBACK)) return ret;
    }
  } else if (e.is_swap_pmd(orig_pmd)) {
    k.VM_BUG_ON(!e.is_pmd_migration_entry(orig_pmd), 'mm/memory.c:__handle_mm_fault(): unknown entry');
    yield* k.pmd_migration_entry_wait(vmf);
    return 0;
  } else if (e.pmd_trans_huge(orig_pmd) || e.pmd_devmap(orig_pmd)) {
    if (e.pmd_protnone(orig_pmd) && k.vma_is_accessible(vma)) {
      return yield* k.do_huge_pmd_numa_page(vmf, orig_pmd);
    }
    if (!(flags & FAULT_FLAG_WRITE) || e.pmd_write(orig_pmd)) {
      yield* k.huge_pmd_set_accessed(vmf, orig_pmd);
      return 0;
    }
    const ret = yield* k.wp_huge_pmd(vmf, orig_pmd);
    if (!(ret & VM_FAULT_FALLBACK)) return ret;
  }
  return yield* k.handle_pte_fault(vmf);
}

/**
 * mm/memory.c:create_huge_pmd(). Simplified: no file has huge pages.
 * Enters with mmap_sem held for reading; returns with it held, unless the result has VM_FAULT_RETRY.
 */
export function* create_huge_pmd(k: Kernel, vmf: VmFault): KRun<number> {
  if (k.vma_is_anonymous(vmf.vma)) return yield* k.do_huge_pmd_anonymous_page(vmf);
  return VM_FAULT_FALLBACK;
}

/**
 * mm/memory.c:wp_huge_pmd(). Simplified: no file has huge pages.
 * Enters with mmap_sem held for reading; returns with it held, unless the result has VM_FAULT_RETRY.
 */
export function* wp_huge_pmd(k: Kernel, vmf: VmFault, orig_pmd: Pte): KRun<number> {
  if (k.vma_is_anonymous(vmf.vma)) return yield* k.do_huge_pmd_wp_page(vmf, orig_pmd);
  k.VM_BUG_ON((vmf.vma.vm_flags & VM_SHARED) !== 0, 'mm/memory.c:wp_huge_pmd(): shared mapping');
  yield* k.__split_huge_pmd(vmf.vma, vmf.pmd, vmf.address, false, null);
  return VM_FAULT_FALLBACK;
}

/**
 * mm/memory.c:handle_pte_fault(). Faithful.
 * Enters with mmap_sem held for reading; returns with it held, unless the result has VM_FAULT_RETRY.
 */
export function* handle_pte_fault(k: Kernel, vmf: VmFault): KRun<number> {
  const { vma, pmd } = vmf;
  const pmdval = yield* k.pmd_get(pmd);
  if (!e.pmd_none(pmdval)) {
    // Huge, or on its way there: the access is tried again. A table of PTEs stays while mmap_sem is held.
    if (!e.pmd_is_table(pmdval)) return 0;
    vmf.pte = k.m.pte_offset(pmd, vmf.address);
    vmf.orig_pte = yield* k.pte_get(vmf.pte);
  }
  if (vmf.pte === null || e.pte_none(vmf.orig_pte)) {
    vmf.pte = null;
    return yield* k.vma_is_anonymous(vma) ? k.do_anonymous_page(vmf) : k.do_fault(vmf);
  }
  if (!e.pte_present(vmf.orig_pte)) return yield* k.do_swap_page(vmf);
  if (e.pte_protnone(vmf.orig_pte) && k.vma_is_accessible(vma)) return yield* k.do_numa_page(vmf);

  yield* k.spin_lock(k.pte_lockptr(vmf.pte));
  let entry = vmf.orig_pte;
  if (e.pte_same(yield* k.pte_get(vmf.pte), entry)) {
    const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
    if (write) {
      if (!e.pte_write(entry)) return yield* k.do_wp_page(vmf);
      entry = e.pte_mkdirty(entry);
    }
    // Unchanged means a spurious fault: another CPU was first, and this one's stale copy is gone by now.
    yield* k.ptep_set_access_flags(vmf.pte, e.pte_mkyoung(entry), write);
  }
  yield* k.pte_unmap_unlock(vmf.pte);
  return 0;
}

/**
 * mm/memory.c:do_anonymous_page(). Simplified: never out of memory, no control groups.
 * Enters with mmap_sem held for reading; returns with it held, unless the result has VM_FAULT_RETRY.
 */
export function* do_anonymous_page(k: Kernel, vmf: VmFault): KRun<number> {
  const { vma, pmd, address } = vmf;
  // A file mapping without operations.
  if (vma.vm_flags & VM_SHARED) return VM_FAULT_SIGBUS;
  yield* k.pte_alloc(vma.vm_mm, pmd);
  if (yield* k.pmd_trans_unstable(pmd)) return 0;

  const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
  let page = k.m.zeroPage;
  let entry = e.pte_mkspecial(e.pfn_pte(page, vma.vm_page_prot));
  if (write) {
    k.anon_vma_prepare(vma);
    page = k.alloc_page(1, k.numa_node_id());
    k.__SetPageUptodate(page);
    entry = e.mk_pte(page, vma.vm_page_prot);
    if (vma.vm_flags & VM_WRITE) entry = e.pte_mkwrite(e.pte_mkdirty(entry));
  }
  vmf.pte = yield* k.pte_offset_map_lock(pmd, address);
  const isFree = e.pte_none(yield* k.pte_get(vmf.pte));
  if (!isFree || vma.vm_flags & VM_UFFD_MISSING) {
    yield* k.pte_unmap_unlock(vmf.pte);
    if (write) yield* k.put_page(page);
    return isFree ? yield* k.handle_userfault(vmf, VM_UFFD_MISSING) : 0;
  }
  if (write) {
    yield* k.page_add_new_anon_rmap(page, vma, address, false);
    yield* k.lru_cache_add(page);
  }
  yield* k.set_pte_at(vmf.pte, entry);
  yield* k.pte_unmap_unlock(vmf.pte);
  return 0;
}

/**
 * mm/memory.c:pte_alloc(). Simplified: never out of memory.
 * Enters with mmap_sem held; returns with it held. Takes the pmd lock.
 */
export function* pte_alloc(k: Kernel, mm: Mm, pmd: Slot): KRun<void> {
  if (!e.pmd_none(yield* k.pmd_get(pmd))) return;
  const lock = k.pmd_lockptr(pmd);
  yield* k.spin_lock(lock);
  if (e.pmd_none(yield* k.pmd_get(pmd)))
    yield* k.pmd_populate(pmd, k.m.newTable(mm.id, Level.pte, pmd.va, k.task.id));
  yield* k.spin_unlock(lock);
}

/**
 * include/linux/mm.h:pte_offset_map_lock(). Faithful.
 * Enters with a table of PTEs below the PMD entry; returns with its ptl held.
 */
export function* pte_offset_map_lock(k: Kernel, pmd: Slot, address: Vaddr): KRun<Slot> {
  const pte = k.m.pte_offset(pmd, address);
  yield* k.spin_lock(k.pte_lockptr(pte));
  return pte;
}

/**
 * include/linux/mm.h:pte_unmap_unlock(). Faithful.
 * Enters with the ptl held; returns with it released.
 */
export function pte_unmap_unlock(k: Kernel, pte: Slot): Run<void> {
  return k.spin_unlock(k.pte_lockptr(pte));
}

/**
 * mm/memory.c:vm_normal_page(). Faithful.
 * Enters with the ptl held, or with an entry that is only looked at; returns the same.
 *
 * @returns null where the mapping does not count references of the page: zero page, device memory
 */
export function vm_normal_page(k: Kernel, vma: Vma, addr: Vaddr, pte: Pte): Pfn | null {
  const page = e.pte_pfn(pte);
  if (e.pte_special(pte)) {
    const isExpected = (vma.vm_flags & (VM_PFNMAP | VM_MIXEDMAP)) !== 0 || k.is_zero_pfn(page);
    if (!isExpected) k.print_bad_pte(vma, addr, pte);
    return null;
  }
  if (page < DEVICE_PFN && k.m.pfn_valid(page)) return page;
  k.print_bad_pte(vma, addr, pte);
  return null;
}

/**
 * mm/memory.c:print_bad_pte(). Simplified: one line.
 * Enters with any lock; returns the same.
 */
export function print_bad_pte(k: Kernel, vma: Vma, addr: Vaddr, pte: Pte): void {
  const flags = hex(vma.vm_flags);
  k.warn(
    'bad page',
    `BUG: Bad page map in ${k.task.name} pte:${hex(pte)} addr:${hex(addr)} vm_flags:${flags}`,
  );
}

/**
 * include/linux/mm.h:maybe_mkwrite(). Faithful.
 * Enters with any lock; returns the same.
 */
export function maybe_mkwrite(k: Kernel, pte: Pte, vma: Vma): Pte {
  return vma.vm_flags & VM_WRITE ? e.pte_mkwrite(pte) : pte;
}

/**
 * include/linux/mm.h:vma_is_anonymous(). Simplified: a mapping without a file is a private one.
 * Enters with mmap_sem held; returns with it held.
 */
export function vma_is_anonymous(k: Kernel, vma: Vma): boolean {
  return vma.vm_file === null;
}

/**
 * mm/memory.c:vma_is_accessible(). Faithful.
 * Enters with mmap_sem held; returns with it held.
 */
export function vma_is_accessible(k: Kernel, vma: Vma): boolean {
  return (vma.vm_flags & (VM_READ | VM_EXEC | VM_WRITE)) !== 0;
}

/**
 * include/linux/pagemap.h:linear_page_index(). Faithful.
 * Enters with mmap_sem held; returns with it held.
 */
export function linear_page_index(k: Kernel, vma: Vma, address: Vaddr): number {
  return vma.vm_pgoff + (address - vma.vm_start) / 4096;
}

/**
 * include/linux/topology.h:numa_node_id(). Simplified: all CPUs are on node 0.
 * Enters with any lock; returns the same.
 */
export function numa_node_id(k: Kernel): number {
  return 0;
}

/**
 * include/linux/mm_inline.h:page_is_file_cache(). Faithful.
 * Enters with any lock; returns the same. True for anonymous pages after MADV_FREE, too.
 */
export function* page_is_file_cache(k: Kernel, page: Pfn): KRun<boolean> {
  return !(yield* k.PageSwapBacked(page));
}

/**
 * include/linux/page-flags.h:__SetPageUptodate(). Faithful: no step, because nobody else knows the page yet.
 * Enters with any lock; returns the same.
 */
export function __SetPageUptodate(k: Kernel, page: Pfn): void {
  k.m.pages.flags[page]! |= PG_uptodate;
}
