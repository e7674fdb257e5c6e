/** mm/gup.c: its callers, which reach into another address space or repair a fault of the kernel's own. */
import {
  EFAULT,
  EIO,
  ENOMEM,
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_WRITE,
  FOLL_REMOTE,
  FOLL_TOUCH,
  FOLL_TRIED,
  FOLL_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_READ,
  VM_WRITE,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm } from '../mm';
import { contentObject } from '../objects';
import type { Content, Pfn, Vaddr } from '../units';
import type { Locked } from './gup';

/**
 * mm/gup.c:__get_user_pages_locked(). Simplified: one page.
 * Enters with mmap_sem held for reading; returns with it held, unless locked.held is false.
 */
export function* __get_user_pages_locked(
  k: Kernel,
  mm: Mm,
  start: Vaddr,
  gup_flags: number,
  locked: Locked | null,
): KRun<Pfn | number> {
  k.mm_set_has_pinned_flag(mm, gup_flags);
  let page = yield* k.__get_user_pages(mm, start, gup_flags, locked);
  if (locked === null || locked.held) return page;
  let again: Locked | null;
  do {
    yield* k.down_read(mm.mmap_sem);
    again = k.gup_retry_locked();
    page = yield* k.__get_user_pages(mm, start, gup_flags | FOLL_TRIED, again);
  } while (again !== null && !again.held);
  yield* k.up_read(mm.mmap_sem);
  return page;
}

/**
 * mm/gup.c:__get_user_pages_locked(), whether a second try may drop mmap_sem. Faithful; it may not.
 * Enters with mmap_sem held; returns with it held.
 */
export function gup_retry_locked(k: Kernel): Locked | null {
  return null;
}

/**
 * mm/gup.c:fixup_user_fault(). Faithful.
 * Enters with mmap_sem held for reading; returns with it held, though it was dropped where unlocked.held is false.
 *
 * @param unlocked null where mmap_sem may not be dropped
 */
export function* fixup_user_fault(
  k: Kernel,
  mm: Mm,
  address: Vaddr,
  flags: number,
  unlocked: Locked | null,
): KRun<number> {
  let fault_flags = unlocked ? flags | FAULT_FLAG_ALLOW_RETRY : flags;
  for (;;) {
    const vma = k.find_vma(mm, address);
    if (vma === null || vma.vm_start > address) return -EFAULT;
    if (!(vma.vm_flags & (fault_flags & FAULT_FLAG_WRITE ? VM_WRITE : VM_READ))) return -EFAULT;
    const ret = yield* k.handle_mm_fault(vma, address, fault_flags);
    if (ret & VM_FAULT_ERROR) return ret & VM_FAULT_OOM ? -ENOMEM : -EFAULT;
    if (!(ret & VM_FAULT_RETRY)) return 0;
    yield* k.down_read(mm.mmap_sem);
    if (unlocked) unlocked.held = false;
    fault_flags = k.retry_flags(fault_flags);
  }
}

/**
 * mm/memory.c:access_remote_vm(). Simplified: one access within one page; ptrace and /proc/PID/mem give FOLL_FORCE.
 * Enters with nothing held; returns with nothing held. Never drops mmap_sem half-way, so a userfault fails it.
 *
 * @param value what to write, null to read
 * @returns what was read, 0 for a write, or -EIO
 */
export function* access_remote_vm(
  k: Kernel,
  mm: Mm,
  addr: Vaddr,
  value: Content | null,
  gup_flags: number,
): KRun<Content | number> {
  const write = value === null ? 0 : FOLL_WRITE;
  yield* k.down_read(mm.mmap_sem);
  const flags = gup_flags | write | FOLL_TOUCH | FOLL_REMOTE;
  const page = (yield* k.__get_user_pages(mm, addr, flags, null)) as Pfn;
  let result: number = -EIO;
  if (page > 0) {
    result = value === null ? yield* k.read_content(page) : yield* writeThrough(k, mm, addr, page, value);
    yield* k.put_page(page);
  }
  yield* k.up_read(mm.mmap_sem);
  return result;
}

/** Writes through the kernel's own mapping of a page, which asks no entry; then marks the page dirty. */
function* writeThrough(k: Kernel, mm: Mm, va: Vaddr, page: Pfn, content: Content): KRun<number> {
  yield* k.step('write through kmap', contentObject(page), true, () => {
    k.m.pages.setContent(page, content);
    k.m.watch?.({ kind: 'store', task: k.task, mm, va, page, content, access: 'gup', stale: false });
  });
  yield* k.lock_page(page);
  yield* k.set_page_dirty(page);
  yield* k.unlock_page(page);
  return 0;
}

/**
 * mm/gup.c:fixup_user_fault(), the flags of another try. Faithful; a fault may be retried once.
 * Enters with mmap_sem held; returns with it held.
 */
export function retry_flags(k: Kernel, fault_flags: number): number {
  return (fault_flags & ~FAULT_FLAG_ALLOW_RETRY) | FAULT_FLAG_TRIED;
}
