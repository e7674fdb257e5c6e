/**
 * Entries by virtual page number, for TLBs. A Map would put every key on the heap, because page numbers need more
 * than 31 bits, and hash it out of line.
 */
import type { Pte } from './units';

const FREE = -1;
const LEAST = 8;
const NOTHING = new Float64Array(0);

/** Open addressing with linear probing: neighbours in memory are neighbours here, too. */
export class VpnMap {
  size = 0;
  private keys = NOTHING;
  private values = NOTHING;

  get(vpn: number): Pte | undefined {
    if (this.size === 0) return undefined;
    const at = this.find(vpn);
    return this.keys[at] === vpn ? (this.values[at]! as Pte) : undefined;
  }

  set(vpn: number, entry: Pte): void {
    // Never more than half full, so that probes stay short.
    if (this.size * 2 >= this.keys.length) this.rebuild(Math.max(LEAST, this.keys.length * 2));
    const at = this.find(vpn);
    if (this.keys[at] !== vpn) this.size++;
    this.keys[at] = vpn;
    this.values[at] = entry;
  }

  delete(vpn: number): void {
    if (this.size === 0) return;
    const { keys, values } = this;
    const mask = keys.length - 1;
    let gap = this.find(vpn);
    if (keys[gap] !== vpn) return;
    // What could have been here moves up, so that no search ends at the gap.
    for (let at = (gap + 1) & mask; keys[at] !== FREE; at = (at + 1) & mask) {
      const distance = (at - home(keys[at]!)) & mask;
      if (distance < ((at - gap) & mask)) continue;
      keys[gap] = keys[at]!;
      values[gap] = values[at]!;
      gap = at;
    }
    keys[gap] = FREE;
    this.size--;
    if (this.size === 0) this.clear();
  }
  /** Drops all of [first, end). */
  deleteRange(first: number, end: number): void {
    const { keys } = this;
    let left = this.size;
    for (let i = 0; i < keys.length; i++) if (keys[i]! >= first && keys[i]! < end) left--;
    if (left === 0) this.clear();
    else if (left < this.size) for (const [vpn] of [...this]) if (vpn >= first && vpn < end) this.delete(vpn);
  }
  /** Whether any page of [first, end) is there. */
  hasRange(first: number, end: number): boolean {
    if (this.size === 0) return false;
    const { keys } = this;
    for (let i = 0; i < keys.length; i++) if (keys[i]! >= first && keys[i]! < end) return true;
    return false;
  }
  clear(): void {
    this.size = 0;
    this.keys = NOTHING;
    this.values = NOTHING;
  }

  *[Symbol.iterator](): Generator<[number, Pte], void, undefined> {
    for (let i = 0; i < this.keys.length; i++) {
      if (this.keys[i] !== FREE) yield [this.keys[i]!, this.values[i]! as Pte];
    }
  }

  /** Where `vpn` is, or else where it would go. */
  private find(vpn: number): number {
    const { keys } = this;
    const mask = keys.length - 1;
    let at = home(vpn) & mask;
    while (keys[at] !== vpn && keys[at] !== FREE) at = (at + 1) & mask;
    return at;
  }

  private rebuild(capacity: number): void {
    const before = [...this];
    this.size = before.length;
    this.keys = new Float64Array(capacity).fill(FREE);
    this.values = new Float64Array(capacity);
    for (const [vpn, entry] of before) {
      const at = this.find(vpn);
      this.keys[at] = vpn;
      this.values[at] = entry;
    }
  }
}

/** The upper bits spread huge pages, whose lower bits are all zero. */
const home = (vpn: number): number => vpn ^ (vpn >>> 9);
