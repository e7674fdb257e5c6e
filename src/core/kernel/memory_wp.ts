/** mm/memory.c: writes to pages that are mapped read-only. Copy on write, and telling file systems of first writes. */
import * as e from '../entry';
import {
  FAULT_FLAG_MKWRITE,
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_LOCKED,
  VM_FAULT_NOPAGE,
  VM_FAULT_WRITE,
  VM_SHARED,
  VM_WRITE,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Vma, VmFault } from '../mm';
import { NO_PAGE } from '../pages';
import type { Pfn } from '../units';

const isSharedWritable = (vma: Vma): boolean =>
  (vma.vm_flags & (VM_WRITE | VM_SHARED)) === (VM_WRITE | VM_SHARED);

const wantsMkwrite = (vma: Vma): boolean => vma.vm_file?.page_mkwrite === true;

/**
 * mm/memory.c:do_wp_page(). Faithful.
 * Enters with the ptl held and orig_pte re-checked under it; returns with it released.
 */
export function* do_wp_page(k: Kernel, vmf: VmFault): KRun<number> {
  const { vma } = vmf;
  vmf.page = k.vm_normal_page(vma, vmf.address, vmf.orig_pte) ?? NO_PAGE;
  if (vmf.page === NO_PAGE) {
    if (isSharedWritable(vma)) return yield* k.wp_pfn_shared(vmf);
    yield* k.pte_unmap_unlock(vmf.pte!);
    return yield* k.wp_page_copy(vmf);
  }
  if (k.PageAnon(vmf.page) && !k.PageKsm(vmf.page)) {
    if (!(yield* k.lockPageUnderPtl(vmf))) return 0;
    const { reuse, total } = yield* k.reuse_swap_page(vmf.page);
    if (reuse) {
      // All ours: rmap need not search our parent and siblings any more.
      if (total === 1) yield* k.page_move_anon_rmap(vmf.page, vma);
      yield* k.unlock_page(vmf.page);
      yield* k.wp_page_reuse(vmf);
      return VM_FAULT_WRITE;
    }
    yield* k.unlock_page(vmf.page);
  } else if (isSharedWritable(vma)) {
    return yield* k.wp_page_shared(vmf);
  }
  yield* k.get_page(vmf.page);
  yield* k.pte_unmap_unlock(vmf.pte!);
  return yield* k.wp_page_copy(vmf);
}

/**
 * The part of do_wp_page() that locks the page although the ptl is held, which must not sleep.
 * Enters with the ptl held; returns with ptl and page lock held, or with neither where the entry changed.
 *
 * @returns whether the entry is still the one of the fault
 */
export function* lockPageUnderPtl(k: Kernel, vmf: VmFault): KRun<boolean> {
  const { page } = vmf;
  if (yield* k.trylock_page(page)) return true;
  yield* k.get_page(page);
  yield* k.pte_unmap_unlock(vmf.pte!);
  yield* k.lock_page(page);
  vmf.pte = yield* k.pte_offset_map_lock(vmf.pmd, vmf.address);
  const isSame = e.pte_same(yield* k.pte_get(vmf.pte), vmf.orig_pte);
  if (!isSame) {
    yield* k.unlock_page(page);
    yield* k.pte_unmap_unlock(vmf.pte);
  }
  yield* k.put_page(page);
  return isSame;
}

/**
 * mm/memory.c:wp_page_reuse(). Simplified: no NUMA statistics of the page.
 * Enters with the ptl held; returns with it released.
 */
export function* wp_page_reuse(k: Kernel, vmf: VmFault): KRun<void> {
  const entry = k.maybe_mkwrite(e.pte_mkdirty(e.pte_mkyoung(vmf.orig_pte)), vmf.vma);
  yield* k.ptep_set_access_flags(vmf.pte!, entry, true);
  yield* k.pte_unmap_unlock(vmf.pte!);
}

/**
 * mm/memory.c:wp_page_copy(). Simplified: never out of memory, no mmu notifiers, no mlock.
 * Enters with mmap_sem held and a reference to vmf.page, if there is one; returns with the reference dropped.
 */
export function* wp_page_copy(k: Kernel, vmf: VmFault): KRun<number> {
  const { vma, address, orig_pte } = vmf;
  const old_page = vmf.page;
  k.anon_vma_prepare(vma);
  const new_page = k.alloc_page(1, k.numa_node_id());
  if (!k.is_zero_pfn(e.pte_pfn(orig_pte))) yield* k.cow_user_page(new_page, old_page, vmf);
  k.__SetPageUptodate(new_page);

  vmf.pte = yield* k.pte_offset_map_lock(vmf.pmd, address);
  const isSame = e.pte_same(yield* k.pte_get(vmf.pte), orig_pte);
  if (isSame) {
    const entry = k.maybe_mkwrite(e.pte_mkdirty(e.mk_pte(new_page, vma.vm_page_prot)), vma);
    // Nobody may use the old translation any more once the new one is there.
    yield* k.ptep_clear_flush(vma.vm_mm, vmf.pte);
    yield* k.page_add_new_anon_rmap(new_page, vma, address, false);
    yield* k.lru_cache_add(new_page);
    yield* k.set_pte_at(vmf.pte, entry);
    // Not before the entry has changed: whoever sees the lower count may write to the old page.
    if (old_page !== NO_PAGE) yield* k.page_remove_rmap(old_page, false);
  }
  const unused = isSame ? old_page : new_page;
  if (unused !== NO_PAGE) yield* k.put_page(unused);
  yield* k.pte_unmap_unlock(vmf.pte);
  if (old_page !== NO_PAGE) yield* k.put_page(old_page);
  return isSame ? VM_FAULT_WRITE : 0;
}

/**
 * mm/memory.c:cow_user_page(). Simplified: a frame without a struct page is read as it is.
 * Enters with mmap_sem held and a reference to `src`; returns the same.
 */
export function* cow_user_page(k: Kernel, dst: Pfn, src: Pfn, vmf: VmFault): KRun<void> {
  yield* k.copy_page(src === NO_PAGE ? e.pte_pfn(vmf.orig_pte) : src, dst, vmf.address);
}

/**
 * mm/memory.c:wp_pfn_shared(). Simplified: no device wants to know of writes.
 * Enters with the ptl held; returns with it released.
 */
export function* wp_pfn_shared(k: Kernel, vmf: VmFault): KRun<number> {
  yield* k.wp_page_reuse(vmf);
  return VM_FAULT_WRITE;
}

/**
 * mm/memory.c:wp_page_shared(). Faithful.
 * Enters with the ptl held; returns with it released.
 */
export function* wp_page_shared(k: Kernel, vmf: VmFault): KRun<number> {
  const { vma, page } = vmf;
  yield* k.get_page(page);
  if (wantsMkwrite(vma)) {
    yield* k.pte_unmap_unlock(vmf.pte!);
    let ret = yield* k.do_page_mkwrite(vmf);
    if (ret === 0 || ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE)) {
      yield* k.put_page(page);
      return ret;
    }
    ret = yield* k.finish_mkwrite_fault(vmf);
    if (ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE)) {
      yield* k.unlock_page(page);
      yield* k.put_page(page);
      return ret;
    }
  } else {
    yield* k.wp_page_reuse(vmf);
    yield* k.lock_page(page);
  }
  yield* k.fault_dirty_shared_page(vma, page);
  yield* k.put_page(page);
  return VM_FAULT_WRITE;
}

/**
 * mm/memory.c:finish_mkwrite_fault(). Faithful.
 * Enters with the page locked and no ptl held; returns the same.
 */
export function* finish_mkwrite_fault(k: Kernel, vmf: VmFault): KRun<number> {
  vmf.pte = yield* k.pte_offset_map_lock(vmf.pmd, vmf.address);
  if (!e.pte_same(yield* k.pte_get(vmf.pte), vmf.orig_pte)) {
    yield* k.pte_unmap_unlock(vmf.pte);
    return VM_FAULT_NOPAGE;
  }
  yield* k.wp_page_reuse(vmf);
  return 0;
}

/**
 * mm/memory.c:do_page_mkwrite(). Simplified: every file system's page_mkwrite is the generic one.
 * Enters with the page referenced and unlocked; returns with it locked if the result has VM_FAULT_LOCKED.
 */
export function* do_page_mkwrite(k: Kernel, vmf: VmFault): KRun<number> {
  const { flags } = vmf;
  vmf.flags = FAULT_FLAG_WRITE | FAULT_FLAG_MKWRITE;
  const ret = yield* k.filemap_page_mkwrite(vmf);
  vmf.flags = flags;
  return ret;
}

/**
 * mm/filemap.c:filemap_page_mkwrite(). Simplified: the device needs no stable pages under writeback; no times.
 * Enters with the page referenced and unlocked; returns with it locked, or VM_FAULT_NOPAGE where it was truncated.
 */
export function* filemap_page_mkwrite(k: Kernel, vmf: VmFault): KRun<number> {
  const { page, pgoff } = vmf;
  const file = vmf.vma.vm_file!;
  yield* k.lock_page(page);
  if (k.fileOf(page) !== file) {
    yield* k.unlock_page(page);
    return VM_FAULT_NOPAGE;
  }
  k.m.watch?.({ kind: 'page_mkwrite', task: k.task, file, index: pgoff });
  // Dirty already here, so that writeback from now on finds it and takes RW away again.
  yield* k.set_page_dirty(page);
  return VM_FAULT_LOCKED;
}

/**
 * mm/memory.c:fault_dirty_shared_page(). Simplified: no throttling, no times.
 * Enters with the page locked; returns with it unlocked.
 */
export function* fault_dirty_shared_page(k: Kernel, vma: Vma, page: Pfn): KRun<void> {
  yield* k.set_page_dirty(page);
  k.VM_BUG_ON(k.PageAnon(page), 'mm/memory.c:fault_dirty_shared_page(): PageAnon(page)');
  yield* k.unlock_page(page);
}
