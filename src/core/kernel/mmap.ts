/** mm/mmap.c: making mappings, and the protection that they hand to their entries. */
import { pgprot_modify } from '../entry';
import {
  EEXIST,
  EINVAL,
  ENOMEM,
  VM_EXEC,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_NORESERVE,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_SOFTDIRTY,
  VM_WRITE,
  vm_get_page_prot,
  withoutFlags,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { File, Mm, Vma } from '../mm';
import { Level } from '../table';
import { PAGE_SIZE, type Pgprot, type Vaddr, vaddr } from '../units';
import { assertWriteLocked, isPageAligned, pageAlignUp, vmaIndexFrom, vmasIn } from '../vma_list';
import type { UnmapCtx } from './userfaultfd_event';

export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const PROT_EXEC = 4;
export const MAP_FIXED = 0x10;
export const MAP_LOCKED = 0x2000;
export const MAP_NORESERVE = 0x4000;
export const MAP_FIXED_NOREPLACE = 0x100000;

/** vm.mmap_min_addr. */
const MMAP_MIN_ADDR = 65536;

/** The arguments of mmap(2). */
export interface MmapRequest {
  /** A hint, or where it has to be with MAP_FIXED or MAP_FIXED_NOREPLACE. */
  readonly addr?: Vaddr;
  readonly len: number;
  /** PROT_*, which are VM_READ, VM_WRITE and VM_EXEC. */
  readonly prot: number;
  readonly shared: boolean;
  /** None: anonymous memory. */
  readonly file?: File;
  /** In pages. */
  readonly pgoff?: number;
  /** MAP_* beside shared and private. */
  readonly flags?: number;
}

/** TASK_SIZE: with small tables, whatever the tables reach. */
export const taskSize = (k: Kernel): number =>
  Math.min(0x7ffffffff000, k.m.spans[Level.pgd]! * k.m.config.entries);

/**
 * mm/mmap.c:find_vma(). Faithful.
 * Enters with mmap_sem held; returns with it held.
 *
 * @returns the first VMA that ends above `addr`; it need not contain it
 */
export function find_vma(k: Kernel, mm: Mm, addr: Vaddr): Vma | null {
  return mm.mmap[vmaIndexFrom(mm, addr)] ?? null;
}

/**
 * mm/util.c:vm_mmap_pgoff(), what mmap(2) is. Simplified: nothing is populated in advance.
 * Enters with nothing held; returns with nothing held.
 */
export function* vm_mmap_pgoff(k: Kernel, mm: Mm, request: MmapRequest): KRun<number> {
  const uf: UnmapCtx[] = [];
  yield* k.down_write(mm.mmap_sem);
  const addr = yield* k.do_mmap(mm, request, uf);
  yield* k.up_write(mm.mmap_sem);
  yield* k.userfaultfd_unmap_complete(uf);
  return addr;
}

/**
 * mm/mmap.c:do_mmap(). Simplified: files are open for everything, no limits.
 * Enters with mmap_sem held for write; returns with it held.
 *
 * @param uf grows by what userfaultfd_unmap_complete() has to tell; may be missing
 * @returns the address or -errno
 */
export function* do_mmap(k: Kernel, mm: Mm, request: MmapRequest, uf?: UnmapCtx[]): KRun<number> {
  assertWriteLocked(k.task, mm, 'do_mmap()');
  if (request.len === 0) return -EINVAL;
  const len = pageAlignUp(request.len);
  const flags = request.flags ?? 0;
  const addr = k.get_unmapped_area(mm, request.addr ?? vaddr(0), len, flags);
  if (addr < 0) return addr;
  if (flags & MAP_FIXED_NOREPLACE && vmasIn(mm, vaddr(addr), vaddr(addr + len)).length > 0) return -EEXIST;
  let vm_flags = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | (request.prot & (VM_READ | VM_WRITE | VM_EXEC));
  if (flags & MAP_LOCKED) vm_flags |= VM_LOCKED;
  if (request.shared) vm_flags |= VM_SHARED | VM_MAYSHARE;
  // Without overcommit "never", MAP_NORESERVE means that nothing is accounted.
  if (flags & MAP_NORESERVE) vm_flags |= VM_NORESERVE;
  // Anonymous memory counts its pages from address 0, so that neighbours fit together.
  const anonymousPgoff = request.shared ? 0 : addr / PAGE_SIZE;
  const pgoff = request.file ? (request.pgoff ?? 0) : anonymousPgoff;
  return yield* k.mmap_region(mm, request.file ?? null, vaddr(addr), len, vm_flags, pgoff, uf);
}

/**
 * mm/mmap.c:get_unmapped_area(), with the search from the top down. Simplified: nothing is random.
 * Enters with mmap_sem held for write; returns with it held.
 */
export function get_unmapped_area(k: Kernel, mm: Mm, hint: Vaddr, len: number, flags: number): number {
  const size = taskSize(k);
  if (len > size) return -ENOMEM;
  if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
    if (hint > size - len) return -ENOMEM;
    return isPageAligned(hint) ? hint : -EINVAL;
  }
  const wish = pageAlignUp(hint);
  if (
    wish >= MMAP_MIN_ADDR &&
    wish <= size - len &&
    vmasIn(mm, vaddr(wish), vaddr(wish + len)).length === 0
  ) {
    return wish;
  }
  let top: number = mm.mmapTop;
  for (let i = mm.mmap.length - 1; i >= 0; i--) {
    const vma = mm.mmap[i]!;
    if (top - vma.vm_end >= len) break;
    top = Math.min(top, vma.vm_start);
  }
  return top - len < MMAP_MIN_ADDR ? -ENOMEM : top - len;
}

/**
 * mm/mmap.c:vma_wants_writenotify(). Faithful.
 * Enters with mmap_sem held; returns with it held.
 *
 * @param vm_page_prot what the VMA had or is to have: another than the flags give means that it was customised
 * @returns whether the first write to each page has to fault
 */
export function vma_wants_writenotify(k: Kernel, vma: Vma, vm_page_prot: Pgprot): boolean {
  const { vm_flags, vm_file } = vma;
  if ((vm_flags & (VM_WRITE | VM_SHARED)) !== (VM_WRITE | VM_SHARED)) return false;
  if (vm_file?.page_mkwrite) return true;
  if (vm_page_prot !== pgprot_modify(vm_page_prot, vm_get_page_prot(vm_flags))) return false;
  if (k.m.config.softDirty && (vm_flags & VM_SOFTDIRTY) === 0) return true;
  if (vm_flags & VM_PFNMAP) return false;
  return vm_file?.accountsDirty ?? false;
}

/**
 * mm/mmap.c:vma_set_page_prot(). Faithful.
 * Enters with mmap_sem held for write; returns with it held.
 */
export function vma_set_page_prot(k: Kernel, vma: Vma): void {
  assertWriteLocked(k.task, vma.vm_mm, 'vma_set_page_prot()');
  let prot = pgprot_modify(vma.vm_page_prot, vm_get_page_prot(vma.vm_flags));
  if (k.vma_wants_writenotify(vma, prot)) {
    // As if it were private: the template loses RW.
    prot = pgprot_modify(prot, vm_get_page_prot(withoutFlags(vma.vm_flags, VM_SHARED)));
  }
  vma.vm_page_prot = prot;
}
