/** Address spaces and what they are made of: mm_struct, vm_area_struct, files, userfaultfd contexts. */
import { RwSem } from './locks';
import { mmapSemObject } from './objects';
import type { Table } from './table';
import type { Pfn, Pgprot, Pte, Vaddr } from './units';

/** struct address_space with its inode. */
export interface File {
  readonly id: number;
  readonly name: string;
  readonly kind: 'fs' | 'shmem' | 'device';
  /** The file system wants to know of the first write to a clean page. */
  readonly page_mkwrite: boolean;
  /** mapping_cap_account_dirty(): shmem and devices do not count. */
  readonly accountsDirty: boolean;
  /** For a device: its first frame. */
  readonly firstPfn: number;
  /** Its size, as far as what is read ahead goes. */
  readonly pages: number;
  /** Page cache: index to frame. Under the page lock of each page. */
  readonly cache: Map<number, Pfn>;
  /** What is on disk, by index; of shared memory, what is in swap. */
  readonly disk: Map<number, number>;
  /** Pages tagged dirty in the radix tree. */
  readonly dirtyTag: Set<number>;
  /** NR_FILE_DIRTY of this file. */
  nrDirty: number;
}

/** Under mmap_sem: read to look, write to change (vm_page_prot and vm_flags too). */
export interface Vma {
  vm_mm: Mm;
  vm_start: Vaddr;
  vm_end: Vaddr;
  vm_flags: number;
  vm_page_prot: Pgprot;
  /** Offset in pages within the file; for anonymous memory the page number at which it was mapped. */
  vm_pgoff: number;
  vm_file: File | null;
  /** Identity of the anon_vma chain's root, shared with forked relatives; 0 before the first fault. */
  anon_vma: number;
  /** The anon_vmas by which its pages may be found: those of ancestors before the fork, then its own. */
  anon_vma_chain: readonly number[];
  vm_userfaultfd_ctx: UserfaultfdCtx | null;
  /** Of a proposal of 2021: protection changes under mmap_sem for reading whose flush is still to come. */
  wrprotect_tlb_flush_pending?: number;
}

export interface UffdMsg {
  event: 'pagefault' | 'fork' | 'remap' | 'remove' | 'unmap';
  /** pagefault: page address; otherwise start of the range. */
  address: Vaddr;
  /** pagefault: UFFD_PAGEFAULT_FLAG_WRITE 1, WP 2; otherwise 0. */
  flags: number;
  /** remap: new address. remove, unmap: end. Otherwise 0. */
  to: number;
  /** remap: bytes moved. fork: id of the child's context. */
  len: number;
}

/** userfaultfd_wait_queue and userfaultfd_event waiters alike. */
export interface UffdWait {
  readonly task: number;
  readonly msg: UffdMsg;
  waken: boolean;
}

/** struct userfaultfd_ctx; the queues are guarded by their own locks, which the steps on it stand for. */
export interface UserfaultfdCtx {
  readonly id: number;
  readonly mm: Mm;
  features: number;
  /** UFFDIO_API done. */
  ready: boolean;
  released: boolean;
  /** f_count of its file: descriptors, and readers at work. The last one to go releases the context. */
  f_count: number;
  mmap_changing: boolean;
  /** Not yet read. */
  fault_pending: UffdWait[];
  /** Read, not yet resolved. */
  fault: UffdWait[];
  events: UffdWait[];
}

export interface Mm {
  readonly id: number;
  readonly name: string;
  readonly mmap_sem: RwSem;
  /** Sorted by address. */
  mmap: Vma[];
  readonly pgd: Table;
  mm_users: number;
  /** Bytes: new mappings without an address come below this. */
  mmapTop: number;
  tlb_flush_pending: number;
  tlb_flush_batched: boolean;
  /** MMF_EXIT done. */
  exited: boolean;
  /** prctl/personality: no huge pages at all. */
  thpDisabled: boolean;
  /** MMF_HAS_PINNED: somebody has pinned a page of it. Set under mmap_sem for reading. */
  hasPinned: boolean;
}

/** What a fault carries along: struct vm_fault. */
export interface VmFault {
  readonly vma: Vma;
  flags: number;
  /** Page-aligned. */
  readonly address: Vaddr;
  /** Offset of the page in the file or the anonymous mapping. */
  readonly pgoff: number;
  /** Slot of the PMD entry. */
  pmd: import('./table').Slot;
  /** Slot of the PTE, once there is a table. */
  pte: import('./table').Slot | null;
  orig_pte: Pte;
  /** Result of ->fault: frame, locked. */
  page: Pfn;
  cow_page: Pfn;
}

export function newMm(id: number, name: string, pgd: Table, mmapTop: number): Mm {
  return {
    id,
    name,
    mmap_sem: new RwSem(mmapSemObject(id), 'mmap_sem'),
    mmap: [],
    pgd,
    mm_users: 1,
    mmapTop,
    tlb_flush_pending: 0,
    tlb_flush_batched: false,
    exited: false,
    thpDisabled: false,
    hasPinned: false,
  };
}

/** A file without pages in memory; reads of what was never written give zeroes. */
export function newFile(
  id: number,
  name: string,
  kind: File['kind'],
  options: { page_mkwrite?: boolean; firstPfn?: number; pages?: number } = {},
): File {
  return {
    id,
    name,
    kind,
    page_mkwrite: kind === 'fs' && (options.page_mkwrite ?? true),
    accountsDirty: kind === 'fs',
    firstPfn: options.firstPfn ?? 0,
    pages: options.pages ?? 0,
    cache: new Map(),
    disk: new Map(),
    dirtyTag: new Set(),
    nrDirty: 0,
  };
}
