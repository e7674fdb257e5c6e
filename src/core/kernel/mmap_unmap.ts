/** mm/mmap.c: unmapping, and the end of an address space. */
import { pmd_is_table } from '../entry';
import { EINVAL } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma } from '../mm';
import { PmdWalk } from '../pmd_walk';
import { plus, type Vaddr, vaddr } from '../units';
import { assertWriteLocked, isPageAligned, pageAlignUp, unlinkVma, vmaIndexFrom, vmasIn } from '../vma_list';
import { taskSize } from './mmap';
import type { UnmapCtx } from './userfaultfd_event';

/**
 * mm/mmap.c:vm_munmap(), what munmap(2) is. Faithful.
 * Enters with nothing held; returns with nothing held, and after the reader of a userfaultfd knows.
 */
export function* vm_munmap(k: Kernel, mm: Mm, start: Vaddr, len: number): KRun<number> {
  const uf: UnmapCtx[] = [];
  yield* k.down_write(mm.mmap_sem);
  const result = yield* k.do_munmap(mm, start, len, uf);
  yield* k.up_write(mm.mmap_sem);
  yield* k.userfaultfd_unmap_complete(uf);
  return result;
}

/**
 * mm/mmap.c:do_munmap(). Simplified: no limit on VMAs, nothing is mlocked.
 * Enters with mmap_sem held for write; returns with it held.
 *
 * @param uf grows by what userfaultfd_unmap_complete() has to tell; missing: nobody is told
 */
export function* do_munmap(k: Kernel, mm: Mm, start: Vaddr, bytes: number, uf?: UnmapCtx[]): KRun<number> {
  assertWriteLocked(k.task, mm, 'do_munmap()');
  const size = taskSize(k);
  if (!isPageAligned(start) || start > size || bytes > size - start) return -EINVAL;
  const end = plus(start, pageAlignUp(bytes));
  if (end === start) return -EINVAL;
  const first = k.find_vma(mm, start);
  if (first === null || first.vm_start >= end) return 0;
  if (start > first.vm_start) {
    const error = yield* k.__split_vma(first, start, false);
    if (error !== 0) return error;
  }
  const last = k.find_vma(mm, end);
  if (last !== null && end > last.vm_start) {
    const error = yield* k.__split_vma(last, end, true);
    if (error !== 0) return error;
  }
  if (uf) {
    const error = yield* k.userfaultfd_unmap_prep(mm, start, end, uf);
    if (error !== 0) return error;
  }
  yield* k.unmap_region(mm, start, end);
  return 0;
}

/**
 * mm/mmap.c:unmap_region(), with the detaching of its VMAs. Simplified: they leave the list in free_pgtables(), up to
 * which reverse mapping finds them; do_munmap() detaches them before.
 * Enters with mmap_sem held for write; returns with it held.
 */
export function* unmap_region(k: Kernel, mm: Mm, start: Vaddr, end: Vaddr): KRun<void> {
  const vmas = vmasIn(mm, start, end);
  const prev = mm.mmap[vmaIndexFrom(mm, start) - 1];
  const next = k.find_vma(mm, end);
  yield* k.lru_add_drain();
  const tlb = yield* k.tlb_gather_mmu(mm, { start, end });
  yield* k.unmap_vmas(tlb, vmas, start, end);
  yield* k.free_pgtables(mm, vmas, prev?.vm_end ?? vaddr(0), next?.vm_start ?? vaddr(taskSize(k)));
  yield* k.tlb_finish_mmu(tlb);
}

/**
 * mm/memory.c:free_pgtables(). Simplified: PTE tables only; upper tables stay, empty.
 * Enters with mmap_sem held for write, or the last user gone; returns the same. Reverse mapping loses the VMAs here.
 *
 * @param floor end of the VMA before
 * @param ceiling start of the VMA after: a table is only freed where nobody else has part of it
 */
export function* free_pgtables(
  k: Kernel,
  mm: Mm,
  vmas: readonly Vma[],
  floor: Vaddr,
  ceiling: Vaddr,
): KRun<void> {
  const first = vmas[0];
  const last = vmas.at(-1);
  if (!first || !last) return;
  const start = first.vm_start;
  const end = last.vm_end;
  for (const vma of vmas) unlinkVma(k.task, vma);
  for (const walk = new PmdWalk(mm, start, end); walk.advance(); ) {
    const { pmd } = walk;
    if (pmd.va < floor || plus(pmd.va, k.m.HPAGE_PMD_SIZE) > ceiling) continue;
    if (pmd_is_table(yield* k.pmd_get(pmd))) yield* k.pmd_clear_table(pmd);
  }
}

/**
 * mm/mmap.c:exit_mmap(). Simplified: no oom killer, nothing is mlocked.
 * Enters with the last user gone; returns with the address space empty.
 */
export function* exit_mmap(k: Kernel, mm: Mm): KRun<void> {
  mm.mm_users = 0;
  if (mm.mmap.length > 0) {
    const vmas = [...mm.mmap];
    yield* k.lru_add_drain();
    const tlb = yield* k.tlb_gather_mmu(mm, null);
    yield* k.unmap_vmas(tlb, vmas, vaddr(0), vaddr(Number.POSITIVE_INFINITY));
    yield* k.free_pgtables(mm, vmas, vaddr(0), vaddr(Number.POSITIVE_INFINITY));
    yield* k.tlb_finish_mmu(tlb);
  }
  mm.exited = true;
}
