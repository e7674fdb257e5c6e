/** Faults on files: a page that is not cached is read with those around it, and mmap_lock is not held meanwhile. */
import {
  type File,
  flags,
  type Kernel,
  type KRun,
  mainline,
  NO_PAGE,
  type VariantKernel,
  type VmFault,
} from '../../core';

const { FAULT_FLAG_ALLOW_RETRY, FAULT_FLAG_TRIED, VM_FAULT_MAJOR, VM_FAULT_RETRY, VM_UFFD_WP } = flags;

/** What devices have unless somebody changes it: 128 KiB. */
const RA_PAGES = 32;

function* isCached(k: Kernel, file: File, index: number): KRun<boolean> {
  const page = yield* k.find_get_page(file, index);
  if (page === NO_PAGE) return false;
  yield* k.put_page(page);
  return true;
}

/** mm/filemap.c:do_sync_mmap_readahead(), where nothing is known of how the file is read. */
function* readAround(k: Kernel, file: File, index: number): KRun<void> {
  const first = Math.max(0, index - RA_PAGES / 2);
  for (let at = first; at < Math.min(file.pages, first + RA_PAGES); at++) {
    const page = yield* k.add_to_page_cache_lru(file, at);
    if (page === NO_PAGE) continue;
    yield* k.unlock_page(page);
    yield* k.put_page(page);
  }
}

const isFirstTry = (vmf: VmFault): boolean =>
  (vmf.flags & (FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_TRIED)) === FAULT_FLAG_ALLOW_RETRY;

export const file: VariantKernel = {
  /** What is mapped around would come without its marks. */
  should_fault_around: (k, vmf) =>
    (vmf.vma.vm_flags & VM_UFFD_WP) === 0 && mainline.should_fault_around(k, vmf),

  *__do_fault(k, vmf) {
    const { vm_file, vm_mm } = vmf.vma;
    if (vm_file?.kind !== 'fs' || (yield* isCached(k, vm_file, vmf.pgoff))) {
      return yield* mainline.__do_fault(k, vmf);
    }
    const first = isFirstTry(vmf);
    if (first) yield* k.up_read(vm_mm.mmap_sem);
    yield* readAround(k, vm_file, vmf.pgoff);
    if (first) return VM_FAULT_MAJOR | VM_FAULT_RETRY;
    return (yield* mainline.__do_fault(k, vmf)) | VM_FAULT_MAJOR;
  },
};
