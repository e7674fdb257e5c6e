/** The entries that translate, or will: what page tables hold, for whoever looks on from outside of the kernel. */
import * as e from './entry';
import type { Mm } from './mm';
import { Level, type Table } from './table';
import { PAGE_SIZE, type Pfn, type Pte, pfn, type Vaddr } from './units';

export interface Leaf {
  readonly mm: Mm;
  readonly va: number;
  readonly entry: Pte;
  readonly huge: boolean;
}

/** Every entry that is not empty and lies in [start, end): leaves and swap-type entries. */
export function leavesOf(mm: Mm, start = 0, end = Number.POSITIVE_INFINITY): Leaf[] {
  const found: Leaf[] = [];
  collect(mm, mm.pgd, start, end, found);
  return found;
}

function collect(mm: Mm, table: Table, start: number, end: number, found: Leaf[]): void {
  if (table.level <= Level.pmd) {
    const huge = table.level === Level.pmd;
    const first = Math.max(0, Math.floor((start - table.base) / table.span));
    const last = Math.min(table.size, Math.ceil((end - table.base) / table.span));
    for (let i = first; i < last; i++) {
      const entry = table.entries[i]! as Pte;
      if (entry === 0 || e.pte_none(entry) || (huge && e.pmd_is_table(entry))) continue;
      found.push({ mm, va: table.addressOf(i), entry, huge });
    }
  }
  for (const child of table.tables(start, end)) collect(mm, child, start, end, found);
}

/** The entry that translates an address, if any. */
export function leafAt(mm: Mm, va: number): Leaf | null {
  let table: Table | undefined = mm.pgd;
  while (table) {
    const index: number = table.indexOf(va as Vaddr);
    const child: Table | undefined = table.child.get(index);
    if (table.level === Level.pte || (table.level === Level.pmd && !child)) {
      return {
        mm,
        va: table.addressOf(index),
        entry: table.entries[index]! as Pte,
        huge: table.level === Level.pmd,
      };
    }
    table = child;
  }
  return null;
}

/** @param huge bytes of a huge page */
export const endOf = (leaf: Pick<Leaf, 'va' | 'huge'>, huge: number): number =>
  leaf.va + (leaf.huge ? huge : PAGE_SIZE);

export const presentLeaf = (leaf: Leaf): boolean =>
  leaf.huge ? e.pmd_present(leaf.entry) && !e.pmd_is_table(leaf.entry) : e.pte_present(leaf.entry);

/** Which of the pages that a leaf is about an address lies in, from 0. */
export const partOf = (leaf: Leaf, va: number): number =>
  leaf.huge ? Math.floor((va - leaf.va) / PAGE_SIZE) : 0;

/** The frame that a present leaf gives for an address: of a huge one, the subpage. */
export const frameOf = (leaf: Leaf, va: number): Pfn => pfn(e.pte_pfn(leaf.entry) + partOf(leaf, va));
