/**
 * What a CPU does on its own when a program loads or stores: look into the TLB, walk the tables, set A and D,
 * raise a fault. One access is one step; hardware does not stop in the middle of it.
 */
import * as e from './entry';
import type { Kernel } from './kernel';
import { frameAt, leafIn, storesThrough } from './lingering';
import {
  contentObject,
  entryObject,
  mmapSemObject,
  mmCountersObject,
  pageRefObject,
  tlbObject,
} from './objects';
import { Mapping } from './pages';
import { done, type Run } from './run';
import { Level, type Slot } from './table';
import type { Task } from './task';
import { tlbPartOf } from './tlb_parts';
import { type Content, isNamed, PAGE_SIZE, type Pfn, type Pte, type Vaddr, vaddr, vpnOf } from './units';
import type { Access } from './watch';

export type Translation =
  | { kind: 'page'; page: Pfn; slot: Slot | null; stale: boolean }
  /** `present`: the P bit of the error code, "a protection and not a missing entry". */
  | { kind: 'fault'; present: boolean };

/** The leaf that translates `va`, if a table or a huge entry is there. */
export const leafOf = (k: Kernel, va: Vaddr): Slot | null => leafIn(k.task.mm, va);

/** What the CPU uses without a walk: what it has, unless hardware has chosen otherwise. */
function cachedFor(k: Kernel, va: Vaddr, write: boolean): { entry: Pte; huge: boolean } | null {
  const tlb = k.m.tlbs[k.task.id]!;
  const chosen = tlb.lingering?.chosen ?? null;
  if (chosen === e.NONE) return null;
  const cached = chosen === null ? tlb.lookup(va, k.m.HPAGE_PMD_SIZE) : { entry: chosen, huge: false };
  return cached && (!write || storesThrough(cached.entry)) ? cached : null;
}

/** An old read-only translation: the CPU faults although memory may allow the store by now. */
function faultsAhead(k: Kernel, write: boolean): boolean {
  const chosen = k.m.tlbs[k.task.id]!.lingering?.chosen ?? null;
  return write && chosen !== null && chosen !== e.NONE && !e.pte_write(chosen);
}

/**
 * Translates for one access. Uses the TLB even where memory says otherwise by now, except that setting D is a
 * locked update of the entry in memory, which must still allow the write.
 */
function translate(k: Kernel, va: Vaddr, write: boolean): Translation {
  const cached = cachedFor(k, va, write);
  const isFault = faultsAhead(k, write);
  takeChoice(k, va, isFault);
  const slot = leafOf(k, va);
  if (cached) {
    const stale = slot === null || !sameTranslation(slot.peek(), cached.entry, write);
    return { kind: 'page', page: frameAt(k.m, cached.entry, va, cached.huge), slot, stale };
  }
  const entry = slot === null ? e.NONE : slot.peek();
  if (isFault || slot === null || !e.pte_hw_present(entry) || (write && !e.pte_write(entry))) {
    // A fault drops what the CPU has of its address.
    k.m.tlbs[k.task.id]!.lingering?.drop(vpnOf(va), vpnOf(va) + 1);
    return { kind: 'fault', present: isFault || (slot !== null && e.pte_hw_present(entry)) };
  }
  const used = write ? e.pte_hw_mkdirty(entry) : e.pte_mkyoung(entry);
  cacheEntry(k, va, slot, used);
  return { kind: 'page', page: frameAt(k.m, entry, va, slot.table.level === Level.pmd), slot, stale: false };
}

/** What hardware has chosen for this access is from now on what the CPU has. */
function takeChoice(k: Kernel, va: Vaddr, isFault: boolean): void {
  const tlb = k.m.tlbs[k.task.id]!;
  const chosen = tlb.lingering?.chosen ?? null;
  if (chosen === null) return;
  tlb.lingering!.chosen = null;
  tlb.forget(va, vaddr(va + PAGE_SIZE), k.m.HPAGE_PMD_SIZE);
  if (chosen !== e.NONE && !isFault) tlb.fill(va, chosen, false, k.m.HPAGE_PMD_SIZE);
}

/** The end of a walk: the CPU of the task keeps the entry, after it has set the bits that `used` has besides. */
function cacheEntry(k: Kernel, va: Vaddr, slot: Slot, used: Pte): void {
  if (used !== slot.peek()) k.hardware_sets(slot, used);
  k.m.tlbs[k.task.id]!.fill(va, used, slot.table.level === Level.pmd, k.m.HPAGE_PMD_SIZE);
}

/** @param write whether it has to be the same for a store, too */
export const sameTranslation = (now: Pte, cached: Pte, write: boolean): boolean =>
  e.pte_hw_present(now) && e.pte_pfn(now) === e.pte_pfn(cached) && (!write || e.pte_write(now));

/** The part of a CPU's TLB that an access looks at. */
const tlbObjectOf = ({ m }: Kernel, cpu: Task, va: Vaddr): number =>
  tlbObject(cpu.id, tlbPartOf(m.tlbBorders, va));

interface Touched {
  readonly objects: number[];
  readonly writes: number;
}

/** What the access of `va` depends on and what it changes, for the step that announces it. */
function touched(k: Kernel, va: Vaddr, write: boolean): Touched {
  const cached = cachedFor(k, va, write);
  const objects = [tlbObjectOf(k, k.task, va)];
  const slot = leafOf(k, va);
  const { lingering } = k.m.tlbs[k.task.id]!;
  const changesTlb = Number(lingering !== null && lingering.chosen !== null);
  if (cached) {
    const page = frameAt(k.m, cached.entry, va, cached.huge);
    objects.push(contentObject(page));
    // Whether memory has withdrawn the entry decides nothing for the CPU, but for those who watch.
    if (slot) objects.push(entryObject(slot.table.id, slot.index));
    if (!slot || !sameTranslation(slot.peek(), cached.entry, write)) objects.push(...whoWithdrew(k, page));
    // Who looks at the pending flushes is their writer, see tlb_steps.ts.
    const counters = objects.indexOf(mmCountersObject(k.task.mm.id));
    return { objects, writes: changesTlb | (write ? 2 : 0) | (counters < 0 ? 0 : 1 << counters) };
  }
  const drops = changesTlb | Number(lingering?.has(vpnOf(va)) ?? false);
  if (!slot) return { objects, writes: drops };
  objects.push(entryObject(slot.table.id, slot.index));
  const entry = slot.peek();
  if (faultsAhead(k, write) || !e.pte_hw_present(entry) || (write && !e.pte_write(entry))) {
    return { objects, writes: drops };
  }
  const used = write ? e.pte_hw_mkdirty(entry) : e.pte_mkyoung(entry);
  objects.push(contentObject(frameAt(k.m, entry, va, slot.table.level === Level.pmd)));
  return { objects, writes: 1 | (used === entry ? 0 : 2) | (write ? 4 : 0) };
}

/**
 * Which of the objects that a store touches it writes so that other stores might as well come first: the page, where it
 * is anonymous, no other process is there, and memory still maps it where the store goes. Each such store leaves what
 * nobody has stored before, and which of them was last is a mere name.
 */
function commuting(k: Kernel, va: Vaddr, stored: Content, { objects, writes }: Touched): number {
  const slot = leafOf(k, va);
  if (slot === null || k.m.mms.length > 1 || isNamed(stored)) return 0;
  const entry = slot.peek();
  if (!e.pte_hw_present(entry)) return 0;
  const page = frameAt(k.m, entry, va, slot.table.level === Level.pmd);
  if (!k.m.pfn_valid(page) || k.m.pages.mapping[k.m.compound_head(page)] !== Mapping.anon) return 0;
  const at = objects.indexOf(contentObject(page));
  return at < 0 ? 0 : writes & (1 << at);
}

/** What tells that the one who withdrew an entry still is at it: pages not freed, flushes pending, mmap_sem held. */
function whoWithdrew(k: Kernel, page: Pfn): number[] {
  const { id } = k.task.mm;
  const head = k.m.pfn_valid(page) ? [pageRefObject(k.m.compound_head(page))] : [];
  return [...head, mmCountersObject(id), mmapSemObject(id)];
}

/**
 * One try of a load.
 * @returns what the page holds, or the fault that the CPU raises
 */
export function load(k: Kernel, va: Vaddr, access: Access): Run<Content | Translation> {
  if (k.m.solo) return done(loadNow(k, va, access));
  k.task.at = va;
  return k.stepOn(
    'load',
    () => touched(k, va, false).objects,
    () => touched(k, va, false).writes,
    () => loadNow(k, va, access),
  );
}

function loadNow(k: Kernel, va: Vaddr, access: Access): Content | Translation {
  const t = translate(k, va, false);
  if (t.kind === 'fault') return t;
  const content = k.m.pages.contentOf(t.page);
  k.m.watch?.({
    kind: 'load',
    task: k.task,
    mm: k.task.mm,
    va,
    page: t.page,
    content,
    access,
    stale: t.stale,
  });
  return content;
}

/**
 * The CPU of a task walks the tables before its program asks for anything there, which it may do at any time: it
 * sets A, never D, and raises no fault.
 * @param cpu the kernel as that task, whose CPU it is
 */
export function walk_ahead(k: Kernel, cpu: Kernel, va: Vaddr): Run<void> {
  k.task.at = va;
  return k.stepOn(
    'walk ahead',
    () => walked(cpu, va).objects,
    () => walked(cpu, va).writes,
    () => {
      const { slot, used } = walked(cpu, va);
      if (slot && used !== null) cacheEntry(cpu, va, slot, used);
    },
  );
}

interface Walk {
  readonly slot: Slot | null;
  /** The entry with A; null where nothing is present. */
  readonly used: Pte | null;
  readonly objects: readonly number[];
  readonly writes: number;
}

function walked(cpu: Kernel, va: Vaddr): Walk {
  const slot = leafOf(cpu, va);
  const entry = slot === null ? e.NONE : slot.peek();
  const objects = [tlbObjectOf(cpu, cpu.task, va)];
  if (slot) objects.push(entryObject(slot.table.id, slot.index));
  if (!e.pte_hw_present(entry)) return { slot, used: null, objects, writes: 0 };
  const used = e.pte_mkyoung(entry);
  return { slot, used, objects, writes: used === entry ? 1 : 3 };
}

/** The CPU of a task drops a translation, which it may do at any time. */
export function drop_translation(k: Kernel, cpu: Task, va: Vaddr): Run<void> {
  k.task.at = va;
  return k.step('drop translation', tlbObjectOf(k, cpu, va), true, () => {
    k.m.tlbs[cpu.id]!.forget(va, vaddr(va + PAGE_SIZE), k.m.HPAGE_PMD_SIZE);
  });
}

/** One try of a store. */
export function store(k: Kernel, va: Vaddr, content: Content, access: Access): Run<Translation> {
  if (k.m.solo) return done(storeNow(k, va, content, access));
  k.task.at = va;
  return k.stepOn(
    'store',
    () => touched(k, va, true).objects,
    () => touched(k, va, true).writes,
    () => storeNow(k, va, content, access),
    () => commuting(k, va, content, touched(k, va, true)),
  );
}

function storeNow(k: Kernel, va: Vaddr, content: Content, access: Access): Translation {
  const t = translate(k, va, true);
  if (t.kind === 'page') writeContent(k, va, t.page, content, access, t.stale);
  return t;
}

/** Puts a store into a page: by the CPU or, for get_user_pages(), through the kernel's own mapping. */
export function writeContent(
  k: Kernel,
  va: Vaddr,
  page: Pfn,
  content: Content,
  access: Access,
  stale: boolean,
): void {
  k.m.pages.setContent(page, content);
  k.m.watch?.({ kind: 'store', task: k.task, mm: k.task.mm, va, page, content, access, stale });
}
