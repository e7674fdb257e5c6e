/**
 * What hardware may do unasked with translations, where a fixture asks for all of it. A CPU may fetch every translation
 * that memory offers, at any moment, and go on using it until it is flushed. So an access may use, instead of what memory
 * says, anything that memory has said since the last flush: what lingers. To choose when the translation is used takes
 * far fewer orders than to choose when it is fetched, and no run is lost, because a fetch changes nothing but A, and
 * nothing is kept of an entry without A.
 * Source: Intel SDM volume 3, 4.10.2 to 4.10.4; arch/x86/mm/tlb.c.
 */
import * as e from './entry';
import type { Machine } from './machine';
import type { Mm } from './mm';
import { Level, Slot, type Table } from './table';
import type { Task } from './task';
import { PAGE_SIZE, type Pfn, type Pgprot, type Pte, pfn, type Vaddr, vaddr, vpnOf } from './units';

/** A page that the program of a thread accesses itself: in which of its steps for the last time; 0 for never. */
export interface Reach {
  readonly vpn: number;
  readonly lastLoad: number;
  readonly lastStore: number;
}

/** Of one CPU. A translation is kept as the entry of a small page with A, and with RW and D where a store may matter. */
export class Lingering {
  private readonly byPage = new Map<number, readonly Pte[]>();
  /** What hardware uses for the next access in place of what it would; NONE: what memory says. */
  chosen: Pte | null = null;

  /** @param reach frozen; no other pages are of interest */
  constructor(readonly reach: readonly Reach[]) {}

  get isEmpty(): boolean {
    return this.byPage.size === 0;
  }
  of(vpn: number): readonly Pte[] {
    return this.byPage.get(vpn) ?? [];
  }
  has(vpn: number): boolean {
    return this.byPage.has(vpn);
  }
  put(vpn: number, translations: readonly Pte[]): void {
    this.byPage.set(vpn, translations);
  }
  /** A flush, or a fault, which drops what the CPU has of its address. */
  drop(first: number, end: number): void {
    this.chosen = null;
    for (const vpn of this.byPage.keys()) if (vpn >= first && vpn < end) this.byPage.delete(vpn);
  }
  holds(first: number, end: number): boolean {
    for (const vpn of this.byPage.keys()) if (vpn >= first && vpn < end) return true;
    return false;
  }
  clear(): void {
    this.chosen = null;
    this.byPage.clear();
  }
  /** The program has come to this step: what it accesses no more is of no interest. */
  forgetBefore(position: number): void {
    if (this.byPage.size === 0) return;
    for (const { vpn, lastLoad, lastStore } of this.reach) {
      if (Math.max(lastLoad, lastStore) < position) this.byPage.delete(vpn);
    }
  }
}

/** The leaf that translates `va`, if a table or a huge entry is there. */
export function leafIn(mm: Mm, va: Vaddr): Slot | null {
  let table: Table | undefined = mm.pgd;
  while (table) {
    const index: number = table.indexOf(va);
    if (table.level === Level.pte) return new Slot(table, index);
    const child: Table | undefined = table.child.get(index);
    // khugepaged empties the entry before it takes the table away.
    const isHooked = table.level !== Level.pmd || (child && e.pmd_is_table(table.entries[index]! as Pte));
    if (!isHooked) return new Slot(table, index);
    table = child;
  }
  return null;
}

/** What a CPU could fetch for a page now, as it is kept. Null: nothing. */
function offered(m: Machine, mm: Mm, va: Vaddr, stores: boolean): Pte | null {
  const slot = leafIn(mm, va);
  const entry = slot === null ? e.NONE : slot.peek();
  if (slot === null || !e.pte_hw_present(entry)) return null;
  return keptOf(m, va, entry, slot.table.level === Level.pmd, stores);
}
/** A and, where the program will store, RW and D: nothing else matters. */
function keptOf(m: Machine, va: Vaddr, entry: Pte, huge: boolean, stores: boolean): Pte {
  let kept = e.pfn_pte(frameAt(m, entry, va, huge), BARE);
  if (e.pte_young(entry)) kept = e.pte_mkyoung(kept);
  if (stores && e.pte_write(entry)) kept = e.pte_mkwrite(kept);
  if (e.pte_write(kept) && e.pte_dirty(entry)) kept = e.pte_clear_soft_dirty(e.pte_mkdirty(kept));
  return kept;
}
const BARE = (e._PAGE_PRESENT | e._PAGE_USER) as Pgprot;

/** The frame of `va` under a leaf entry: for a huge one, the subpage. */
export function frameAt(m: Machine, entry: Pte, va: Vaddr, huge: boolean): Pfn {
  const base = e.pte_pfn(entry);
  return huge ? pfn(base + Math.floor((va % m.HPAGE_PMD_SIZE) / PAGE_SIZE)) : base;
}

const isSameFrame = (a: Pte, b: Pte): boolean => e.pte_pfn(a) === e.pte_pfn(b);
/** A store goes through such a translation without a look at memory. */
export const storesThrough = (entry: Pte): boolean => e.pte_write(entry) && e.pte_dirty(entry);

/** Whether a CPU with a translation that was fetched before may do otherwise than one that looks at memory now. */
function differs(before: Pte, now: Pte | null, stores: boolean): boolean {
  // Without A in memory a load that looks there sets it.
  if (now === null || !isSameFrame(before, now) || !e.pte_young(now)) return true;
  if (!stores) return false;
  if (!e.pte_write(before)) return e.pte_write(now);
  return e.pte_dirty(before) && !storesThrough(now);
}

/** Of two translations to one frame the one says as much of stores as the other, and of loads all do. */
const covers = (a: Pte, b: Pte): boolean =>
  isSameFrame(a, b) && (a === b || (e.pte_write(b) && !e.pte_dirty(b)));

/** What lingers for one page in one CPU when an entry has changed. */
export interface Loss {
  readonly cpu: number;
  readonly vpn: number;
  readonly translations: readonly Pte[];
}

const NOTHING: readonly Loss[] = [];

/** The CPUs from which the change of an entry takes what they may have fetched, with what lingers there then. */
export function lossesBy(m: Machine, { table, index, va }: Slot, value: Pte): readonly Loss[] {
  const before = table.entries[index]! as Pte;
  if (m.solo || before === value || before === e.NONE) return NOTHING;
  const first = vpnOf(va);
  const end = first + table.span / PAGE_SIZE;
  const losses: Loss[] = [];
  for (const task of m.tasks) {
    if (task.mm.id !== table.mmId || task.done || task.dead) continue;
    const { lingering } = m.tlbs[task.id]!;
    for (const { vpn, lastLoad, lastStore } of lingering?.reach ?? []) {
      if (vpn < first || vpn >= end || Math.max(lastLoad, lastStore) < task.position) continue;
      const stores = lastStore >= task.position;
      const at = vaddr(vpn * PAGE_SIZE);
      const was = offered(m, task.mm, at, stores);
      if (was === null || !e.pte_young(was)) continue;
      table.entries[index] = value;
      const isLost = differs(was, offered(m, task.mm, at, stores), stores);
      table.entries[index] = before;
      const known = lingering!.of(vpn);
      if (!isLost || known.some((one) => covers(one, was))) continue;
      const translations = [...known.filter((one) => !covers(was, one)), was].sort((a, b) => a - b);
      losses.push({ cpu: task.id, vpn, translations });
    }
  }
  return losses;
}

export function lose(m: Machine, losses: readonly Loss[]): void {
  for (const { cpu, vpn, translations } of losses) m.tlbs[cpu]!.lingering!.put(vpn, translations);
}

/** From now on hardware acts on its own. What a CPU has already that memory does not say any more lingers. */
export function beginToLinger(m: Machine): void {
  for (const task of m.tasks) {
    const tlb = m.tlbs[task.id]!;
    const reach = (m.config.hardware?.[task.id] ?? []).map((one) => later(one, task.position));
    if (reach.length === 0) continue;
    tlb.lingering = new Lingering(Object.freeze(reach));
    for (const { vpn, lastStore } of reach) {
      const va = vaddr(vpn * PAGE_SIZE);
      const cached = tlb.lookup(va, m.HPAGE_PMD_SIZE);
      if (!cached) continue;
      const was = keptOf(m, va, cached.entry, cached.huge, lastStore > 0);
      if (differs(was, offered(m, task.mm, va, lastStore > 0), lastStore > 0)) tlb.lingering.put(vpn, [was]);
    }
  }
}

/** The steps of `start` come before those of the tasks. */
const later = ({ vpn, lastLoad, lastStore }: Reach, by: number): Reach =>
  Object.freeze({ vpn, lastLoad: lastLoad && lastLoad + by, lastStore: lastStore && lastStore + by });

/**
 * What hardware may use for the next access of a CPU's program: what it does of itself first, then the others that lead
 * elsewhere, each once.
 * @returns what comes after the present choice; null where there is nothing else
 */
export function nextChoice(m: Machine, task: Task, va: Vaddr, write: boolean): Pte | null {
  const tlb = m.tlbs[task.id]!;
  const { lingering } = tlb;
  if (lingering === null) return null;
  const cached = tlb.lookup(va, m.HPAGE_PMD_SIZE);
  const memory = offered(m, task.mm, va, true);
  const own = cached && keptOf(m, va, cached.entry, cached.huge, true);
  const led = new Set([own && (!write || storesThrough(own)) ? e.pte_pfn(own) : leadsTo(memory, write)]);
  for (const choice of [e.NONE, ...lingering.of(vpnOf(va))]) {
    const where = choice === e.NONE ? leadsTo(memory, write) : through(choice, memory, write);
    if (led.has(where)) continue;
    led.add(where);
    if (lingering.chosen === null || choice > lingering.chosen) return choice;
  }
  return null;
}

type Leads = Pfn | 'fault' | string;

/** Where an access comes to that asks memory, with the bits that it sets there. */
function leadsTo(memory: Pte | null, write: boolean): Leads {
  if (memory === null || (write && !e.pte_write(memory))) return 'fault';
  const sets = write ? !storesThrough(memory) : !e.pte_young(memory);
  return sets ? `${e.pte_pfn(memory)} and sets` : e.pte_pfn(memory);
}
/** The same where it uses what lingers. A store sets D in memory, and does not believe an entry that was writable. */
function through(choice: Pte, memory: Pte | null, write: boolean): Leads {
  if (!write || storesThrough(choice)) return e.pte_pfn(choice);
  return e.pte_write(choice) ? leadsTo(memory, write) : 'fault';
}
