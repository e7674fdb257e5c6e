/**
 * mm/ksm.c, the giving-back half: breaking COW on merged pages, madvise(2), /sys/kernel/mm/ksm/run, and what the rest
 * of the kernel asks KSM about a page. The ksm_thread_mutex is not modelled: one task at a time plays ksmd.
 */
import {
  ENOMEM,
  FAULT_FLAG_REMOTE,
  FAULT_FLAG_WRITE,
  VM_DONTEXPAND,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  VM_FAULT_SIGSEGV,
  VM_FAULT_WRITE,
  VM_HUGETLB,
  VM_IO,
  VM_MAYSHARE,
  VM_MERGEABLE,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_SHARED,
  withFlags,
  withoutFlags,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { RmapItem } from '../ksm_state';
import type { Vma } from '../mm';
import { ksmObject } from '../objects';
import { Mapping, NO_PAGE, PG_uptodate } from '../pages';
import { PAGE_SIZE, type Pfn, plus, type Vaddr } from '../units';
import { linearPageIndex } from './rmap';
import type { MappedIn } from './rmap_walk';

/** A fault that never gets anywhere is a hang of the kernel, and must not be one of the model. */
const BREAK_ROUNDS = 64;
const BROKEN = VM_FAULT_WRITE | VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV | VM_FAULT_OOM;
const ERESTARTSYS = 512;
const NOT_MERGEABLE = VM_SHARED | VM_MAYSHARE | VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_HUGETLB | VM_MIXEDMAP;

/**
 * mm/ksm.c:break_ksm(). Faithful; SIGBUS counts as success, although the page is still merged then.
 * Enters with mmap_sem held for reading; returns with it held, since nothing allows a retry.
 */
export function* break_ksm(k: Kernel, vma: Vma, addr: Vaddr): KRun<number> {
  let ret = 0;
  for (let round = 0; !(ret & BROKEN); round++) {
    if (round === BREAK_ROUNDS) k.bug('hang', `break_ksm(): no end of faults at ${addr}`);
    const page = yield* k.anonPageAt(vma, addr, true);
    if (page === NO_PAGE) break;
    ret = VM_FAULT_WRITE;
    if (k.PageKsm(page)) ret = yield* k.handle_mm_fault(vma, addr, FAULT_FLAG_WRITE | FAULT_FLAG_REMOTE);
    yield* k.put_page(page);
  }
  return ret & VM_FAULT_OOM ? -ENOMEM : 0;
}

/**
 * mm/ksm.c:break_cow(). Faithful.
 * Enters with no lock held; returns with none held.
 */
export function* break_cow(k: Kernel, item: RmapItem): KRun<void> {
  const mm = k.m.mm(item.mmId);
  yield* k.down_read(mm.mmap_sem);
  const vma = k.find_mergeable_vma(mm, item.va);
  if (vma) yield* k.break_ksm(vma, item.va);
  yield* k.up_read(mm.mmap_sem);
}

/**
 * mm/ksm.c:unmerge_ksm_pages(). Faithful.
 * Enters with mmap_sem held; returns with it held.
 */
export function* unmerge_ksm_pages(k: Kernel, vma: Vma, start: Vaddr, end: Vaddr): KRun<number> {
  let err = 0;
  for (let addr = start; addr < end && err === 0; ) {
    const empty = yield* k.tableSpanWithout(vma.vm_mm, addr);
    if (empty === 0) err = k.task.signalPending ? -ERESTARTSYS : yield* k.break_ksm(vma, addr);
    addr = plus(addr, empty || PAGE_SIZE);
  }
  return err;
}

/**
 * mm/ksm.c:ksm_madvise(). Simplified: returns the flags instead of storing them, for madvise_behavior() to apply.
 * Enters with mmap_sem held for writing; returns with it held, and the new vm_flags or -errno.
 *
 * @param advice MADV_MERGEABLE or MADV_UNMERGEABLE, in either case and with or without its prefix
 */
export function* ksm_madvise(k: Kernel, vma: Vma, start: Vaddr, end: Vaddr, advice: string): KRun<number> {
  const flags = vma.vm_flags;
  if (!/^(madv_)?unmergeable$/i.test(advice)) {
    if ((flags & (VM_MERGEABLE | NOT_MERGEABLE)) !== 0) return flags;
    return withFlags(flags, VM_MERGEABLE);
  }
  if ((flags & VM_MERGEABLE) === 0) return flags;
  const err = vma.anon_vma === 0 ? 0 : yield* k.unmerge_ksm_pages(vma, start, end);
  return err === 0 ? withoutFlags(flags, VM_MERGEABLE) : err;
}

/**
 * mm/ksm.c:unmerge_and_remove_all_rmap_items(), for a 2 in /sys/kernel/mm/ksm/run. Simplified: `run` has no state.
 * Enters with no lock held; returns with none held, and 0 or -errno.
 */
export function* ksm_run_unmerge(k: Kernel): KRun<number> {
  for (const mm of k.m.mms) {
    let err = 0;
    yield* k.down_read(mm.mmap_sem);
    for (const vma of mm.mmap) {
      if (err !== 0 || mm.exited || (vma.vm_flags & VM_MERGEABLE) === 0 || vma.anon_vma === 0) continue;
      err = yield* k.unmerge_ksm_pages(vma, vma.vm_start, vma.vm_end);
    }
    yield* k.up_read(mm.mmap_sem);
    if (err !== 0) return err;
  }
  return yield* k.remove_all_stable_nodes();
}

/**
 * mm/ksm.c:remove_all_stable_nodes(). Faithful; the items of a page that is still mapped are gone all the same.
 * Enters with no lock held; returns with none held.
 */
export function* remove_all_stable_nodes(k: Kernel): KRun<number> {
  for (const kpage of [...k.m.ksm.items.keys()] as Pfn[]) {
    yield* k.step('remove rmap_items', ksmObject, true, () => k.m.ksm.items.set(kpage, []));
    if (!(yield* k.get_ksm_page(kpage))) {
      yield* k.remove_node_from_stable_tree(kpage);
      continue;
    }
    yield* k.lock_page(kpage);
    if (yield* k.page_mapped(kpage)) {
      k.stable_node_is_mapped();
    } else {
      yield* k.set_page_stable_node(kpage, NO_PAGE);
      yield* k.remove_node_from_stable_tree(kpage);
    }
    yield* k.unlock_page(kpage);
    yield* k.put_page(kpage);
  }
  return 0;
}

/**
 * mm/ksm.c:remove_stable_node(), of a page that is still mapped. Faithful; the node stays.
 * Enters with the page locked; returns with it locked.
 */
export function stable_node_is_mapped(k: Kernel): void {
  k.warn('BUG', 'WARNING at mm/ksm.c:remove_stable_node(): page_mapped(page)');
}

/**
 * mm/ksm.c:ksm_might_need_to_copy(). Simplified: "no stable node" is what remains of KSM_RUN_UNMERGE.
 * Enters with mmap_sem held for reading and the page locked; returns the page, or a locked copy that is not yet mapped.
 */
export function* ksm_might_need_to_copy(k: Kernel, page: Pfn, vma: Vma, address: Vaddr): KRun<Pfn> {
  const { mapping, mappingId, index, flags } = k.m.pages;
  if (k.PageKsm(page)) {
    if (mappingId[page] !== NO_PAGE) return page;
  } else if (mapping[page] !== Mapping.anon) {
    return page;
  } else if (mappingId[page] === vma.anon_vma && index[page] === linearPageIndex(vma, address)) {
    return page;
  }
  if ((flags[page]! & PG_uptodate) === 0) return page;
  const copy = k.alloc_page(1, k.numa_node_id());
  yield* k.copy_page(page, copy, address);
  yield* k.SetPageDirty(copy);
  k.__SetPageUptodate(copy);
  yield* k.lock_page(copy);
  return copy;
}

/** rmap_walk_ksm(): each item's place, and the same place in VMAs that fork() made of that one. Takes no step. */
export function ksmVmasOf(k: Kernel, page: Pfn): MappedIn[] {
  const places = new Map<Vma, Vaddr[]>();
  for (const { anonVma, va } of k.m.ksm.items.get(page) ?? []) {
    for (const vma of k.m.mms.flatMap((mm) => mm.mmap)) {
      if (vma.anon_vma !== anonVma || va < vma.vm_start || va >= vma.vm_end) continue;
      const known = places.get(vma) ?? [];
      if (!known.includes(va)) places.set(vma, [...known, va]);
    }
  }
  return [...places].flatMap(([vma, all]) => all.map((va) => ({ vma, va })));
}
