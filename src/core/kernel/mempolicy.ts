/** mm/mempolicy.c, kernel/sched/fair.c: marking entries so that the next access says on which node it happens. */
import { PAGE_NONE, VM_EXEC, VM_HUGETLB, VM_IO, VM_MIXEDMAP, VM_PFNMAP, VM_READ, VM_WRITE } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma } from '../mm';
import type { Vaddr } from '../units';
import { MM_CP_PROT_NUMA } from './mprotect';

/**
 * mm/mempolicy.c:change_prot_numa(). Faithful.
 * Enters with mmap_sem held for reading; returns with it held.
 */
export function* change_prot_numa(k: Kernel, vma: Vma, start: Vaddr, end: Vaddr): KRun<number> {
  return yield* k.change_protection(vma, start, end, PAGE_NONE, MM_CP_PROT_NUMA);
}

/**
 * include/linux/mempolicy.h:vma_migratable(). Simplified: no zones.
 * Enters with mmap_sem held; returns with it held.
 */
export function vma_migratable(k: Kernel, vma: Vma): boolean {
  return (vma.vm_flags & (VM_IO | VM_PFNMAP | VM_HUGETLB)) === 0;
}

/**
 * kernel/sched/fair.c:task_numa_work(). Simplified: one call scans the whole mm, and waits for mmap_sem where the
 * kernel tries it.
 * Enters with nothing held; returns with nothing held.
 */
export function* task_numa_work(k: Kernel, mm: Mm): KRun<void> {
  yield* k.down_read(mm.mmap_sem);
  for (const vma of mm.mmap) {
    if (!k.vma_migratable(vma) || vma.vm_flags & VM_MIXEDMAP) continue;
    // Shared libraries: faults on what everybody reads would move it to and fro.
    if (vma.vm_file && (vma.vm_flags & (VM_READ | VM_WRITE)) === VM_READ) continue;
    if ((vma.vm_flags & (VM_READ | VM_EXEC | VM_WRITE)) === 0) continue;
    yield* k.change_prot_numa(vma, vma.vm_start, vma.vm_end);
  }
  yield* k.up_read(mm.mmap_sem);
}
