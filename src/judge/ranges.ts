/** A set of addresses as sorted, disjoint, non-adjacent ranges [start, end). Plain data. */
export interface Ranges {
  readonly list: { start: number; end: number }[];
}

export const noRanges = (): Ranges => ({ list: [] });

/** Position of the first range that ends at `at` or later. */
function firstUpTo({ list }: Ranges, at: number): number {
  let [from, to] = [0, list.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (list[middle]!.end < at) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The ranges that end at `start` or later and begin at `end` or before, and the position of the first. */
function within(ranges: Ranges, start: number, end: number): { at: number; found: Ranges['list'] } {
  const { list } = ranges;
  const at = firstUpTo(ranges, start);
  let next = at;
  while (next < list.length && list[next]!.start <= end) next++;
  return { at, found: list.slice(at, next) };
}

export function has(ranges: Ranges, at: number): boolean {
  const range = ranges.list[firstUpTo(ranges, at + 1)];
  return range !== undefined && range.start <= at;
}

export function add(ranges: Ranges, start: number, end: number): void {
  if (start >= end) return;
  const { at, found } = within(ranges, start, end);
  const from = Math.min(start, found[0]?.start ?? start);
  const to = Math.max(end, found.at(-1)?.end ?? end);
  ranges.list.splice(at, found.length, { start: from, end: to });
}

export function remove(ranges: Ranges, start: number, end: number): void {
  if (start >= end) return;
  // Those that merely touch it keep all they have.
  const { at, found } = within(ranges, start + 1, end - 1);
  const [first, last] = [found[0], found.at(-1)];
  const left: { start: number; end: number }[] = [];
  if (first && first.start < start) left.push({ start: first.start, end: start });
  if (last && last.end > end) left.push({ start: end, end: last.end });
  ranges.list.splice(at, found.length, ...left);
}
