import { entry as e, leafAt, type Machine, type Mm, presentLeaf } from '../core/index';

/** Bit 55 of pagemap as the entry has it; null where nothing is mapped or kept for the address. */
export function softDirtyAt(m: Machine, mm: Mm, va: number): boolean | null {
  const leaf = leafAt(mm, va);
  if (!leaf || e.pte_none(leaf.entry)) return null;
  return presentLeaf(leaf) ? e.pte_soft_dirty(leaf.entry) : e.pte_swp_soft_dirty(leaf.entry);
}
