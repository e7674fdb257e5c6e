/**
 * One CPU's TLB: copies of entries that the CPU may go on using until they are flushed, whatever memory says by
 * then. A CPU runs one task, so addresses need no tag.
 */
import type { Lingering } from './lingering';
import type { Pte, Vaddr } from './units';
import { PAGE_SIZE } from './units';
import { VpnMap } from './vpn_map';

export class Tlb {
  /** By virtual page number. */
  readonly small = new VpnMap();
  /** By the virtual page number of the huge page's start. */
  readonly huge = new VpnMap();
  /** What the CPU may have beside that; only where hardware acts on its own. */
  lingering: Lingering | null = null;

  get isEmpty(): boolean {
    return this.small.size === 0 && this.huge.size === 0 && (this.lingering?.isEmpty ?? true);
  }
  lookup(va: Vaddr, hugeSize: number): { entry: Pte; huge: boolean } | null {
    const vpn = Math.floor(va / PAGE_SIZE);
    const small = this.small.get(vpn);
    if (small !== undefined) return { entry: small, huge: false };
    if (this.huge.size === 0) return null;
    const huge = this.huge.get(Math.floor((va - (va % hugeSize)) / PAGE_SIZE));
    return huge === undefined ? null : { entry: huge, huge: true };
  }
  fill(va: Vaddr, entry: Pte, huge: boolean, hugeSize: number): void {
    if (huge) this.huge.set(Math.floor((va - (va % hugeSize)) / PAGE_SIZE), entry);
    else this.small.set(Math.floor(va / PAGE_SIZE), entry);
  }
  /** Whether a flush of [start, end) would drop something. */
  holds(start: Vaddr, end: Vaddr, hugeSize: number): boolean {
    const last = Math.ceil(end / PAGE_SIZE);
    const firstHuge = Math.floor(start / hugeSize) * (hugeSize / PAGE_SIZE);
    const first = Math.floor(start / PAGE_SIZE);
    return (
      this.small.hasRange(first, last) ||
      this.huge.hasRange(firstHuge, last) ||
      (this.lingering?.holds(first, last) ?? false)
    );
  }
  /** Drops every translation that touches [start, end). */
  flush(start: Vaddr, end: Vaddr, hugeSize: number): void {
    this.forget(start, end, hugeSize);
    this.lingering?.drop(Math.floor(start / PAGE_SIZE), Math.ceil(end / PAGE_SIZE));
  }
  /** The same by chance: another copy may be left. */
  forget(start: Vaddr, end: Vaddr, hugeSize: number): void {
    flushMap(this.small, start, end, PAGE_SIZE);
    flushMap(this.huge, start, end, hugeSize);
  }
  flushAll(): void {
    this.small.clear();
    this.huge.clear();
    this.lingering?.clear();
  }
}

function flushMap(map: VpnMap, start: Vaddr, end: Vaddr, size: number): void {
  if (map.size === 0) return;
  const first = Math.floor(start / size) * (size / PAGE_SIZE);
  const last = Math.ceil(end / PAGE_SIZE);
  if ((last - first) / (size / PAGE_SIZE) < map.size) {
    for (let vpn = first; vpn < last; vpn += size / PAGE_SIZE) map.delete(vpn);
    return;
  }
  map.deleteRange(first, last);
}
