/** What a step changed, in few words. */
import { SEPARATOR } from './describe';
import type { Change } from './trace';

/** Parts of a list that are written out. */
const MOST_LISTED = 4;
const THE_REST = '..';

/** A change of an object, with only what changed of a long list. */
export function changeOf(object: string, before: string, after: string): Change {
  const [was, is] = [before.split(SEPARATOR), after.split(SEPARATOR)];
  if (was.length <= MOST_LISTED && is.length <= MOST_LISTED) return { object, before, after };
  const side = (own: readonly string[], other: readonly string[]): string => {
    const differing = own.filter((one) => !other.includes(one));
    const written = differing.length > MOST_LISTED ? [`${differing.length} in all`] : differing;
    return [...(differing.length < own.length ? [THE_REST] : []), ...written].join(SEPARATOR);
  };
  return { object, before: side(was, is), after: side(is, was) };
}

/** Changes of objects with numbers in a row, which became the same, as one: `swap slot 3..10`. */
export function inRow(changes: readonly Change[]): Change[] {
  const rows: { name: string; from: number; to: number; change: Change }[] = [];
  for (const change of changes) {
    const [, name = change.object, number = 'NaN'] = /^(.* )(\d+)$/.exec(change.object) ?? [];
    const at = Number(number);
    const last = rows.at(-1);
    const isNext =
      last?.name === name &&
      last.to + 1 === at &&
      last.change.before === change.before &&
      last.change.after === change.after;
    if (isNext) last.to = at;
    else rows.push({ name, from: at, to: at, change });
  }
  return rows.map(({ name, from, to, change }) =>
    to > from ? { ...change, object: `${name}${from}..${to}` } : change,
  );
}
