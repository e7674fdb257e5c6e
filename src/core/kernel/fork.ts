/** kernel/fork.c: a second address space. */
import { VM_DONTCOPY, VM_LOCKED, VM_WIPEONFORK, withoutFlags } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma } from '../mm';
import { processObject } from '../objects';
import { linkVma } from '../vma_list';
import type { ForkCtx } from './userfaultfd_event';

/**
 * kernel/fork.c:copy_process(), as far as memory goes. Simplified: the child is an address space; whoever drives the
 * machine lets tasks run in it.
 * Enters with nothing held; returns with nothing held, and after the reader of a userfaultfd knows.
 */
export function* copy_process(k: Kernel, name: string): KRun<Mm> {
  const oldmm = k.task.mm;
  const mm = yield* k.step('new mm', processObject(0), true, () => k.m.newMm(name));
  if (!k.m.solo) k.m.copyUpperTables(oldmm, mm);
  mm.thpDisabled = oldmm.thpDisabled;
  mm.mmapTop = oldmm.mmapTop;
  yield* k.dup_mmap(oldmm, mm);
  return mm;
}

/**
 * kernel/fork.c:dup_mmap(). Simplified: never out of memory.
 * Enters with nothing held; returns with nothing held, and after the reader of a userfaultfd knows.
 */
export function* dup_mmap(k: Kernel, oldmm: Mm, mm: Mm): KRun<number> {
  const uf: ForkCtx[] = [];
  let error = 0;
  yield* k.down_write(oldmm.mmap_sem);
  yield* k.down_write(mm.mmap_sem);
  for (const mpnt of oldmm.mmap) {
    if (mpnt.vm_flags & VM_DONTCOPY) continue;
    error = yield* k.dup_vma(mm, mpnt, uf);
    if (error !== 0) break;
  }
  yield* k.up_write(mm.mmap_sem);
  // The parent's entries lost RW one by one: until here its threads may write through what their TLBs hold.
  yield* k.flush_tlb_mm(oldmm);
  yield* k.up_write(oldmm.mmap_sem);
  yield* k.dup_userfaultfd_complete(uf);
  return error;
}

/**
 * kernel/fork.c:dup_mmap(), for one VMA. Simplified: no anon_vma of an ancestor is used again.
 * Enters with both mmap_sems held for write; returns with them held.
 *
 * @param uf grows by what dup_userfaultfd_complete() has to tell
 */
export function* dup_vma(k: Kernel, mm: Mm, mpnt: Vma, uf: ForkCtx[]): KRun<number> {
  const tmp: Vma = { ...mpnt, vm_mm: mm };
  const error = yield* k.dup_userfaultfd(tmp, uf);
  if (error !== 0) return error;
  tmp.vm_flags = withoutFlags(tmp.vm_flags, VM_LOCKED);
  linkVma(k.task, tmp);
  if (tmp.vm_flags & VM_WIPEONFORK) {
    tmp.anon_vma = 0;
    tmp.anon_vma_chain = [];
    k.anon_vma_prepare(tmp);
    return 0;
  }
  if (tmp.anon_vma !== 0) tmp.anon_vma_chain = [...mpnt.anon_vma_chain, k.m.anonVmaIds.take(k.task.id)];
  return yield* k.copy_page_range(mm, mpnt.vm_mm, mpnt, tmp);
}
