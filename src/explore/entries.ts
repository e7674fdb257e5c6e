/** The leaf entries of all regions in words: what they are, and what became of them in between. */
import {
  entry as e,
  Level,
  type Machine,
  type Mm,
  nameOfAddress,
  type Pte,
  show_pte,
  type Table,
  type Vaddr,
} from '../core/index';
import type { Change, EntryState } from './trace';

/** An entry that is not empty. */
export interface Leaf {
  readonly mm: Mm;
  readonly va: number;
  /** Bytes that it translates. */
  readonly span: number;
  readonly huge: boolean;
  readonly entry: Pte;
}

/** By process, in the order of addresses. */
export function leavesOf(m: Machine): Leaf[] {
  const leaves: Leaf[] = [];
  for (const mm of m.mms) collect(mm, mm.pgd, leaves);
  return leaves;
}

function collect(mm: Mm, table: Table, leaves: Leaf[]): void {
  for (let i = 0; i < table.size; i++) {
    const child = table.child.get(i);
    if (child) collect(mm, child, leaves);
    else if (table.level <= Level.pmd && !e.pte_none(table.entries[i]! as Pte)) {
      leaves.push({
        mm,
        va: table.addressOf(i),
        span: table.span,
        huge: table.level === Level.pmd,
        entry: table.entries[i]! as Pte,
      });
    }
  }
}

/** The entries of all regions, equal neighbours as one. */
export function entriesOf(m: Machine): EntryState[] {
  const alike = (a: Leaf, b: Leaf): boolean =>
    !a.huge && !b.huge && flagsOf(show_pte(a.entry)) === flagsOf(show_pte(b.entry));
  return inRows(leavesOf(m), alike).map((row) => ({
    where: whereOf(m, row, ''),
    entry: show_pte(row[0]!.entry),
  }));
}

interface Turned extends Leaf {
  readonly before: string;
  readonly after: string;
}

/** What is another entry now, equal neighbours as one. */
export function entriesChanged(m: Machine, before: readonly Leaf[]): Change[] {
  const was = new Map(before.map((leaf) => [keyOf(leaf), leaf]));
  const turned: Turned[] = [];
  for (const leaf of leavesOf(m)) {
    const old = was.get(keyOf(leaf));
    was.delete(keyOf(leaf));
    if (old?.entry === leaf.entry) continue;
    turned.push({ ...leaf, before: old ? show_pte(old.entry) : 'none', after: show_pte(leaf.entry) });
  }
  for (const leaf of was.values()) {
    const after = leaf.huge && hasTable(leaf) ? 'table' : 'none';
    turned.push({ ...leaf, before: show_pte(leaf.entry), after });
  }
  const alike = (a: Turned, b: Turned): boolean =>
    flagsOf(a.before) === flagsOf(b.before) && flagsOf(a.after) === flagsOf(b.after);
  return inRows(turned, alike).map((row) => ({
    object: whereOf(m, row, row[0]!.huge ? 'pmd ' : 'pte '),
    before: row[0]!.before,
    after: row[0]!.after,
  }));
}

/** Whether a table of PTEs is where a huge entry was. */
function hasTable({ mm, va }: Leaf): boolean {
  let table: Table | undefined = mm.pgd;
  while (table && table.level > Level.pmd) table = table.child.get(table.indexOf(va as Vaddr));
  return table?.child.has(table.indexOf(va as Vaddr)) ?? false;
}

const keyOf = ({ mm, va, huge }: Leaf): string => `${mm.id} ${huge} ${va}`;

/** What an entry says beside its frame; all of one that has none. */
const flagsOf = (text: string): string => text.slice(Math.max(0, text.indexOf(' ')));

/** Neighbours that are alike, together. */
function inRows<L extends Leaf>(leaves: readonly L[], alike: (a: L, b: L) => boolean): L[][] {
  const rows: L[][] = [];
  for (const leaf of leaves) {
    const row = rows.at(-1);
    const last = row?.at(-1);
    const isNext =
      last !== undefined &&
      last.mm === leaf.mm &&
      last.huge === leaf.huge &&
      last.va + last.span === leaf.va &&
      alike(row![0]!, leaf);
    if (isNext) row!.push(leaf);
    else rows.push([leaf]);
  }
  return rows;
}

function whereOf(m: Machine, row: readonly Leaf[], level: string): string {
  const [first, last] = [row[0]!, row.at(-1)!];
  const process = m.mms.length > 1 ? `${first.mm.name}: ` : '';
  const end = row.length > 1 ? ` .. ${nameOfAddress(m.config, last.va)}` : '';
  return `${process}${level}${nameOfAddress(m.config, first.va)}${end}`;
}
