/** mm/memory.c: faults on entries whose page is not mapped: on swap, in migration, or hidden for NUMA balancing. */
import * as e from '../entry';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_RETRY_NOWAIT,
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_HWPOISON,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_FAULT_WRITE,
  VM_LOCKED,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, VmFault } from '../mm';
import { NO_PAGE } from '../pages';
import type { Pfn, Pte } from '../units';

/** A page to swap in. */
export interface SwapIn {
  /** What gets mapped. NO_PAGE: nothing does, and the fault ends with `ret`. */
  readonly page: Pfn;
  /** The page in the swap cache; another one only where KSM needed a copy. */
  readonly swapcache: Pfn;
  readonly ret: number;
}

/**
 * mm/memory.c:do_swap_page(). Simplified: no control groups, and no page is moved to the active list.
 * Enters with mmap_sem held for reading; returns with it held, unless the result has VM_FAULT_RETRY.
 */
export function* do_swap_page(k: Kernel, vmf: VmFault): KRun<number> {
  const swapin = yield* k.swapInLocked(vmf);
  let { ret } = swapin;
  if (swapin.page === NO_PAGE) return ret;
  yield* k.drainBeforeReuse(vmf, swapin);

  vmf.pte = yield* k.pte_offset_map_lock(vmf.pmd, vmf.address);
  if (!e.pte_same(yield* k.pte_get(vmf.pte), vmf.orig_pte)) {
    yield* k.pte_unmap_unlock(vmf.pte);
    yield* k.dropSwapIn(swapin);
    return ret;
  }
  ret |= yield* k.mapSwappedIn(vmf, swapin);
  if (vmf.flags & FAULT_FLAG_WRITE) {
    ret |= yield* k.do_wp_page(vmf);
    return ret & VM_FAULT_ERROR ? ret & VM_FAULT_ERROR : ret;
  }
  yield* k.pte_unmap_unlock(vmf.pte);
  return ret;
}

/**
 * mm/memory.c:do_swap_page(), before it takes the ptl. Stubbed: only later kernels ask for the count of references, among
 * which that of a pagevec would be one.
 * Enters with the page locked; returns with it locked.
 */
export function* drainBeforeReuse(_k: Kernel, _vmf: VmFault, _swapin: SwapIn): KRun<void> {}

/**
 * mm/memory.c:do_swap_page(), from the swap entry to the entry that takes its place. Faithful.
 * Enters with ptl and page lock held; returns with the ptl held and the page unlocked. Whatever is still to be done for
 * a write stays in the flags of the fault.
 *
 * @returns VM_FAULT_WRITE or 0
 */
export function* mapSwappedIn(k: Kernel, vmf: VmFault, swapin: SwapIn): KRun<number> {
  const { vma, orig_pte: entry } = vmf;
  const { page } = swapin;
  let pte = e.mk_pte(page, vma.vm_page_prot);
  const exclusive = (vmf.flags & FAULT_FLAG_WRITE) !== 0 && (yield* k.reuse_swap_page(page)).reuse;
  if (exclusive) {
    pte = k.maybe_mkwrite(e.pte_mkdirty(pte), vma);
    vmf.flags &= ~FAULT_FLAG_WRITE;
  }
  pte = k.swapped_in_pte(pte, entry);
  yield* k.set_pte_at(vmf.pte!, pte);
  vmf.orig_pte = pte;
  yield* k.finishSwapIn(vmf, swapin, entry, exclusive);
  return exclusive ? VM_FAULT_WRITE : 0;
}

/**
 * mm/memory.c:do_swap_page(), what the new entry takes along from the swap entry. Faithful; soft-dirty alone.
 * Enters with the ptl held; returns with it held. Takes no step.
 */
export function swapped_in_pte(k: Kernel, pte: Pte, entry: Pte): Pte {
  return e.pte_swp_soft_dirty(entry) ? e.pte_mksoft_dirty(pte) : pte;
}

/**
 * The first half of do_swap_page(): what is not swap, finding or reading the page, and locking it.
 * Enters with mmap_sem held for reading; returns the page locked and referenced.
 */
export function* swapInLocked(k: Kernel, vmf: VmFault): KRun<SwapIn> {
  const { vma, address, orig_pte } = vmf;
  const ended = (ret: number): SwapIn => ({ page: NO_PAGE, swapcache: NO_PAGE, ret });
  if (e.swp_type(orig_pte) !== e.SwapType.swap) return ended(yield* k.faultOnNonSwapEntry(vmf));

  let ret = 0;
  let swapcache = yield* k.lookup_swap_cache(orig_pte);
  if (swapcache === NO_PAGE) {
    swapcache = yield* k.swapin_readahead(orig_pte);
    if (swapcache === NO_PAGE) return ended(yield* k.outOfSwapPage(vmf));
    ret = VM_FAULT_MAJOR;
  }
  if (!(yield* k.lock_page_or_retry(swapcache, vma.vm_mm, vmf.flags))) {
    yield* k.put_page(swapcache);
    return ended(ret | VM_FAULT_RETRY);
  }
  // Somebody may have taken the page out of the cache, or even used it for another slot.
  const isOurs =
    (yield* k.PageSwapCache(swapcache)) && k.m.pages.private[swapcache] === e.swp_offset(orig_pte) + 1;
  if (!isOurs) {
    yield* k.dropSwapIn({ page: swapcache, swapcache, ret });
    return ended(ret);
  }
  return { page: yield* k.ksm_might_need_to_copy(swapcache, vma, address), swapcache, ret };
}

/** A fault on migration entries and the like, which have no page to read. */
export function* faultOnNonSwapEntry(k: Kernel, vmf: VmFault): KRun<number> {
  if (e.is_migration_entry(vmf.orig_pte)) {
    yield* k.migration_entry_wait(vmf);
    return 0;
  }
  if (e.swp_type(vmf.orig_pte) === e.SwapType.hwpoison) return VM_FAULT_HWPOISON;
  k.print_bad_pte(vmf.vma, vmf.address, vmf.orig_pte);
  return VM_FAULT_SIGBUS;
}

/** The slot is free already: somebody else has handled the entry, unless it is still there. */
export function* outOfSwapPage(k: Kernel, vmf: VmFault): KRun<number> {
  vmf.pte = yield* k.pte_offset_map_lock(vmf.pmd, vmf.address);
  const isSame = e.pte_same(yield* k.pte_get(vmf.pte), vmf.orig_pte);
  yield* k.pte_unmap_unlock(vmf.pte);
  return isSame ? VM_FAULT_OOM : 0;
}

/** The way out of do_swap_page() without having mapped the page. */
export function* dropSwapIn(k: Kernel, { page, swapcache }: SwapIn): KRun<void> {
  yield* k.unlock_page(page);
  yield* k.put_page(page);
  if (page === swapcache) return;
  yield* k.unlock_page(swapcache);
  yield* k.put_page(swapcache);
}

/**
 * What do_swap_page() does once the entry is set: map count, swap count, unlocking.
 * Enters with ptl and page lock held; returns with the ptl held and the page unlocked.
 */
export function* finishSwapIn(
  k: Kernel,
  vmf: VmFault,
  swapin: SwapIn,
  entry: Pte,
  exclusive: boolean,
): KRun<void> {
  const { vma, address } = vmf;
  const { page, swapcache } = swapin;
  if (page === swapcache) {
    yield* k.page_add_anon_rmap(page, vma, address, false, exclusive);
  } else {
    yield* k.page_add_new_anon_rmap(page, vma, address, false);
    yield* k.lru_cache_add(page);
  }
  yield* k.swap_free(entry);
  if (vma.vm_flags & VM_LOCKED) yield* k.try_to_free_swap(page);
  yield* k.unlockSwapIn(swapin);
}

/** The last of what do_swap_page() does with the page, and with the one of which it is a copy. */
export function* unlockSwapIn(k: Kernel, { page, swapcache }: SwapIn): KRun<void> {
  yield* k.unlock_page(page);
  if (page === swapcache) return;
  yield* k.unlock_page(swapcache);
  yield* k.put_page(swapcache);
}

/**
 * mm/swap_state.c:swapin_readahead(). Stubbed: reads the one page.
 * Enters with mmap_sem held; returns the page with a reference, unlocked, or NO_PAGE where the slot is free.
 */
export function* swapin_readahead(k: Kernel, entry: Pte): KRun<Pfn> {
  return yield* k.read_swap_cache_async(entry);
}

/**
 * include/linux/pagemap.h:lock_page_or_retry(). Simplified: no fatal signals.
 * Enters with mmap_sem held for reading; returns with the page locked, or not and mmap_sem released (but for NOWAIT).
 */
export function* lock_page_or_retry(k: Kernel, page: Pfn, mm: Mm, flags: number): KRun<boolean> {
  k.might_sleep('lock_page_or_retry()');
  if (yield* k.trylock_page(page)) return true;
  if (!(flags & FAULT_FLAG_ALLOW_RETRY)) {
    yield* k.lock_page(page);
    return true;
  }
  if (flags & FAULT_FLAG_RETRY_NOWAIT) return false;
  yield* k.up_read(mm.mmap_sem);
  yield* k.wait_on_page_locked(page);
  return false;
}

/**
 * mm/memory.c:do_numa_page(). Simplified: no statistics, so nothing that only they ask for.
 * Enters with mmap_sem held for reading; returns with it held.
 */
export function* do_numa_page(k: Kernel, vmf: VmFault): KRun<number> {
  const { vma, orig_pte } = vmf;
  const slot = vmf.pte!;
  yield* k.spin_lock(k.pte_lockptr(slot));
  if (!e.pte_same(yield* k.pte_get(slot), orig_pte)) {
    yield* k.pte_unmap_unlock(slot);
    return 0;
  }
  let pte = e.pte_mkyoung(e.pte_modify(yield* k.ptep_modify_prot_start(slot), vma.vm_page_prot));
  if (e.pte_savedwrite(orig_pte)) pte = e.pte_mkwrite(pte);
  yield* k.ptep_modify_prot_commit(slot, pte);

  const page = k.vm_normal_page(vma, vmf.address, pte);
  if (page === null || k.PageTransCompound(page)) {
    yield* k.pte_unmap_unlock(slot);
    return 0;
  }
  const target_nid = yield* k.numa_migrate_prep(page);
  yield* k.pte_unmap_unlock(slot);
  if (target_nid === -1) yield* k.put_page(page);
  else yield* k.migrate_misplaced_page(page, vma, target_nid);
  return 0;
}

/**
 * mm/memory.c:numa_migrate_prep(). Simplified: the default policy, without waiting for a second fault from the node.
 * Enters with the ptl held; returns with it held and a reference taken.
 *
 * @returns the node to which the page should move, or -1
 */
export function* numa_migrate_prep(k: Kernel, page: Pfn): KRun<number> {
  yield* k.get_page(page);
  const here = k.numa_node_id();
  return k.m.config.nodes > 1 && k.m.pages.nid[page] !== here ? here : -1;
}
