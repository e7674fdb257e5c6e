/** mm/memory.c: faults on entries of file mappings that are still empty. */
import * as e from '../entry';
import {
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_LOCKED,
  VM_FAULT_NOPAGE,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_SHARED,
  VM_UFFD_MISSING,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { VmFault } from '../mm';
import { NO_PAGE } from '../pages';
import type { Pfn } from '../units';

const FAILED = VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY;

/**
 * mm/memory.c:do_fault(). Faithful.
 * Enters with mmap_sem held for reading; returns with it held, unless the result has VM_FAULT_RETRY.
 */
export function* do_fault(k: Kernel, vmf: VmFault): KRun<number> {
  const { vma } = vmf;
  // No ->fault: mmap() has mapped all of it.
  if (vma.vm_file!.kind === 'device') return VM_FAULT_SIGBUS;
  if (!(vmf.flags & FAULT_FLAG_WRITE)) return yield* k.do_read_fault(vmf);
  if (!(vma.vm_flags & VM_SHARED)) return yield* k.do_cow_fault(vmf);
  return yield* k.do_shared_fault(vmf);
}

/**
 * mm/memory.c:__do_fault(). Simplified: reads never fail, and a locked page is waited for with mmap_sem held.
 * Enters with mmap_sem held for reading; returns with vmf.page referenced and locked, unless a monitor is to fill it.
 */
export function* __do_fault(k: Kernel, vmf: VmFault): KRun<number> {
  if (yield* k.isForMonitor(vmf)) return yield* k.handle_userfault(vmf, VM_UFFD_MISSING);
  vmf.page = yield* k.find_or_read_page(vmf.vma.vm_file!, vmf.pgoff);
  k.VM_BUG_ON(!k.PageLocked(vmf.page), 'mm/memory.c:__do_fault(): !PageLocked(vmf->page)');
  return VM_FAULT_LOCKED;
}

/**
 * mm/shmem.c:shmem_getpage_gfp(), where it asks for userfaultfd_missing(). Faithful.
 * Enters with mmap_sem held for reading; returns with it held.
 */
export function* isForMonitor(k: Kernel, vmf: VmFault): KRun<boolean> {
  const { vm_flags, vm_file } = vmf.vma;
  if (!(vm_flags & VM_UFFD_MISSING) || vm_file?.kind !== 'shmem') return false;
  const page = yield* k.find_get_page(vm_file, vmf.pgoff);
  if (page === NO_PAGE) return !vm_file.disk.has(vmf.pgoff);
  yield* k.put_page(page);
  return false;
}

/**
 * mm/memory.c:do_read_fault(). Faithful.
 * Enters with mmap_sem held for reading; returns with it held, unless the result has VM_FAULT_RETRY.
 */
export function* do_read_fault(k: Kernel, vmf: VmFault): KRun<number> {
  const around = k.should_fault_around(vmf) ? yield* k.do_fault_around(vmf) : 0;
  if (around !== 0) return around;
  let ret = yield* k.__do_fault(vmf);
  if (ret & FAILED) return ret;
  ret |= yield* k.finish_fault(vmf);
  yield* k.unlock_page(vmf.page);
  if (ret & FAILED) yield* k.put_page(vmf.page);
  return ret;
}

/**
 * mm/memory.c:do_cow_fault(). Simplified: never out of memory.
 * Enters with mmap_sem held for reading; returns with it held, unless the result has VM_FAULT_RETRY.
 */
export function* do_cow_fault(k: Kernel, vmf: VmFault): KRun<number> {
  k.anon_vma_prepare(vmf.vma);
  vmf.cow_page = k.alloc_page(1, k.numa_node_id());
  let ret = yield* k.__do_fault(vmf);
  if (!(ret & FAILED)) {
    yield* k.copy_page(vmf.page, vmf.cow_page, vmf.address);
    k.__SetPageUptodate(vmf.cow_page);
    ret |= yield* k.finish_fault(vmf);
    yield* k.unlock_page(vmf.page);
    yield* k.put_page(vmf.page);
  }
  if (ret & FAILED) yield* k.put_page(vmf.cow_page);
  return ret;
}

/**
 * mm/memory.c:do_shared_fault(). Faithful.
 * Enters with mmap_sem held for reading; returns with it held, unless the result has VM_FAULT_RETRY.
 */
export function* do_shared_fault(k: Kernel, vmf: VmFault): KRun<number> {
  let ret = yield* k.__do_fault(vmf);
  if (ret & FAILED) return ret;
  if (vmf.vma.vm_file!.page_mkwrite) {
    yield* k.unlock_page(vmf.page);
    const made = yield* k.do_page_mkwrite(vmf);
    if (made === 0 || made & (VM_FAULT_ERROR | VM_FAULT_NOPAGE)) {
      yield* k.put_page(vmf.page);
      return made;
    }
  }
  ret |= yield* k.finish_fault(vmf);
  if (ret & FAILED) {
    yield* k.unlock_page(vmf.page);
    yield* k.put_page(vmf.page);
    return ret;
  }
  yield* k.fault_dirty_shared_page(vmf.vma, vmf.page);
  return ret;
}

/**
 * mm/memory.c:finish_fault(). Simplified: no OOM reaper.
 * Enters with the page locked and referenced, which becomes the mapping's reference; returns with no ptl held.
 */
export function* finish_fault(k: Kernel, vmf: VmFault): KRun<number> {
  const isCow = (vmf.flags & FAULT_FLAG_WRITE) !== 0 && (vmf.vma.vm_flags & VM_SHARED) === 0;
  const ret = yield* k.alloc_set_pte(vmf, isCow ? vmf.cow_page : vmf.page);
  if (vmf.pte !== null) yield* k.pte_unmap_unlock(vmf.pte);
  return ret;
}

/**
 * mm/memory.c:alloc_set_pte(). Simplified: no huge pages of files.
 * Enters with vmf.pte null, or set and its ptl held; returns with the ptl held wherever vmf.pte is set.
 */
export function* alloc_set_pte(k: Kernel, vmf: VmFault, page: Pfn): KRun<number> {
  const { vma } = vmf;
  if (vmf.pte === null) {
    const ret = yield* k.pte_alloc_one_map(vmf);
    if (ret !== 0) return ret;
  }
  const pte = vmf.pte!;
  if (!e.pte_none(yield* k.pte_get(pte))) return VM_FAULT_NOPAGE;

  const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
  let entry = e.mk_pte(page, vma.vm_page_prot);
  if (write) entry = k.maybe_mkwrite(e.pte_mkdirty(entry), vma);
  if (write && !(vma.vm_flags & VM_SHARED)) {
    yield* k.page_add_new_anon_rmap(page, vma, vmf.address, false);
    yield* k.lru_cache_add(page);
  } else {
    yield* k.page_add_file_rmap(page, false);
  }
  yield* k.set_pte_at(pte, entry);
  return 0;
}

/**
 * mm/memory.c:pte_alloc_one_map(). Faithful.
 * Enters with no ptl held; returns with vmf.pte set and its ptl held, or with VM_FAULT_NOPAGE.
 */
export function* pte_alloc_one_map(k: Kernel, vmf: VmFault): KRun<number> {
  yield* k.pte_alloc(vmf.vma.vm_mm, vmf.pmd);
  if (yield* k.pmd_trans_unstable(vmf.pmd)) return VM_FAULT_NOPAGE;
  vmf.pte = yield* k.pte_offset_map_lock(vmf.pmd, vmf.address);
  return 0;
}
