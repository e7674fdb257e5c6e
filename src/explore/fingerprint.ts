/**
 * A number that two states share when everything in them is equal: the whole machine and the observer's notes,
 * object by object. 53 bits; the log, the cost and what was found so far do not count.
 */
import { notState, Pages, Table } from '../core/index';

class Hasher {
  private a = 0x811c9dc5;
  private b = 0x9e3779b9;
  private readonly numbers = new Map<object, number>();

  get result(): number {
    return (this.a >>> 0) * 2 ** 21 + (this.b >>> 11);
  }
  word(n: number): void {
    this.a = Math.imul(this.a ^ n, 0x01000193);
    this.b = Math.imul(this.b ^ (n + (this.b >>> 15)), 0x85ebca6b) + 0x27d4eb2f;
  }
  number(n: number): void {
    this.word(n | 0);
    if (n > 0x7fffffff || n < -0x80000000) this.word((n / 0x100000000) | 0);
  }
  text(s: string): void {
    for (let i = 0; i < s.length; i++) this.word(s.charCodeAt(i));
    this.word(s.length);
  }

  value(v: unknown): void {
    if (typeof v === 'number') return this.number(v);
    if (typeof v === 'string') return this.text(v);
    if (typeof v !== 'object' || v === null) return this.word(v === true ? 1 : v === false ? 2 : 3);
    const known = this.numbers.get(v);
    if (known !== undefined) return this.word(known);
    this.numbers.set(v, this.numbers.size);
    if (v instanceof Table) return this.table(v);
    if (v instanceof Pages) return this.pages(v);
    if (Array.isArray(v)) return this.list(v);
    if (v instanceof Map) return this.unordered([...v].map(([key, entry]) => [key, entry]));
    if (v instanceof Set) return this.unordered([...v]);
    for (const key of Object.keys(v)) if (!notState.has(key)) this.value((v as Record<string, unknown>)[key]);
  }

  private list(items: readonly unknown[]): void {
    this.word(items.length);
    for (const item of items) this.value(item);
  }
  /** In the order of insertion, which may differ between equal states: such states are then merely not merged. */
  private unordered(items: readonly unknown[]): void {
    this.list(items);
  }
  private table(table: Table): void {
    this.word(table.id);
    this.word(table.lock.owner);
    const { entries, child } = table;
    for (let i = 0; i < entries.length; i++) {
      if (entries[i] === 0) continue;
      this.word(i);
      this.number(entries[i]!);
    }
    for (const [i, below] of child) {
      this.word(i);
      this.value(below);
    }
  }
  private pages(pages: Pages): void {
    const { count, firstOrdinary } = pages;
    this.word(count);
    for (const column of [
      pages.refcount,
      pages.mapcount,
      pages.compound_mapcount,
      pages.flags,
      pages.mapping,
      pages.mappingId,
      pages.private,
      pages.head,
      pages.content,
      pages.lockOwner,
      pages.nid,
    ]) {
      for (let p = firstOrdinary; p < count; p++) this.word(column[p]!);
    }
    for (let p = firstOrdinary; p < count; p++) this.number(pages.index[p]!);
    for (let p = 1; p < firstOrdinary; p++) {
      this.word(pages.content[p]! ^ pages.refcount[p]! ^ (pages.mapcount[p]! << 16));
    }
    this.value(pages.device);
    this.value(pages.pincount);
  }
}

export function fingerprint(...values: readonly unknown[]): number {
  const hasher = new Hasher();
  for (const value of values) hasher.value(value);
  return hasher.result;
}
