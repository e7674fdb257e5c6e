/** A set of addresses as sorted, disjoint, non-adjacent ranges [start, end). Plain data. */
export interface Ranges {
  readonly list: { start: number; end: number }[];
}

export const noRanges = (): Ranges => ({ list: [] });

export function has(ranges: Ranges, at: number): boolean {
  return ranges.list.some((r) => at >= r.start && at < r.end);
}

export function add(ranges: Ranges, start: number, end: number): void {
  if (start >= end) return;
  let from = start;
  let to = end;
  const rest = ranges.list.filter((r) => {
    if (r.end < from || r.start > to) return true;
    from = Math.min(from, r.start);
    to = Math.max(to, r.end);
    return false;
  });
  rest.push({ start: from, end: to });
  rest.sort((a, b) => a.start - b.start);
  ranges.list.splice(0, ranges.list.length, ...rest);
}

export function remove(ranges: Ranges, start: number, end: number): void {
  if (start >= end) return;
  const rest = ranges.list.flatMap((r) => {
    if (r.end <= start || r.start >= end) return [r];
    const parts: { start: number; end: number }[] = [];
    if (r.start < start) parts.push({ start: r.start, end: start });
    if (r.end > end) parts.push({ start: end, end: r.end });
    return parts;
  });
  ranges.list.splice(0, ranges.list.length, ...rest);
}
