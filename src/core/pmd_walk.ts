/**
 * Walks over the PMD entries of a range that have a table above them, so that untouched gigabytes cost nothing.
 * A cursor and not an iterator: it looks at the tables only when it moves, hence sees what came up meanwhile.
 */
import type { Mm } from './mm';
import { Level, Slot, type Table } from './table';
import { type Vaddr, vaddr } from './units';

export class PmdWalk {
  /** The entry at hand. */
  pmd!: Slot;
  /** The part of its span that lies in the range. */
  addr: Vaddr;
  next: Vaddr;
  private table: Table | null = null;

  constructor(
    private readonly mm: Mm,
    start: Vaddr,
    private readonly end: Vaddr,
  ) {
    this.addr = start;
    this.next = start;
  }

  /** Moves to the next entry; false at the end of the range. */
  advance(): boolean {
    this.addr = this.next;
    if (this.addr >= this.end) return false;
    if (this.table === null || this.addr >= this.table.addressOf(this.table.size)) {
      this.table = firstPmdTable(this.mm.pgd, this.addr, this.end);
      if (this.table === null) return false;
      this.addr = vaddr(Math.max(this.addr, this.table.base));
    }
    const index = this.table.indexOf(this.addr);
    this.pmd = new Slot(this.table, index);
    this.next = vaddr(Math.min(this.table.addressOf(index + 1), this.end));
    return true;
  }
}

/** The lowest PMD table that translates an address in [from, end). */
function firstPmdTable(table: Table, from: Vaddr, end: Vaddr): Table | null {
  if (table.level === Level.pmd) return table;
  const first = table.indexOf(vaddr(Math.max(from, table.base)));
  for (let index = first; index < table.size && table.addressOf(index) < end; index++) {
    const child = table.child.get(index);
    const found = child ? firstPmdTable(child, from, end) : null;
    if (found) return found;
  }
  return null;
}
