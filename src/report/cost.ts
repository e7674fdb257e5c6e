/** What a proposal costs beside its base, in a few characters. */
import type { CostRow } from '../compare/index';
import type { Cost } from '../core/index';
import { grouped } from './screen';

/** A cost that is added does not compile until it has a head. */
export const costHeads: Record<keyof Cost, string> = {
  faults: 'faults',
  events: 'events',
  tlbFlushes: 'flushes',
  pageCopies: 'copies',
  pmdSplits: 'splits',
  entriesChanged: 'entries',
};

export const costKinds = Object.keys(costHeads) as (keyof Cost)[];

/** `=`, `+3`, `-12%`, `x4.5`: a count where a percentage of so little would mislead. */
export function costText(row: CostRow, kind: keyof Cost): string {
  if (row.base === null || row.fixtures === 0) return '';
  const own = row.own[kind];
  const base = row.ofBase[kind];
  const more = own - base;
  if (more === 0) return '=';
  const counted = (more > 0 ? '+' : '-') + grouped(Math.abs(more));
  if (base < 20) return counted;
  if (own >= base * 3) return `x${(own / base).toFixed(1)}`;
  const percent = Math.round((100 * more) / base);
  return percent === 0 ? counted : `${percent > 0 ? '+' : ''}${percent}%`;
}
