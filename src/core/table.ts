/**
 * Page tables. Five levels as on x86-64 with LA57; how many entries a table has is a parameter of the machine.
 * Only PMD and PTE tables hold entry values, the upper levels hold tables, and all exist only where touched.
 */
import { assert } from './assert';
import { SpinLock } from './locks';
import { PAGE_SIZE, type Pte, plus, type Vaddr } from './units';

export const Level = { pte: 0, pmd: 1, pud: 2, p4d: 3, pgd: 4 } as const;
export type Level = (typeof Level)[keyof typeof Level];
export const levelNames = ['pte', 'pmd', 'pud', 'p4d', 'pgd'] as const;

export class Table {
  /** Entry values at PTE level; at PMD level huge leaves and swap-type entries, 0 where `child` has a table. */
  readonly entries: Float64Array;
  /** By index, lowest first where that matters: tables() gives them in order. */
  readonly child = new Map<number, Table>();
  private readonly slots: number;
  /** False while whoever made a table of PTEs still fills it: nobody else can see it then. */
  published = false;
  /** ptl of a PTE table, pmd lock of a PMD table; unused above. */
  readonly lock: SpinLock;

  /**
   * @param id identity within the machine
   * @param base first address that the table translates
   * @param span bytes that one entry translates
   */
  constructor(
    readonly id: number,
    readonly mmId: number,
    readonly level: Level,
    readonly base: Vaddr,
    readonly span: number,
    size: number,
  ) {
    this.entries = new Float64Array(level <= Level.pmd ? size : 0);
    this.slots = size;
    this.lock = new SpinLock(id, level === Level.pte ? 'ptl' : 'pmd lock');
  }

  /** The tables below that cover [start, end), in the order of their addresses. */
  tables(start = 0, end = Number.POSITIVE_INFINITY): Table[] {
    const found: Table[] = [];
    for (const table of this.child.values()) {
      if (table.base < end && table.base + this.span > start) found.push(table);
    }
    return found.length > 1 ? found.sort((a, b) => a.base - b.base) : found;
  }
  get size(): number {
    return this.slots;
  }
  indexOf(va: Vaddr): number {
    return Math.floor((va - this.base) / this.span);
  }
  addressOf(index: number): Vaddr {
    return plus(this.base, index * this.span);
  }
}

/** pte_t * and pmd_t *: a place in a table. A loop may move it along with `index`. */
export class Slot {
  constructor(
    readonly table: Table,
    public index: number,
  ) {
    assert(index >= 0 && index < table.size, 'Slot: index outside the table');
  }
  get va(): Vaddr {
    return this.table.addressOf(this.index);
  }
  /** The value without a step: for the code that holds the machine still (snapshots, checks, traces). */
  peek(): Pte {
    return this.table.entries[this.index]! as Pte;
  }
  at(index: number): Slot {
    return new Slot(this.table, index);
  }
}

/** Bytes that one entry of each level translates. */
export function spansOf(entriesPerTable: number): readonly number[] {
  const spans: number[] = [PAGE_SIZE];
  for (let level = 1; level <= Level.pgd; level++) spans.push(spans[level - 1]! * entriesPerTable);
  return spans;
}
