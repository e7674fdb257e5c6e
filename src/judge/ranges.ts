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

export function has(ranges: Ranges, at: number): boolean {
  const range = ranges.list[firstUpTo(ranges, at + 1)];
  return range !== undefined && range.start <= at;
}

export function add(ranges: Ranges, start: number, end: number): void {
  if (start >= end) return;
  const { list } = ranges;
  const first = firstUpTo(ranges, start);
  let next = first;
  while (next < list.length && list[next]!.start <= end) next++;
  const joined = list.slice(first, next);
  const from = Math.min(start, joined[0]?.start ?? start);
  const to = Math.max(end, joined.at(-1)?.end ?? end);
  list.splice(first, next - first, { start: from, end: to });
}

export function remove(ranges: Ranges, start: number, end: number): void {
  if (start >= end) return;
  const { list } = ranges;
  const first = firstUpTo(ranges, start + 1);
  let next = first;
  while (next < list.length && list[next]!.start < end) next++;
  const cut = list.slice(first, next);
  const left: { start: number; end: number }[] = [];
  if (cut.length > 0 && cut[0]!.start < start) left.push({ start: cut[0]!.start, end: start });
  if (cut.length > 0 && cut.at(-1)!.end > end) left.push({ start: end, end: cut.at(-1)!.end });
  list.splice(first, next - first, ...left);
}
