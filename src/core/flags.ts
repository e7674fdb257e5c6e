/** Flag values of Linux, under their own names. Source: include/linux/mm.h, mm_types.h (4.19). */
import { _PAGE_ACCESSED, _PAGE_PRESENT, _PAGE_PROTNONE, _PAGE_RW, _PAGE_USER } from './entry';
import type { Pgprot } from './units';

export const VM_READ = 0x1;
export const VM_WRITE = 0x2;
export const VM_EXEC = 0x4;
export const VM_SHARED = 0x8;
export const VM_MAYREAD = 0x10;
export const VM_MAYWRITE = 0x20;
export const VM_MAYEXEC = 0x40;
export const VM_MAYSHARE = 0x80;
export const VM_UFFD_MISSING = 0x200;
export const VM_PFNMAP = 0x400;
export const VM_UFFD_WP = 0x1000;
export const VM_LOCKED = 0x2000;
export const VM_IO = 0x4000;
export const VM_DONTCOPY = 0x20000;
export const VM_DONTEXPAND = 0x40000;
export const VM_ACCOUNT = 0x100000;
export const VM_NORESERVE = 0x200000;
export const VM_HUGETLB = 0x400000;
export const VM_WIPEONFORK = 0x2000000;
export const VM_SOFTDIRTY = 0x8000000;
export const VM_MIXEDMAP = 0x10000000;
export const VM_HUGEPAGE = 0x20000000;
export const VM_NOHUGEPAGE = 0x40000000;
export const VM_MERGEABLE = 0x80000000;

/** vm_flags reach bit 31, where JavaScript's operators turn negative; every update goes through these two. */
export const withFlags = (flags: number, add: number): number => (flags | add) >>> 0;
export const withoutFlags = (flags: number, remove: number): number => (flags & ~remove) >>> 0;

export const is_cow_mapping = (flags: number): boolean => (flags & (VM_SHARED | VM_MAYWRITE)) === VM_MAYWRITE;

export const FAULT_FLAG_WRITE = 0x01;
export const FAULT_FLAG_MKWRITE = 0x02;
export const FAULT_FLAG_ALLOW_RETRY = 0x04;
export const FAULT_FLAG_RETRY_NOWAIT = 0x08;
export const FAULT_FLAG_KILLABLE = 0x10;
export const FAULT_FLAG_TRIED = 0x20;
export const FAULT_FLAG_USER = 0x40;
export const FAULT_FLAG_REMOTE = 0x80;
export const FAULT_FLAG_INSTRUCTION = 0x100;
export const FAULT_FLAG_INTERRUPTIBLE = 0x200;
export const FAULT_FLAG_UNSHARE = 0x400;

export const VM_FAULT_OOM = 0x0001;
export const VM_FAULT_SIGBUS = 0x0002;
export const VM_FAULT_MAJOR = 0x0004;
export const VM_FAULT_WRITE = 0x0008;
export const VM_FAULT_HWPOISON = 0x0010;
export const VM_FAULT_SIGSEGV = 0x0040;
export const VM_FAULT_NOPAGE = 0x0100;
export const VM_FAULT_LOCKED = 0x0200;
export const VM_FAULT_RETRY = 0x0400;
export const VM_FAULT_FALLBACK = 0x0800;
export const VM_FAULT_DONE_COW = 0x1000;
export const VM_FAULT_ERROR =
  VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV | VM_FAULT_HWPOISON | VM_FAULT_FALLBACK;

export const FOLL_WRITE = 0x01;
export const FOLL_TOUCH = 0x02;
export const FOLL_FORCE = 0x10;
export const FOLL_NUMA = 0x200;
export const FOLL_TRIED = 0x800;
export const FOLL_REMOTE = 0x2000;
export const FOLL_COW = 0x4000;
export const FOLL_PIN = 0x40000;

const PAGE_NONE_BITS = _PAGE_PROTNONE | _PAGE_ACCESSED;
const PAGE_READ_BITS = _PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED;
/** Bit 13 of an entry says "executable", see entry.ts. */
const EXECUTABLE = 1 << 13;

export const PAGE_NONE = PAGE_NONE_BITS as Pgprot;

/**
 * mm/mmap.c:vm_get_page_prot(). Faithful.
 *
 * A private writable mapping gets the read-only template: only the fault path knows whether a page is ours alone.
 */
export function vm_get_page_prot(vm_flags: number): Pgprot {
  if ((vm_flags & (VM_READ | VM_WRITE | VM_EXEC)) === 0) return PAGE_NONE;
  const exec = vm_flags & VM_EXEC ? EXECUTABLE : 0;
  const write = (vm_flags & (VM_WRITE | VM_SHARED)) === (VM_WRITE | VM_SHARED) ? _PAGE_RW : 0;
  return (PAGE_READ_BITS | exec | write) as Pgprot;
}

/** Kernel error numbers, returned negated as the kernel does. */
export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EIO = 5;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EFAULT = 14;
export const EBUSY = 16;
export const EEXIST = 17;
export const EINVAL = 22;
export const ENOSPC = 28;
export const ESRCH = 3;
export const EOPNOTSUPP = 95;
