/** The leaf entries of all regions in words: what they are, and what became of them in between. */
import { endOf, type Leaf, leafAt, leavesOf, type Machine, nameOfAddress, show_pte } from '../core/index';
import type { Change, EntryState } from './trace';

/** Those of all processes, of each in the order of addresses. */
export const leavesInOrder = (m: Machine): Leaf[] =>
  m.mms.flatMap((mm) => leavesOf(mm).sort((a, b) => a.va - b.va));

/** The entries of all regions, equal neighbours as one. */
export function entriesOf(m: Machine): EntryState[] {
  const alike = (a: Leaf, b: Leaf): boolean =>
    !a.huge && !b.huge && flagsOf(show_pte(a.entry)) === flagsOf(show_pte(b.entry));
  return inRows(m, leavesInOrder(m), alike).map((row) => ({
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
  for (const leaf of leavesInOrder(m)) {
    const old = was.get(keyOf(leaf));
    was.delete(keyOf(leaf));
    if (old?.entry === leaf.entry) continue;
    turned.push({ ...leaf, before: old ? show_pte(old.entry) : 'none', after: show_pte(leaf.entry) });
  }
  for (const leaf of was.values()) {
    const isSplit = leaf.huge && leafAt(leaf.mm, leaf.va)?.huge === false;
    const after = isSplit ? 'table' : 'none';
    turned.push({ ...leaf, before: show_pte(leaf.entry), after });
  }
  const alike = (a: Turned, b: Turned): boolean =>
    flagsOf(a.before) === flagsOf(b.before) && flagsOf(a.after) === flagsOf(b.after);
  return inRows(m, turned, alike).map((row) => ({
    object: whereOf(m, row, row[0]!.huge ? 'pmd ' : 'pte '),
    before: row[0]!.before,
    after: row[0]!.after,
  }));
}

const keyOf = ({ mm, va, huge }: Leaf): string => `${mm.id} ${huge} ${va}`;

/** What an entry says beside its frame; all of one that has none. */
const flagsOf = (text: string): string => text.slice(Math.max(0, text.indexOf(' ')));

/** Neighbours that are alike, together. */
function inRows<L extends Leaf>(m: Machine, leaves: readonly L[], alike: (a: L, b: L) => boolean): L[][] {
  const rows: L[][] = [];
  for (const leaf of leaves) {
    const row = rows.at(-1);
    const last = row?.at(-1);
    const isNext =
      last !== undefined &&
      last.mm === leaf.mm &&
      last.huge === leaf.huge &&
      endOf(last, m.HPAGE_PMD_SIZE) === leaf.va &&
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
