/**
 * mm/rmap.c, the counting half: a page learns that it is mapped, or no longer. The way back from a page to its
 * mappings is in rmap_walk.ts.
 *
 * An anon_vma is named by its root, so "own" and "root" anon_vma are one.
 */
import { VM_EXEC, VM_READ, VM_SOFTDIRTY, VM_WRITE } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Vma } from '../mm';
import { pageFlagsObject, pageMapObject } from '../objects';
import { Mapping, PG_double_map } from '../pages';
import { PAGE_SIZE, type Pfn, type Vaddr } from '../units';

/** linear_page_index(): what page->index must be for a page of `vma` at `va`. */
export const linearPageIndex = (vma: Vma, va: Vaddr): number =>
  vma.vm_pgoff + Math.floor((va - vma.vm_start) / PAGE_SIZE);

/**
 * mm/rmap.c:anon_vma_prepare(). Simplified: never out of memory.
 * Enters with mmap_sem held; returns with it held. Takes no step.
 */
export function anon_vma_prepare(k: Kernel, vma: Vma): void {
  if (vma.anon_vma !== 0) return;
  const { mmap } = vma.vm_mm;
  const at = mmap.indexOf(vma);
  const near = [mmap[at + 1], mmap[at - 1]].find(
    (other) => other?.anon_vma_chain.length === 1 && mergeableAnon(vma, other),
  );
  vma.anon_vma = near ? near.anon_vma : k.m.anonVmaIds.take(k.task.id);
  vma.anon_vma_chain = [vma.anon_vma];
}

/** anon_vma_compatible(): the two would be one VMA but for their access rights. */
function mergeableAnon(a: Vma, b: Vma): boolean {
  const [first, second] = a.vm_start < b.vm_start ? [a, b] : [b, a];
  return (
    first.vm_end === second.vm_start &&
    a.vm_file === b.vm_file &&
    ((a.vm_flags ^ b.vm_flags) & ~(VM_READ | VM_WRITE | VM_EXEC | VM_SOFTDIRTY)) === 0 &&
    second.vm_pgoff === first.vm_pgoff + (first.vm_end - first.vm_start) / PAGE_SIZE
  );
}

/**
 * mm/rmap.c:page_add_new_anon_rmap(). Faithful.
 * Enters with the page known to nobody else; returns with its map count 1, whatever it was.
 */
export function* page_add_new_anon_rmap(
  k: Kernel,
  page: Pfn,
  vma: Vma,
  address: Vaddr,
  compound: boolean,
): KRun<void> {
  k.VM_BUG_ON(
    address < vma.vm_start || address >= vma.vm_end,
    'page_add_new_anon_rmap(): address outside the VMA',
  );
  k.VM_BUG_ON(
    compound !== k.PageTransCompound(page),
    'page_add_new_anon_rmap(): compound page mapped as a base page or the reverse',
  );
  yield* k.SetPageSwapBacked(page);
  yield* k.changeMapcount('map new page', page, () => {
    if (compound) k.m.pages.compound_mapcount[page] = 0;
    else k.m.pages.mapcount[page] = 0;
    k.setAnonMapping(page, vma, address);
  });
}

/** __page_set_anon_rmap(): the page belongs to the VMA's anon_vma unless it belongs to one already. */
export function setAnonMapping(k: Kernel, page: Pfn, vma: Vma, address: Vaddr): void {
  k.BUG_ON(vma.anon_vma === 0, '__page_set_anon_rmap(): no anon_vma');
  if (k.PageAnon(page)) return;
  k.m.pages.mapping[page] = Mapping.anon;
  k.m.pages.mappingId[page] = vma.anon_vma;
  k.m.pages.index[page] = linearPageIndex(vma, address);
}

/**
 * mm/rmap.c:page_add_anon_rmap(). Faithful; do_page_add_anon_rmap() with its flags.
 * Enters with the ptl held and the page locked (a KSM page need not be); returns with both held.
 */
export function* page_add_anon_rmap(
  k: Kernel,
  page: Pfn,
  vma: Vma,
  address: Vaddr,
  compound: boolean,
  exclusive: boolean,
): KRun<void> {
  const { pages } = k.m;
  if (compound) {
    k.VM_BUG_ON(!k.PageLocked(page), 'do_page_add_anon_rmap(): page not locked');
    k.VM_BUG_ON(!k.PageTransHuge(page), 'do_page_add_anon_rmap(): not a huge page');
  }
  yield* k.changeMapcount('map page', page, () => {
    const first = countMapping(k, page, compound) === 0;
    if (k.PageKsm(page)) return;
    k.VM_BUG_ON(!k.PageLocked(page), 'do_page_add_anon_rmap(): page not locked');
    if (first) {
      k.setAnonMapping(page, vma, address);
      return;
    }
    const head = k.m.compound_head(page);
    k.VM_BUG_ON(
      pages.mappingId[head] !== vma.anon_vma,
      '__page_check_anon_rmap(): the page is of another anon_vma',
    );
    const index = pages.index[head]! + (page - head);
    k.VM_BUG_ON(
      index !== linearPageIndex(vma, address),
      '__page_check_anon_rmap(): the page is at another index',
    );
  });
}

/**
 * include/linux/rmap.h:page_dup_rmap(). Faithful.
 * Enters with the ptl of a mapping held; returns with it held.
 */
export function* page_dup_rmap(k: Kernel, page: Pfn, compound: boolean): KRun<void> {
  yield* k.changeMapcount('map page', page, () => {
    countMapping(k, page, compound);
  });
}

/** Part of somebody's step. The columns are asked for in it, because they move when memory grows. */
const countMapping = (k: Kernel, page: Pfn, compound: boolean): number =>
  compound ? ++k.m.pages.compound_mapcount[page]! : ++k.m.pages.mapcount[page]!;

/**
 * mm/rmap.c:page_add_file_rmap(). Simplified: no NR_FILE_MAPPED.
 * Enters with the ptl held; returns with it held.
 */
export function* page_add_file_rmap(k: Kernel, page: Pfn, compound: boolean): KRun<void> {
  k.VM_BUG_ON(compound && !k.PageTransHuge(page), 'page_add_file_rmap(): not a huge page');
  yield* k.changeMapcount('map page', page, () => addToAll(k, page, compound, 1));
}

/** A file THP counts a PMD mapping on every subpage as well. */
function addToAll(k: Kernel, page: Pfn, compound: boolean, by: number): void {
  const { mapcount, compound_mapcount } = k.m.pages;
  if (compound) compound_mapcount[page]! += by;
  for (const one of compound ? k.m.subpages(page) : [page]) mapcount[one]! += by;
}

/**
 * mm/rmap.c:page_remove_rmap(). Simplified: no deferred split queue, no mlock.
 * Enters with the ptl held; returns with it held. The mapping stays named in the page until the page is freed.
 */
export function* page_remove_rmap(k: Kernel, page: Pfn, compound: boolean): KRun<void> {
  if (!k.PageAnon(page)) {
    yield* k.changeMapcount('unmap page', page, () => addToAll(k, page, compound, -1));
    return;
  }
  const { pages } = k.m;
  if (!compound) {
    yield* k.changeMapcount('unmap page', page, () => {
      pages.mapcount[page]!--;
    });
    return;
  }
  const last = yield* k.changeMapcount('unmap huge page', page, () => --pages.compound_mapcount[page]! < 0);
  if (!last) return;
  // The flag is part of what page_mapcount() adds up, hence both objects.
  const doubleMap = yield* k.stepOn(
    'clear DoubleMap',
    () => [pageMapObject(page), pageFlagsObject(page)],
    3,
    () => {
      const was = (pages.flags[page]! & PG_double_map) !== 0;
      pages.flags[page]! &= ~PG_double_map;
      return was;
    },
  );
  if (!doubleMap) return;
  yield* k.changeMapcount('drop DoubleMap counts', page, () => {
    for (const one of k.m.subpages(page)) pages.mapcount[one]!--;
  });
}

/**
 * mm/rmap.c:page_move_anon_rmap(). Faithful.
 * Enters with the page locked, mapped by this VMA alone; returns with it locked.
 */
export function* page_move_anon_rmap(k: Kernel, page: Pfn, vma: Vma): KRun<void> {
  const head = k.m.compound_head(page);
  k.VM_BUG_ON(!k.PageLocked(head), 'page_move_anon_rmap(): page not locked');
  k.VM_BUG_ON(vma.anon_vma === 0, 'page_move_anon_rmap(): no anon_vma');
  yield* k.changeMapcount('move to own anon_vma', head, () => {
    k.m.pages.mapping[head] = Mapping.anon;
    k.m.pages.mappingId[head] = vma.anon_vma;
  });
}

/**
 * mm/util.c:page_mapped(). Faithful.
 * Enters with nothing held; returns with nothing held.
 */
export function* page_mapped(k: Kernel, page: Pfn): KRun<boolean> {
  return (yield* k.changelessMapcount('page_mapped', page, () => k.mappingsOf(page))) > 0;
}

/** total_mapcount() without a step: mappings of a base page, or of a compound page and all its parts. */
export function mappingsOf(k: Kernel, page: Pfn): number {
  const { pages } = k.m;
  if (!k.m.isHead(page)) return k.mapcountOf(page);
  const huge = pages.compound_mapcount[page]! + 1;
  const parts = k.m.subpages(page);
  const small = parts.reduce((sum, one) => sum + pages.mapcount[one]! + 1, 0);
  if (!k.PageAnon(page)) return small - huge * (parts.length - 1);
  return small + huge - (pages.flags[page]! & PG_double_map ? parts.length : 0);
}

/** A look at the map counts of a page or compound page as one step. */
export function* changelessMapcount(k: Kernel, label: string, page: Pfn, look: () => number): KRun<number> {
  return yield* k.step(label, pageMapObject(k.m.compound_head(page)), false, look);
}
