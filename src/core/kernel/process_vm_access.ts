/** mm/process_vm_access.c: process_vm_writev(2). */
import { EFAULT, FOLL_REMOTE, FOLL_TOUCH, FOLL_WRITE } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm } from '../mm';
import { contentObject } from '../objects';
import type { Content, Pfn, Vaddr } from '../units';
import type { Locked } from './gup';

/**
 * mm/process_vm_access.c:process_vm_rw_single_vec(), for a write. Simplified: one store within one page.
 * Enters with nothing held; returns with nothing held. Lets go of mmap_sem while it waits for a fault.
 *
 * @returns 0 or -EFAULT
 */
export function* process_vm_rw_single_vec(k: Kernel, mm: Mm, addr: Vaddr, value: Content): KRun<number> {
  const locked: Locked = { held: true };
  yield* k.down_read(mm.mmap_sem);
  const flags = FOLL_WRITE | FOLL_TOUCH | FOLL_REMOTE;
  const page = (yield* k.process_vm_pages(mm, addr, flags, locked)) as Pfn;
  if (locked.held) yield* k.up_read(mm.mmap_sem);
  if (page <= 0) return -EFAULT;
  yield* k.step('write through kmap', contentObject(page), true, () => {
    k.m.pages.setContent(page, value);
    k.m.watch?.({
      kind: 'store',
      task: k.task,
      mm,
      va: addr,
      page,
      content: value,
      access: 'gup',
      stale: false,
    });
  });
  yield* k.process_vm_release(page);
  return 0;
}

/**
 * mm/process_vm_access.c:process_vm_rw_single_vec(), how it takes the page. Faithful; by a reference.
 * Enters with mmap_sem held for reading; returns with it held, unless locked.held is false.
 */
export function* process_vm_pages(
  k: Kernel,
  mm: Mm,
  addr: Vaddr,
  flags: number,
  locked: Locked,
): KRun<Pfn | number> {
  return yield* k.__get_user_pages_locked(mm, addr, flags, locked);
}

/**
 * mm/process_vm_access.c:process_vm_rw_single_vec(), how it gives the page back. Faithful; nobody is told that it was written.
 * Enters with what process_vm_pages() took; returns without it.
 */
export function* process_vm_release(k: Kernel, page: Pfn): KRun<void> {
  yield* k.put_page(page);
}
