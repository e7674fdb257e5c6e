/** Questions about the machine that several invariants ask. They look; they never take a step. */
import {
  entry as e,
  flags as f,
  frameOf,
  type Leaf,
  leafAt,
  leavesOf,
  type Machine,
  Mapping,
  type Mm,
  mainline,
  type Pfn,
  PG_double_map,
  PG_swapcache,
  type Pte,
  partOf,
  pfn,
  presentLeaf,
  type Vma,
} from '../core/index';
import { fileKey, type Notes, viewKey } from './notes';

export const vmaAt = (mm: Mm, va: number): Vma | undefined =>
  mm.mmap.find((v) => va >= v.vm_start && va < v.vm_end);

/** Everything else that shows the frame to a program: leaves of all processes that map it. */
export function mappersOf(m: Machine, page: Pfn): { mm: Mm; va: number; leaf: Leaf }[] {
  const found: { mm: Mm; va: number; leaf: Leaf }[] = [];
  for (const mm of m.mms) {
    for (const leaf of leavesOf(mm)) {
      if (!presentLeaf(leaf)) continue;
      const size = leaf.huge ? m.HPAGE_PMD_NR : 1;
      const offset = page - e.pte_pfn(leaf.entry);
      if (offset >= 0 && offset < size) found.push({ mm, va: leaf.va + offset * 4096, leaf });
    }
  }
  return found;
}

/** The program asked for SIGBUS instead of events (UFFD_FEATURE_SIGBUS). */
export const wantsSigbus = (mm: Mm, va: number): boolean =>
  ((vmaAt(mm, va)?.vm_userfaultfd_ctx?.features ?? 0) & mainline.UFFD_FEATURE_SIGBUS) !== 0;

export const isPrivate = (vma: Vma): boolean => (vma.vm_flags & f.VM_SHARED) === 0;
export const isSpecialPage = (m: Machine, page: Pfn): boolean =>
  page === m.zeroPage || (page >= m.hugeZeroPage && page < m.hugeZeroPage + m.HPAGE_PMD_NR);

/** Swap entries that name the slot of a page in the swap cache. */
const swapEntriesOf = (m: Machine, page: Pfn): number =>
  m.pages.flags[m.pages.compound_head(page)]! & PG_swapcache
    ? (m.swap.map[m.pages.private[page]! - 1] ?? 1) - 1
    : 0;

/** An entry at another address than (mm, va) names the swap slot of the frame; its counts run ahead of the entries. */
export function isOnSwapElsewhere(m: Machine, page: Pfn, mm: Mm, va: number): boolean {
  if (swapEntriesOf(m, page) === 0) return false;
  const slot = m.pages.private[page]! - 1;
  const isElsewhere = (leaf: Leaf): boolean =>
    (leaf.mm !== mm || leaf.va !== va) && !presentLeaf(leaf) && isSwapTo(leaf.entry, slot);
  return m.mms.some((one) => leavesOf(one).some(isElsewhere));
}

const isSwapTo = (entry: Pte, slot: number): boolean =>
  !e.is_migration_entry(entry) && e.swp_type(entry) === e.SwapType.swap && e.swp_offset(entry) === slot;

/** More than one leaf or swap entry refers to the frame, as far as its counts say: a split changes them in steps. */
export function isSharedFrame(m: Machine, page: Pfn): boolean {
  const { pages } = m;
  const head = pages.compound_head(page);
  let count = pages.mapcount[page]! + 1 + swapEntriesOf(m, page);
  if (pages.isCompound(page)) {
    count += pages.compound_mapcount[head]! + 1;
    if (pages.flags[head]! & PG_double_map) count--;
  }
  return count > 1;
}

export const isKsm = (m: Machine, page: Pfn): boolean => m.pages.mapping[page] === Mapping.ksm;
export const isFilePage = (m: Machine, page: Pfn): boolean =>
  m.pages.mapping[m.pages.compound_head(page)] === Mapping.file;

/** Offset of a page in the file, or in the anonymous mapping. */
export const fileIndexAt = (vma: Vma, va: number): number =>
  vma.vm_pgoff + Math.floor((va - vma.vm_start) / 4096);

/** What a page holds that nobody has stored to: zeroes, or what the file has. */
export function backgroundAt(notes: Notes, vma: Vma | undefined, va: number): readonly number[] {
  if (!vma?.vm_file) return [0];
  const index = fileIndexAt(vma, va);
  return notes.fileView.get(fileKey(vma.vm_file.id, index)) ?? [vma.vm_file.disk.get(index) ?? 0];
}

/** What a load at `va` may see. */
export function allowedAt(notes: Notes, mm: Mm, va: number): readonly number[] {
  const vma = vmaAt(mm, va);
  const background = backgroundAt(notes, vma, va);
  const own = vma && !isPrivate(vma) && vma.vm_file ? undefined : notes.view.get(viewKey(mm.id, va));
  if (!own) return background;
  const isGoing = notes.calls.some((c) => c.mm === mm.id && c.discards && va >= c.start && va < c.end);
  return isGoing ? [...own, ...background] : own;
}

/** What the page at `va` holds now, wherever the kernel keeps it. */
export function heldAt(m: Machine, mm: Mm, va: number): number | null {
  const leaf = leafAt(mm, va);
  const vma = vmaAt(mm, va);
  if (!leaf || e.pte_none(leaf.entry)) {
    if (!vma?.vm_file) return 0;
    const index = fileIndexAt(vma, va);
    const cached = vma.vm_file.cache.get(index);
    return cached === undefined ? (vma.vm_file.disk.get(index) ?? 0) : m.pages.contentOf(cached);
  }
  if (presentLeaf(leaf)) return m.pages.contentOf(frameOf(leaf, va));
  const offset = e.swp_offset(leaf.entry);
  if (e.is_migration_entry(leaf.entry)) {
    return m.pages.contentOf(pfn(offset + partOf(leaf, va)));
  }
  if (e.swp_type(leaf.entry) !== e.SwapType.swap) return null;
  const cached = m.swap.cache.get(offset);
  return cached === undefined ? (m.swap.content[offset] ?? 0) : m.pages.contentOf(cached);
}
