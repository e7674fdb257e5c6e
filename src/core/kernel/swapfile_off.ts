/** mm/swapfile.c: swapoff(2), which brings every page back and maps it where its slot is named. */
import * as e from '../entry';
import { EINTR, EINVAL } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma } from '../mm';
import { entryObject, swapSlotObject } from '../objects';
import { NO_PAGE } from '../pages';
import type { Slot } from '../table';
import { PAGE_SIZE, type Pfn, type Pte, type Vaddr, vaddr } from '../units';

/** Rounds over all slots; entries that fork copies meanwhile are found in the next one. */
const ROUNDS = 4;

/**
 * mm/swapfile.c:swapoff(). Simplified: there is one device.
 * Enters with no lock held; returns with none held.
 */
export function* swapoff(k: Kernel): KRun<number> {
  if (!(yield* k.switchSwap(false))) return -EINVAL;
  const error = yield* k.try_to_unuse();
  if (error !== 0) yield* k.switchSwap(true);
  return error;
}

/** SWP_WRITEOK of the device, without which no slot is given out; returns what it was. */
export function* switchSwap(k: Kernel, isOn: boolean): KRun<boolean> {
  return yield* k.stepOn(
    `swap ${isOn ? 'on' : 'off'}`,
    () => [swapSlotObject(k.lowestFreeSlot(1))],
    1,
    () => {
      const was = k.m.swap.isOn;
      k.m.swap.isOn = isOn;
      return was;
    },
  );
}

/**
 * mm/shmem.c:shmem_unuse(). Simplified: pages that come back while it looks are not looked for again.
 * Enters with no lock held; returns with none held, and shared memory out of swap.
 */
export function* shmem_unuse(k: Kernel): KRun<void> {
  for (const file of k.m.files.filter(({ kind }) => kind === 'shmem')) {
    for (const index of [...file.disk.keys()]) {
      const page = yield* k.find_or_read_page(file, index);
      yield* k.unlock_page(page);
      yield* k.put_page(page);
    }
  }
}

/**
 * mm/swapfile.c:try_to_unuse(). Simplified: gives up after some rounds, where the kernel goes on until a signal comes.
 * Enters with no lock held; returns with none held.
 */
export function* try_to_unuse(k: Kernel): KRun<number> {
  const { map } = k.m.swap;
  yield* k.shmem_unuse();
  for (let round = 0; round < ROUNDS; round++) {
    let seen = 0;
    for (let slot = 0; slot < map.length; slot++) {
      const users = yield* k.step('next slot in use', swapSlotObject(slot), false, () => map[slot]!);
      if (users === 0) continue;
      seen++;
      yield* k.unuseSlot(e.swp_entry(e.SwapType.swap, slot));
    }
    if (seen === 0) return 0;
  }
  return -EINTR;
}

/** What try_to_unuse() does for one slot. */
export function* unuseSlot(k: Kernel, entry: Pte): KRun<void> {
  const page = yield* k.read_swap_cache_async(entry);
  if (page === NO_PAGE) return;
  yield* k.lock_page(page);
  yield* k.wait_on_page_writeback(page);
  for (const mm of k.m.mms) {
    if ((yield* k.__swap_count(entry)) === 0) break;
    if (!mm.exited) yield* k.unuse_mm(mm, entry, page);
  }
  const slot = e.swp_offset(entry);
  const isOurs = (yield* k.PageSwapCache(page)) && k.m.pages.private[page] === slot + 1;
  if (isOurs && !(yield* k.othersAreSwapped(page))) {
    // Entries that were not found still need the content on the device.
    if ((yield* k.__swap_count(entry)) > 0 && (yield* k.TestClearPageDirty(page))) {
      const content = yield* k.read_content(page);
      yield* k.step('write to swap', swapSlotObject(slot), true, () => {
        k.m.swap.content[slot] = content;
      });
    }
    yield* k.delete_from_swap_cache(page);
  }
  // Or reclaim would drop it without writing it again.
  yield* k.SetPageDirty(page);
  yield* k.unlock_page(page);
  yield* k.put_page(page);
}

/** Whether entries name other parts of a huge page that is in the swap cache: then it stays there. */
export function* othersAreSwapped(k: Kernel, page: Pfn): KRun<boolean> {
  for (const part of k.m.subpages(k.m.compound_head(page))) {
    if (part !== page && (yield* k.page_swapcount(part)) > 0) return true;
  }
  return false;
}

/**
 * mm/swapfile.c:unuse_mm(). Faithful.
 * Enters with the page locked; returns with it locked, after having dropped the lock if mmap_sem was taken.
 */
export function* unuse_mm(k: Kernel, mm: Mm, entry: Pte, page: Pfn): KRun<void> {
  if (!(yield* k.down_read_trylock(mm.mmap_sem))) {
    yield* k.unlock_page(page);
    yield* k.down_read(mm.mmap_sem);
    yield* k.lock_page(page);
  }
  for (const vma of mm.mmap) {
    if (vma.anon_vma !== 0 && (yield* k.unuse_vma(vma, entry, page))) break;
  }
  yield* k.up_read(mm.mmap_sem);
}

/**
 * mm/swapfile.c:unuse_vma(). Simplified: a table of entries is looked through in one step.
 * Enters with mmap_sem held for reading and the page locked; returns the same.
 *
 * @returns whether an entry was found
 */
export function* unuse_vma(k: Kernel, vma: Vma, entry: Pte, page: Pfn): KRun<boolean> {
  let [start, end] = [vma.vm_start, vma.vm_end];
  if (k.PageAnon(page) && !k.PageKsm(page)) {
    // It was mapped before, so its place is known.
    const head = k.m.compound_head(page);
    const index = k.m.pages.index[head]! + (page - head);
    start = vaddr(vma.vm_start + (index - vma.vm_pgoff) * PAGE_SIZE);
    if (k.m.pages.mappingId[head] !== vma.anon_vma || start < vma.vm_start || start >= end) return false;
    end = vaddr(start + PAGE_SIZE);
  }
  for (let addr = start; addr < end; ) {
    const pmd = k.m.mm_find_pmd_slot(vma.vm_mm, addr);
    const next = vaddr(Math.min(addr - (addr % k.m.HPAGE_PMD_SIZE) + k.m.HPAGE_PMD_SIZE, end));
    if (pmd !== null && !(yield* k.pmd_trans_unstable(pmd))) {
      const found = yield* k.findSwapPte(pmd, addr, next, entry);
      if (found !== null && (yield* k.unuse_pte(vma, pmd, found, entry, page))) return true;
    }
    addr = next;
  }
  return false;
}

/** The part of unuse_pte_range() that looks for the entry, without the ptl. */
export function* findSwapPte(k: Kernel, pmd: Slot, start: Vaddr, end: Vaddr, entry: Pte): KRun<Vaddr | null> {
  const { table, index } = k.m.pte_offset(pmd, start);
  const last = index + (end - start) / PAGE_SIZE;
  const looked = Array.from({ length: last - index }, (_, i) => entryObject(table.id, index + i));
  return yield* k.stepOn(
    'look for swap entry',
    () => looked,
    0,
    () => {
      for (let i = index; i < last; i++) {
        if (k.pte_same_as_swp(table.entries[i]! as Pte, entry)) return table.addressOf(i);
      }
      return null;
    },
  );
}

/**
 * mm/swapfile.c:pte_same_as_swp(). Faithful.
 * Enters with any lock; returns the same. The marks beside the slot do not count.
 */
export function pte_same_as_swp(k: Kernel, pte: Pte, swp_pte: Pte): boolean {
  if (!e.is_swap_pte(pte)) return false;
  const plain = e.pte_swp_clear_exclusive(e.pte_swp_clear_uffd_wp(e.pte_swp_clear_soft_dirty(pte)));
  return e.pte_same(plain, swp_pte);
}

/**
 * mm/swapfile.c:unuse_pte(). Faithful.
 * Enters with mmap_sem held for reading and the page locked; returns the same.
 *
 * The new entry is old, clean and read-only, and soft-dirty is lost.
 *
 * @returns whether the entry was still there
 */
export function* unuse_pte(
  k: Kernel,
  vma: Vma,
  pmd: Slot,
  addr: Vaddr,
  entry: Pte,
  swapcache: Pfn,
): KRun<boolean> {
  const page = yield* k.ksm_might_need_to_copy(swapcache, vma, addr);
  const pte = yield* k.pte_offset_map_lock(pmd, addr);
  const isSame = k.pte_same_as_swp(yield* k.pte_get(pte), entry);
  if (isSame) {
    yield* k.get_page(page);
    yield* k.set_pte_at(pte, e.pte_mkold(e.mk_pte(page, vma.vm_page_prot)));
    if (page === swapcache) {
      yield* k.page_add_anon_rmap(page, vma, addr, false, false);
    } else {
      yield* k.page_add_new_anon_rmap(page, vma, addr, false);
      yield* k.lru_cache_add(page);
    }
    yield* k.swap_free(entry);
  }
  yield* k.pte_unmap_unlock(pte);
  if (page !== swapcache) {
    yield* k.unlock_page(page);
    yield* k.put_page(page);
  }
  return isSame;
}
