/** mm/mmap.c: from the arguments of mmap(2) to a VMA, and what a device's driver maps at once. */
import * as e from '../entry';
import {
  EINVAL,
  ENOMEM,
  is_cow_mapping,
  VM_ACCOUNT,
  VM_DONTEXPAND,
  VM_HUGETLB,
  VM_IO,
  VM_NORESERVE,
  VM_PFNMAP,
  VM_SHARED,
  VM_SOFTDIRTY,
  VM_WRITE,
  vm_get_page_prot,
  withFlags,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { File, Mm, Vma } from '../mm';
import { PAGE_SIZE, type Pgprot, pfn, plus, type Vaddr, vaddr } from '../units';
import { linkVma, pagesIn, vmaIndexFrom, vmasIn } from '../vma_list';
import type { UnmapCtx } from './userfaultfd_event';

/**
 * mm/mmap.c:mmap_region(). Simplified: no limits, nothing is locked into memory here.
 * Enters with mmap_sem held for write; returns with it held.
 */
export function* mmap_region(
  k: Kernel,
  mm: Mm,
  file: File | null,
  addr: Vaddr,
  len: number,
  flags: number,
  pgoff: number,
  uf?: UnmapCtx[],
): KRun<number> {
  const end = plus(addr, len);
  if (vmasIn(mm, addr, end).length > 0) {
    const error = yield* k.do_munmap(mm, addr, len, uf);
    if (error !== 0) return -ENOMEM;
  }
  const vm_flags = k.accountable_mapping(flags) ? withFlags(flags, VM_ACCOUNT) : flags;
  const prev = mm.mmap[vmaIndexFrom(mm, addr) - 1] ?? null;
  const area = { vm_flags, anon_vma_chain: [], file, pgoff, ctx: null };
  let vma = yield* k.vma_merge(mm, prev, addr, end, area);
  if (vma === null) {
    vma = newVma(k, mm, addr, end, area);
    const error = yield* k.call_mmap(vma);
    if (error !== 0) return error;
    linkVma(k.task, vma);
  }
  // A new mapping, or one that grew, counts as written as a whole: its former contents may have been.
  if (k.m.config.softDirty) vma.vm_flags = withFlags(vma.vm_flags, VM_SOFTDIRTY);
  k.vma_set_page_prot(vma);
  return addr;
}

function newVma(
  k: Kernel,
  mm: Mm,
  vm_start: Vaddr,
  vm_end: Vaddr,
  { vm_flags, file, pgoff }: { vm_flags: number; file: File | null; pgoff: number },
): Vma {
  return {
    vm_mm: mm,
    vm_start,
    vm_end,
    vm_flags,
    vm_page_prot: vm_get_page_prot(vm_flags),
    vm_pgoff: pgoff,
    vm_file: file ?? (vm_flags & VM_SHARED ? k.shmem_zero_setup() : null),
    anon_vma: 0,
    anon_vma_chain: [],
    vm_userfaultfd_ctx: null,
  };
}

/**
 * mm/shmem.c:shmem_zero_setup(). Faithful; shared anonymous memory is a file without a name.
 * Enters with mmap_sem held for write; returns with it held.
 */
export function shmem_zero_setup(k: Kernel): File {
  const file: File = {
    id: k.m.files.length,
    name: 'dev/zero',
    kind: 'shmem',
    page_mkwrite: false,
    accountsDirty: false,
    firstPfn: 0,
    pages: 0,
    cache: new Map(),
    disk: new Map(),
    dirtyTag: new Set(),
    nrDirty: 0,
  };
  k.m.files.push(file);
  return file;
}

/**
 * mm/mmap.c:accountable_mapping(). Faithful.
 * Enters with mmap_sem held for write; returns with it held.
 */
export function accountable_mapping(k: Kernel, vm_flags: number): boolean {
  return (vm_flags & (VM_NORESERVE | VM_SHARED | VM_WRITE | VM_HUGETLB)) === VM_WRITE;
}

/**
 * include/linux/fs.h:call_mmap(). Simplified: a driver maps all of its device memory with remap_pfn_range().
 * Enters with mmap_sem held for write, the VMA not yet linked; returns the same.
 */
export function* call_mmap(k: Kernel, vma: Vma): KRun<number> {
  if (vma.vm_file?.kind !== 'device') return 0;
  const first = vma.vm_file.firstPfn + vma.vm_pgoff;
  return yield* k.remap_pfn_range(vma, vma.vm_start, first, vma.vm_end - vma.vm_start, vma.vm_page_prot);
}

/**
 * mm/memory.c:remap_pfn_range(), with the levels of its walk. Simplified: no cache attributes.
 * Enters with mmap_sem held for write; returns with it held.
 *
 * @param first frame of the device that `addr` shows
 */
export function* remap_pfn_range(
  k: Kernel,
  vma: Vma,
  addr: Vaddr,
  first: number,
  size: number,
  prot: Pgprot,
): KRun<number> {
  const end = plus(addr, size);
  if (is_cow_mapping(vma.vm_flags)) {
    // So that a copied page can be told from the device's: its frame is not the one that the offset names.
    if (addr !== vma.vm_start || end !== vma.vm_end) return -EINVAL;
    vma.vm_pgoff = first;
  }
  vma.vm_flags = withFlags(vma.vm_flags, VM_IO | VM_PFNMAP | VM_DONTEXPAND);
  for (let at = addr; at < end; ) {
    const pmd = k.m.pmd_alloc(vma.vm_mm, at);
    const next = vaddr(Math.min(pmd.va + k.m.HPAGE_PMD_SIZE, end));
    yield* k.pte_alloc(vma.vm_mm, pmd);
    const pte = k.m.pte_offset(pmd, at);
    const ptl = k.pte_lockptr(pte);
    yield* k.spin_lock(ptl);
    for (; at < next; at = plus(at, PAGE_SIZE), pte.index++) {
      k.BUG_ON(!e.pte_none(yield* k.pte_get(pte)), 'mm/memory.c:remap_pte_range(): the entry is in use');
      const frame = pfn(first + pagesIn(addr, at));
      yield* k.set_pte_at(pte, e.pte_mkspecial(e.pfn_pte(frame, prot)));
    }
    yield* k.spin_unlock(ptl);
  }
  return 0;
}
