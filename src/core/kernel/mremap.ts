/** mm/mremap.c: moving a mapping with its page tables. */
import {
  EFAULT,
  EINVAL,
  ENOMEM,
  VM_ACCOUNT,
  VM_DONTEXPAND,
  VM_PFNMAP,
  VM_SHARED,
  withFlags,
  withoutFlags,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, UserfaultfdCtx, Vma } from '../mm';
import { PAGE_SIZE, plus, type Vaddr, vaddr } from '../units';
import { isPageAligned, linkVma, pageAlignUp, pgoffAt, vmaAfter, vmaIndexFrom, vmasIn } from '../vma_list';
import { MAP_FIXED, taskSize } from './mmap';
import type { UnmapCtx } from './userfaultfd_event';

/** What do_mremap() has to tell readers of a userfaultfd after mmap_sem is released. */
export interface MremapEvents {
  early: UnmapCtx[];
  moved: UserfaultfdCtx | null;
  late: UnmapCtx[];
}

/**
 * mm/mremap.c:do_mremap(), what mremap(2) with MREMAP_MAYMOVE is. Simplified: no limits, nothing is mlocked.
 * Enters with nothing held; returns with nothing held, and after the reader of a userfaultfd knows.
 *
 * @param new_addr where to (MREMAP_FIXED), or null: wherever it fits, where it is if possible
 * @returns the address or -errno
 */
export function* do_mremap(
  k: Kernel,
  mm: Mm,
  addr: Vaddr,
  old_len: number,
  new_len: number,
  new_addr: Vaddr | null,
): KRun<number> {
  if (!isPageAligned(addr) || new_len === 0) return -EINVAL;
  const old_bytes = pageAlignUp(old_len);
  const new_bytes = pageAlignUp(new_len);
  const events: MremapEvents = { early: [], moved: null, late: [] };
  yield* k.down_write(mm.mmap_sem);
  const result =
    new_addr === null
      ? yield* k.mremap_anywhere(mm, addr, old_bytes, new_bytes, events)
      : yield* k.mremap_to(mm, addr, old_bytes, new_addr, new_bytes, events);
  yield* k.up_write(mm.mmap_sem);
  yield* k.userfaultfd_unmap_complete(events.early);
  yield* k.mremap_userfaultfd_complete(events.moved, addr, result, old_bytes);
  yield* k.userfaultfd_unmap_complete(events.late);
  return result;
}

/**
 * mm/mremap.c:do_mremap(), the part without MREMAP_FIXED. Faithful.
 * Enters with mmap_sem held for write; returns with it held.
 */
export function* mremap_anywhere(
  k: Kernel,
  mm: Mm,
  addr: Vaddr,
  old_len: number,
  new_len: number,
  events: MremapEvents,
): KRun<number> {
  if (old_len >= new_len) {
    if (old_len === new_len) return addr;
    const error = yield* k.do_munmap(mm, plus(addr, new_len), old_len - new_len, events.late);
    return error === 0 ? addr : error;
  }
  const vma = k.vma_to_resize(mm, addr, old_len, new_len);
  if (typeof vma === 'number') return vma;
  if (plus(addr, old_len) === vma.vm_end && k.vma_expandable(vma, new_len - old_len)) {
    yield* k.__vma_adjust(vma, vma.vm_start, plus(addr, new_len), vma.vm_pgoff, null, null);
    return addr;
  }
  const target = k.get_unmapped_area(mm, vaddr(0), new_len, 0);
  return target < 0 ? target : yield* k.move_vma(vma, addr, old_len, new_len, vaddr(target), events);
}

/**
 * mm/mremap.c:mremap_to(). Faithful.
 * Enters with mmap_sem held for write; returns with it held.
 */
export function* mremap_to(
  k: Kernel,
  mm: Mm,
  addr: Vaddr,
  old_len: number,
  new_addr: Vaddr,
  new_len: number,
  events: MremapEvents,
): KRun<number> {
  const size = taskSize(k);
  if (!isPageAligned(new_addr) || new_len > size || new_addr > size - new_len) return -EINVAL;
  if (addr + old_len > new_addr && new_addr + new_len > addr) return -EINVAL;
  const occupied = yield* k.do_munmap(mm, new_addr, new_len, events.early);
  if (occupied !== 0) return occupied;
  if (old_len > new_len) {
    const error = yield* k.do_munmap(mm, plus(addr, new_len), old_len - new_len, events.late);
    if (error !== 0) return error;
  }
  const len = Math.min(old_len, new_len);
  const vma = k.vma_to_resize(mm, addr, len, new_len);
  if (typeof vma === 'number') return vma;
  const target = k.get_unmapped_area(mm, new_addr, new_len, MAP_FIXED);
  return target < 0 ? target : yield* k.move_vma(vma, addr, len, new_len, new_addr, events);
}

/**
 * mm/mremap.c:vma_to_resize(). Simplified: no limits.
 * Enters with mmap_sem held for write; returns with it held.
 *
 * @returns the VMA that holds the old range, or -errno
 */
export function vma_to_resize(
  k: Kernel,
  mm: Mm,
  addr: Vaddr,
  old_len: number,
  new_len: number,
): Vma | number {
  const vma = k.find_vma(mm, addr);
  if (vma === null || vma.vm_start > addr) return -EFAULT;
  // Of a private mapping, an old length of 0 would make a second one with nothing in it.
  if (old_len === 0 && (vma.vm_flags & VM_SHARED) === 0) return -EINVAL;
  if (old_len > vma.vm_end - addr) return -EFAULT;
  if (new_len === old_len) return vma;
  return vma.vm_flags & (VM_DONTEXPAND | VM_PFNMAP) ? -EFAULT : vma;
}

/**
 * mm/mremap.c:vma_expandable(). Faithful.
 * Enters with mmap_sem held for write; returns with it held.
 */
export function vma_expandable(k: Kernel, vma: Vma, delta: number): boolean {
  const next = vmaAfter(vma);
  return vma.vm_end + delta <= (next ? next.vm_start : taskSize(k));
}

/**
 * mm/mremap.c:move_vma(). Simplified: never out of memory, so it never moves back.
 * Enters with mmap_sem held for write; returns with it held.
 */
export function* move_vma(
  k: Kernel,
  vma: Vma,
  old_addr: Vaddr,
  old_len: number,
  new_len: number,
  new_addr: Vaddr,
  events: MremapEvents,
): KRun<number> {
  const mm = vma.vm_mm;
  // ksmd knows its pages by address, so they are unshared; the flag stays.
  const unmerged = yield* k.ksm_madvise(vma, old_addr, plus(old_addr, old_len), 'unmergeable');
  if (unmerged < 0) return unmerged;
  yield* k.rmap_lock_write();
  const moved = yield* k.copy_vma(vma, new_addr, new_len, pgoffAt(vma, old_addr));
  yield* k.rmap_unlock_write();
  if (typeof moved === 'number') return moved;
  const { old_vma, new_vma } = moved;
  yield* k.move_page_tables(old_vma, old_addr, new_vma, new_addr, old_len);
  events.moved = yield* k.mremap_userfaultfd_prep(new_vma);
  // What is left of the old VMA was accounted already, and the moved part stays so.
  const isAccounted = (old_vma.vm_flags & VM_ACCOUNT) !== 0;
  const around = [vaddr(old_addr - 1), plus(old_addr, old_len)];
  if (isAccounted) old_vma.vm_flags = withoutFlags(old_vma.vm_flags, VM_ACCOUNT);
  const { vm_start, vm_end } = old_vma;
  yield* k.do_munmap(mm, old_addr, old_len, events.late);
  if (isAccounted) {
    for (const at of around.filter((one) => one >= vm_start && one < vm_end)) {
      const rest = k.find_vma(mm, at);
      if (rest) rest.vm_flags = withFlags(rest.vm_flags, VM_ACCOUNT);
    }
  }
  return new_addr;
}

/**
 * mm/mmap.c:copy_vma(). Simplified: whoever moves pages always locks the reverse map, also where the order of VMAs in
 * it would do.
 * Enters with mmap_sem held for write and the rmap lock; returns with both held.
 *
 * @returns -ENOMEM where the new range is taken. The old VMA is another one where the new range merged with it.
 */
export function* copy_vma(
  k: Kernel,
  vma: Vma,
  addr: Vaddr,
  len: number,
  pgoff: number,
): KRun<{ old_vma: Vma; new_vma: Vma } | number> {
  const mm = vma.vm_mm;
  const end = plus(addr, len);
  // Untouched anonymous memory takes the offset of its new place, the better to merge there.
  const newPgoff = k.vma_is_anonymous(vma) && vma.anon_vma === 0 ? addr / PAGE_SIZE : pgoff;
  if (vmasIn(mm, addr, end).length > 0) return -ENOMEM;
  const old_start = vma.vm_start;
  const { vm_flags, anon_vma_chain, vm_file: file, vm_userfaultfd_ctx: ctx } = vma;
  const prev = mm.mmap[vmaIndexFrom(mm, addr) - 1] ?? null;
  const area = { vm_flags, anon_vma_chain, file, pgoff: newPgoff, ctx };
  const merged = yield* k.vma_merge(mm, prev, addr, end, area);
  if (merged) {
    const containsOld = old_start >= merged.vm_start && old_start < merged.vm_end;
    return { old_vma: containsOld ? merged : vma, new_vma: merged };
  }
  const new_vma: Vma = { ...vma, vm_start: addr, vm_end: end, vm_pgoff: newPgoff };
  linkVma(k.task, new_vma);
  return { old_vma: vma, new_vma };
}
