/** The leaf entries of all regions in words: what they are, and what became of them in between. */
import { endOf, type Leaf, leafAt, leavesOf, type Machine, nameOfAddress, show_pte } from '../core/index';
import { processOf } from './names';
import type { Change, EntryState } from './trace';

/** Those of all processes, of each in the order of addresses. */
export const leavesInOrder = (m: Machine): Leaf[] =>
  m.mms.flatMap((mm) => leavesOf(mm).sort((a, b) => a.va - b.va));

/** The entries of all regions, equal neighbours as one. */
export const entriesOf = (m: Machine): EntryState[] =>
  inRows(m, leavesInOrder(m), ({ entry }) => [show_pte(entry)]).map(({ leaves, texts: [entry] }) => ({
    where: whereOf(m, leaves, ''),
    entry: entry!,
  }));

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
  return inRows(m, turned, (one) => [one.before, one.after]).map(({ leaves, texts }) => ({
    object: whereOf(m, leaves, leaves[0]!.huge ? 'pmd ' : 'pte '),
    before: texts[0]!,
    after: texts[1]!,
  }));
}

const keyOf = ({ mm, va, huge }: Leaf): string => `${mm.id} ${huge} ${va}`;

/** Entries next to each other, and what they say, as one. */
interface Row {
  readonly leaves: readonly Leaf[];
  readonly texts: readonly string[];
}

/**
 * Neighbours that say the same, together: all of the same frame, or of frames in a row.
 * @param textsOf what is said of an entry, as many texts for each
 */
function inRows<L extends Leaf>(
  m: Machine,
  leaves: readonly L[],
  textsOf: (leaf: L) => readonly string[],
): Row[] {
  const rows: { leaves: L[]; texts: string[][] }[] = [];
  for (const leaf of leaves) {
    const row = rows.at(-1);
    const last = row?.leaves.at(-1);
    const texts = textsOf(leaf);
    const isNext =
      last !== undefined &&
      last.mm === leaf.mm &&
      last.huge === leaf.huge &&
      endOf(last, m.HPAGE_PMD_SIZE) === leaf.va &&
      texts.every((text, i) => isNextText(row!.texts[i]!, text));
    if (!isNext) rows.push({ leaves: [leaf], texts: texts.map((text) => [text]) });
    else {
      row!.leaves.push(leaf);
      for (const [i, text] of texts.entries()) row!.texts[i]!.push(text);
    }
  }
  return rows.map((row) => ({ leaves: row.leaves, texts: row.texts.map(textOfRow) }));
}

/** The frame of an entry that has one, and the rest of what is said of it. */
function apart(text: string): { frame: number; rest: string } {
  const [, frame = 'NaN', rest = text] = /^(\d+)( .*)$/.exec(text) ?? [];
  return { frame: Number(frame), rest };
}

function isNextText(row: readonly string[], text: string): boolean {
  const [first, second, last, next] = [row[0]!, row[1] ?? text, row.at(-1)!, text].map(apart);
  if (first!.rest !== next!.rest) return false;
  if (Number.isNaN(next!.frame)) return true;
  const by = second!.frame - first!.frame;
  return (by === 0 || by === 1) && next!.frame - last!.frame === by;
}

function textOfRow(row: readonly string[]): string {
  const [first, last] = [apart(row[0]!), apart(row.at(-1)!)];
  return last.frame > first.frame ? `${first.frame}..${last.frame}${first.rest}` : row[0]!;
}

function whereOf(m: Machine, row: readonly Leaf[], level: string): string {
  const [first, last] = [row[0]!, row.at(-1)!];
  const end = row.length > 1 ? ` .. ${nameOfAddress(m.config, last.va)}` : '';
  return `${processOf(m, first.mm.id)}${level}${nameOfAddress(m.config, first.va)}${end}`;
}
