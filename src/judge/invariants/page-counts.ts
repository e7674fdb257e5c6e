import {
  entry as e,
  leavesOf,
  type Machine,
  Mapping,
  type Pfn,
  PG_double_map,
  PG_free,
  pfn,
  presentLeaf,
} from '../../core/index';
import { type Invariant, invariant } from '../invariant';

/** What the leaves of all processes add up to, by frame. */
interface Census {
  /** References by head. */
  readonly refs: Int32Array;
  /** PTE mappings by subpage. */
  readonly ptes: Int32Array;
  /** PMD mappings by head. */
  readonly pmds: Int32Array;
}

function census(m: Machine): Census {
  const { count } = m.pages;
  const c: Census = { refs: new Int32Array(count), ptes: new Int32Array(count), pmds: new Int32Array(count) };
  for (const mm of m.mms) {
    for (const leaf of leavesOf(mm)) {
      const page = e.pte_pfn(leaf.entry);
      if (!presentLeaf(leaf) || e.pte_special(leaf.entry) || !m.pfn_valid(page) || page === m.hugeZeroPage)
        continue;
      c.refs[m.compound_head(page)]!++;
      (leaf.huge ? c.pmds : c.ptes)[page]!++;
    }
  }
  for (const file of m.files) for (const page of file.cache.values()) c.refs[page]!++;
  for (const task of m.tasks) for (const page of task.lruPvec) c.refs[m.compound_head(page)]!++;
  // A huge page has a reference of the swap cache for each of its parts.
  for (const page of m.swap.cache.values()) c.refs[m.compound_head(page)]!++;
  return c;
}

const busy = (m: Machine): boolean => m.tasks.some((t) => t.inKernel || t.dead);

function* checkedPages(m: Machine): Generator<Pfn> {
  for (let p = m.hugeZeroPage + m.HPAGE_PMD_NR; p < m.pages.count; p++) if (m.pfn_valid(pfn(p))) yield pfn(p);
}

function wrongRefcount(m: Machine): string | null {
  const c = census(m);
  for (const page of checkedPages(m)) {
    if (m.compound_head(page) !== page) continue;
    const counted = c.refs[page]!;
    const says = m.pages.refcount[page]!;
    if (says !== counted) return `page ${page} has ${says} references where ${counted} hold it`;
    const pins = m.pages.pincount.get(page) ?? 0;
    if (pins !== 0) return `huge page ${page} has ${pins} pins where nobody holds it`;
  }
  return null;
}

function wrongMapcount(m: Machine): string | null {
  const c = census(m);
  for (const page of checkedPages(m)) {
    const head = m.compound_head(page);
    if (m.pages.flags[head]! & PG_free || m.pages.mapping[head] === Mapping.none) continue;
    const extra = m.pages.isCompound(page) && m.pages.flags[head]! & PG_double_map ? 1 : 0;
    const says = m.pages.mapcount[page]! + 1 - extra;
    const counted = c.ptes[page]!;
    if (says !== counted) return `page ${page} is mapped by ${counted} entries and counts ${says}`;
    const huge = m.pages.compound_mapcount[head]! + 1;
    if (page === head && huge !== c.pmds[head]!) {
      return `huge page ${head} is mapped by ${c.pmds[head]!} PMDs and counts ${huge}`;
    }
  }
  return null;
}

export const refcounts: Invariant = invariant({
  id: 'refcount',
  class: 'kernel-integrity',
  says: 'At rest a page has as many references as there are entries, caches and CPUs that hold it.',
  source: 'include/linux/mm_types.h: struct page; mm/swap.c',
  at: 'quiet',
  check: (_h, m) => (busy(m) ? null : wrongRefcount(m)),
});

export const mapcounts: Invariant = invariant({
  id: 'mapcount',
  class: 'kernel-integrity',
  says: 'At rest the map counts of a page say how many entries map it.',
  source: 'include/linux/mm.h:page_mapcount(), mm/huge_memory.c:total_mapcount()',
  at: 'quiet',
  check: (_h, m) => (busy(m) ? null : wrongMapcount(m)),
});

export const noLeak: Invariant = invariant({
  id: 'no-leak',
  class: 'kernel-integrity',
  says: 'When every process has exited, all its pages are with the allocator again.',
  source: 'mm/mmap.c:exit_mmap()',
  at: 'end',
  check: (_h, m) => (m.tasks.some((t) => t.dead) ? null : wrongRefcount(m)),
});
