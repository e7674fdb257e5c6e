/**
 * The TLB of a CPU as several objects, by address: to flush a range says nothing of translations elsewhere, and memory
 * that is far apart, such as the two slots of a guest, has nothing else in common. A part ends where the next one
 * begins, always at a huge page, so no translation belongs to two.
 */
import type { MachineConfig } from './machine';
import type { Vaddr } from './units';

/** Objects of one step that flushes everything; its word of bits has room for few more. */
const MOST_OBJECTS = 24;
const MOST_PARTS = 4;

/**
 * Where parts begin, except for the lowest: where people have their memory. Where hardware acts on its own there is one
 * part, since what a CPU has chosen to use next is forgotten at every flush.
 * @param huge bytes of a huge page
 */
export function tlbBordersOf(
  { regions, hardware }: MachineConfig,
  huge: number,
  cpus: number,
): readonly number[] {
  const most = Math.min(MOST_PARTS, Math.floor(MOST_OBJECTS / cpus));
  if (hardware !== null || most < 2) return [];
  const begins = [...new Set(regions.map(({ start }) => start - (start % huge)))].sort((a, b) => a - b);
  return begins.slice(1, most);
}

export function tlbPartOf(borders: readonly number[], va: Vaddr): number {
  let part = 0;
  while (part < borders.length && va >= borders[part]!) part++;
  return part;
}

export const allTlbParts = (borders: readonly number[]): number[] => [...borders.keys(), borders.length];

/** The parts that may have something of [start, end). */
export function tlbPartsOf(borders: readonly number[], start: Vaddr, end: Vaddr): readonly number[] {
  const parts = [tlbPartOf(borders, start)];
  for (let last = parts[0]!; last < borders.length && end > borders[last]!; ) parts.push(++last);
  return parts;
}
