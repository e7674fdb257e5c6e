/** The sorted list of an mm's VMAs. Whoever changes it holds mmap_sem for write. */
import { assert } from './assert';
import type { Mm, Vma } from './mm';
import type { Task } from './task';
import { PAGE_SIZE, type Vaddr } from './units';

/** Position of the first VMA that ends above `addr`: the one that contains it, or else the next one. */
export function vmaIndexFrom(mm: Mm, addr: Vaddr): number {
  let low = 0;
  let high = mm.mmap.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (mm.mmap[middle]!.vm_end > addr) high = middle;
    else low = middle + 1;
  }
  return low;
}

export const vmaBefore = (vma: Vma): Vma | null => vma.vm_mm.mmap[vmaIndexOf(vma) - 1] ?? null;
export const vmaAfter = (vma: Vma): Vma | null => vma.vm_mm.mmap[vmaIndexOf(vma) + 1] ?? null;

function vmaIndexOf(vma: Vma): number {
  const index = vmaIndexFrom(vma.vm_mm, vma.vm_start);
  assert(vma.vm_mm.mmap[index] === vma, 'vmaIndexOf(): the VMA is not in the list of its mm');
  return index;
}

/** VMAs that overlap [start, end). */
export function vmasIn(mm: Mm, start: Vaddr, end: Vaddr): Vma[] {
  const found: Vma[] = [];
  for (let i = vmaIndexFrom(mm, start); i < mm.mmap.length && mm.mmap[i]!.vm_start < end; i++) {
    found.push(mm.mmap[i]!);
  }
  return found;
}

export function linkVma(task: Task, vma: Vma): void {
  const { vm_mm: mm } = vma;
  assertWriteLocked(task, mm, 'linkVma()');
  const index = vmaIndexFrom(mm, vma.vm_start);
  const next = mm.mmap[index];
  assert(!next || next.vm_start >= vma.vm_end, 'linkVma(): the VMA overlaps another');
  mm.mmap.splice(index, 0, vma);
}

/** The bounds may have changed since it was linked, so it is looked for by identity. */
export function unlinkVma(task: Task, vma: Vma): void {
  const { vm_mm: mm } = vma;
  assertWriteLocked(task, mm, 'unlinkVma()');
  const index = mm.mmap.indexOf(vma);
  assert(index >= 0, 'unlinkVma(): the VMA is not in the list of its mm');
  mm.mmap.splice(index, 1);
}

/** An mm without users needs no lock: exit_mmap(). */
export function assertWriteLocked(task: Task, mm: Mm, where: string): void {
  const locked = mm.mmap_sem.writer === task.id || mm.mm_users === 0;
  assert(locked, `${where}: mmap_sem is not held for write`);
}
export const pagesIn = (start: Vaddr, end: Vaddr): number => (end - start) / PAGE_SIZE;
/** Page offset of an address of a VMA within what it maps. */
export const pgoffAt = (vma: Vma, addr: Vaddr): number => vma.vm_pgoff + pagesIn(vma.vm_start, addr);
export const pageAlignUp = (bytes: number): number => Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
export const isPageAligned = (n: number): boolean => n % PAGE_SIZE === 0;
