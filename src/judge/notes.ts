/**
 * What a judge remembers of a run beside the machine's own state: who was promised what. Plain data, copied with
 * the machine. Updated by follow() after the invariants have looked at each happening.
 */
import type { Happening, Pte } from '../core/index';
import { noRanges, type Ranges } from './ranges';
import type { InvariantClass } from './verdict';

/** A system call that has begun and not yet returned. */
export interface ActiveCall {
  readonly task: number;
  readonly name: string;
  readonly mm: number;
  readonly start: number;
  readonly end: number;
  readonly args: Record<string, number>;
  /** Another call that protects or takes away pages of the same range ran at the same time. */
  overlapped: boolean;
  /** While it runs, the pages of its range may be empty already. */
  readonly discards: boolean;
  /** Of a call that wakes: tasks that were asleep on a userfaultfd within the range when it began, not woken since. */
  sleepers: readonly number[];
  /**
   * Pages (by viewKey) that were stored to since the call began, with all that they held before the last store; null
   * for a call after which nobody asks.
   */
  readonly storedSince: Map<number, readonly number[]> | null;
  /** Of a call that protects what is there: where something was mapped when it began. */
  readonly mapped: Ranges | null;
}

export interface Notes {
  /** By invariant: what was seen first. */
  readonly found: Map<string, { class: InvariantClass; saw: string }>;
  /** Kernel functions of `shows` that were entered. */
  readonly reached: Set<string>;
  /** By mm: pages whose next store must raise an event. */
  readonly armed: Map<number, Ranges>;
  /** By mm: pages that a monitor has protected or is about to, as far as one can tell: events for them are in order. */
  readonly mayBeArmed: Map<number, Ranges>;
  /** Tasks that are at a fault whose page was perhaps armed when it began. */
  readonly faultedArmed: Set<number>;
  /** By viewKey: whether the entry was writable before NUMA balancing hid it. Only on machines with several nodes. */
  readonly hinted: Map<number, boolean>;
  /** By viewKey: the entry that was cleared last, until something else is put there. Only with several nodes. */
  readonly cleared: Map<number, Pte>;
  readonly calls: ActiveCall[];
  /** What tasks have taken away on their present stay in the kernel, see withdrawn.ts. */
  readonly withdrawn: { readonly task: number; readonly mm: number; readonly ranges: Ranges }[];
  /** By viewKey: contents that a load of a private page may see. Absent: zeroes, or what the file has. */
  readonly view: Map<number, readonly number[]>;
  /** By fileKey: contents that a load of a page of a file may see. Absent: what is on disk. */
  readonly fileView: Map<number, readonly number[]>;
  /** mms whose soft-dirty bits were cleared: the pages (viewKey) stored to since, and the VMAs that are newer. */
  readonly tracked: Map<number, { stored: Set<number>; newer: Ranges }>;
  /** By fileKey: page_mkwrite since the last page_mkclean. */
  readonly notified: Set<number>;
  /** Calls that failed, with their error. */
  readonly refused: { name: string; result: number }[];
}

export const newNotes = (): Notes => ({
  found: new Map(),
  reached: new Set(),
  armed: new Map(),
  mayBeArmed: new Map(),
  faultedArmed: new Set(),
  hinted: new Map(),
  cleared: new Map(),
  calls: [],
  withdrawn: [],
  view: new Map(),
  fileView: new Map(),
  tracked: new Map(),
  notified: new Set(),
  refused: [],
});

const PAGES_PER_MM = 2 ** 36;
/** One number for a page of an address space. */
export const viewKey = (mm: number, va: number): number => mm * PAGES_PER_MM + Math.floor(va / 4096);
export const mmOfKey = (key: number): number => Math.floor(key / PAGES_PER_MM);
export const vaOfKey = (key: number): number => (key % PAGES_PER_MM) * 4096;
export const fileKey = (file: number, index: number): number => file * PAGES_PER_MM + index;

/** Whether a call wakes those who wait within its range. */
export const wakes = (h: { name: string; args: Record<string, number> }): boolean =>
  wakers.has(h.name) && !h.args.dontwake;
const wakers = new Set([
  'uffd_unprotect',
  'uffd_copy',
  'uffd_zeropage',
  'uffd_wake',
  'uffd_unregister',
  'uffd_close',
]);

/** Contents that a load may see, as a set that is a list. */
export const either = (...contents: readonly number[]): readonly number[] =>
  contents.length < 2 ? contents : [...new Set(contents)].sort((a, b) => a - b);

export const armedOf = (notes: Notes, mm: number): Ranges => rangesOf(notes.armed, mm);
export const mayBeArmedOf = (notes: Notes, mm: number): Ranges => rangesOf(notes.mayBeArmed, mm);

function rangesOf(map: Map<number, Ranges>, mm: number): Ranges {
  let ranges = map.get(mm);
  if (!ranges) map.set(mm, (ranges = noRanges()));
  return ranges;
}

/** What an entry was before it was cleared on its way to its present value. */
export const beforeHiding = (h: Extract<Happening, { kind: 'entry' }>, notes: Notes): Pte =>
  notes.cleared.get(viewKey(h.mmId, h.va)) ?? h.before;

/** Something else that a load of a page may see. */
export function allowAlso(notes: Notes, mm: number, va: number, ...contents: number[]): void {
  const key = viewKey(mm, va);
  notes.view.set(key, either(...(notes.view.get(key) ?? [0]), ...contents));
}
