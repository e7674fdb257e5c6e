/** What a system call promises to the program when it returns, and what may be while it runs. */
import {
  endOf,
  flags as f,
  type Happening,
  leavesOf,
  type Machine,
  mainline,
  type Task,
} from '../core/index';
import { disarmTarget, mayHaveMoved, move } from './follow_move';
import {
  type ActiveCall,
  allowAlso,
  armedOf,
  either,
  fileKey,
  mayBeArmedOf,
  mmOfKey,
  type Notes,
  vaOfKey,
  viewKey,
  wakes,
} from './notes';
import { add, has, noRanges, type Ranges, remove } from './ranges';
import { backgroundAt, fileIndexAt, isPrivate, vmaAt } from './world';

type Of<K extends Happening['kind']> = Extract<Happening, { kind: K }>;

const EVERYTHING = Number.MAX_SAFE_INTEGER;
/** The call by name, madvise with its advice. */
const nameOf = (h: Of<'call'> | Of<'return'>): string =>
  h.name === 'madvise' ? `madvise ${Object.keys(h.args)[0] ?? ''}` : h.name;

/** While such a call runs, and after it, a store in its range needs no event. */
const disarms = new Set([
  'uffd_unprotect',
  'uffd_unregister',
  'uffd_close',
  'munmap',
  'mmap',
  'mremap',
  'madvise dontneed',
  'madvise remove',
]);
/** After such a call the range holds nothing of what was stored. */
const discards = new Set(['munmap', 'mmap', 'madvise dontneed', 'madvise remove']);
/** When such a call returns it matters what was stored meanwhile. */
const remembersStores = new Set([...discards, 'mremap', 'fork', 'uffd_copy']);
/** While such a call runs, or after it, the range may hold nothing of what was stored. */
const mayDiscard = new Set([...discards, 'madvise free']);
/** Such calls at the same time leave open which of them had the last word. */
const decides = new Set([...disarms, 'uffd_protect', 'uffd_copy', 'uffd_zeropage', 'uffd_register', 'mmap']);

const protects = (h: Of<'call'> | Of<'return'>): boolean =>
  h.name === 'uffd_protect' || (h.name === 'uffd_copy' && h.args.wp === 1);

const givesUpWp = (h: Of<'call'>): boolean => h.name === 'uffd_register' && h.args.wp === 0;

export function followCall(h: Of<'call'>, m: Machine, notes: Notes): void {
  const name = nameOf(h);
  const call: ActiveCall = {
    task: h.task.id,
    name,
    mm: h.mm.id,
    start: h.start,
    end: h.name === 'uffd_close' ? EVERYTHING : h.end,
    args: h.args,
    overlapped: false,
    discards: mayDiscard.has(name),
    sleepers: wakes(h) ? sleepersOn(h) : [],
    storedSince: remembersStores.has(name) ? new Map() : null,
    mapped: h.name === 'uffd_protect' ? mappedIn(h, m) : null,
  };
  for (const other of notes.calls) {
    if (!decides.has(other.name) || !decides.has(name) || !overlap(other, call)) continue;
    other.overlapped = true;
    call.overlapped = true;
  }
  addCall(notes, call);
  // Those of a userfaultfd touch no page by a fault.
  if (!h.name.startsWith('uffd_')) beginFault(notes, h.task, has(mayBeArmedOf(notes, h.mm.id), h.start));
  if (disarms.has(name) || givesUpWp(h)) remove(armedOf(notes, h.mm.id), call.start, call.end);
  if (h.name === 'mremap') disarmTarget(notes, h);
  if (protects(h)) add(mayBeArmedOf(notes, h.mm.id), h.start, h.end);
  if (h.name === 'uffd_copy') allowAlso(notes, h.mm.id, h.start, h.args.content ?? 0);
  if (h.name === 'uffd_zeropage') allowAlso(notes, h.mm.id, h.start, 0);
  if (h.name === 'file_write') allowInFile(notes, h);
  if (name === 'madvise remove') changeFile(notes, h, (old) => [...old, 0]);
}

function mappedIn({ mm, start, end }: Of<'call'>, m: Machine): Ranges {
  const mapped = noRanges();
  for (const leaf of leavesOf(mm, start, end)) add(mapped, leaf.va, endOf(leaf, m.HPAGE_PMD_SIZE));
  return mapped;
}

/** By task, because nobody can tell which of two calls began first. */
function addCall(notes: Notes, call: ActiveCall): void {
  notes.calls.push(call);
  notes.calls.sort((a, b) => a.task - b.task);
}

/** @param isArmed whether the page is, perhaps */
export function beginFault(notes: Notes, { id }: Task, isArmed: boolean): void {
  if (isArmed) notes.faultedArmed.add(id);
  else notes.faultedArmed.delete(id);
}

const overlap = (a: ActiveCall, b: ActiveCall): boolean =>
  a.mm === b.mm && a.start < b.end && b.start < a.end;

function sleepersOn(h: Of<'call'>): number[] {
  const isConcerned = (at: number): boolean => h.name === 'uffd_close' || (at >= h.start && at < h.end);
  const sleepers = new Set<number>();
  for (const { vm_userfaultfd_ctx: ctx } of h.mm.mmap) {
    for (const waits of ctx ? [ctx.fault_pending, ctx.fault] : [])
      for (const { msg, task } of waits) if (isConcerned(msg.address)) sleepers.add(task);
  }
  return [...sleepers].sort((a, b) => a - b);
}

export function followReturn(h: Of<'return'>, m: Machine, notes: Notes): void {
  const name = nameOf(h);
  const at = notes.calls.findIndex((c) => c.task === h.task.id);
  const call = notes.calls[at];
  if (call) notes.calls.splice(at, 1);
  notes.faultedArmed.delete(h.task.id);
  if (h.result < 0) notes.refused.push({ name: h.name, result: h.result });
  if (call && h.name === 'mremap' && h.result < 0) mayHaveMoved(notes, h);
  if (!call || (h.result < 0 && !passedHoles(h))) return;
  if (protects(h) && !call.overlapped) arm(h, m, notes, call);
  if (disarms.has(name)) disarm(notes, name, call);
  if (discards.has(name)) forget(notes, h, call);
  if (h.name === 'uffd_register') keepRegistered(notes, h);
  if (name === 'madvise free') allowBackground(notes, h);
  if (name === 'madvise remove') changeFile(notes, h, () => [0]);
  if (h.name === 'mremap') move(notes, m, h, call);
  if (h.name === 'fork') inherit(notes, m, h, call);
  // Without CONFIG_MEM_SOFT_DIRTY nobody tracks anything.
  if (h.name === 'clear_refs' && m.config.softDirty)
    notes.tracked.set(h.mm.id, { stored: new Set(), newer: noRanges() });
  if (h.name === 'mmap') notes.tracked.get(h.mm.id)?.newer.list.push({ start: h.start, end: h.end });
  if (h.name === 'uffd_copy') settleCopy(notes, h, call);
  if (h.name === 'file_write') settleInFile(notes, h);
}

/** madvise() does its work beside what is not mapped, and then says ENOMEM. */
const passedHoles = (h: Of<'return'>): boolean => h.name === 'madvise' && h.result === -f.ENOMEM;

/** Registering anew replaces the modes: where write-protection is not among them it is given up. */
function keepRegistered(notes: Notes, h: Of<'return'>): void {
  for (const { vm_flags, vm_start, vm_end } of h.mm.mmap) {
    if (vm_flags & f.VM_UFFD_WP) continue;
    for (const ranges of [armedOf(notes, h.mm.id), mayBeArmedOf(notes, h.mm.id)])
      remove(ranges, Math.max(vm_start, h.start), Math.min(vm_end, h.end));
  }
}

/**
 * Protecting an address at which nothing is mapped promises nothing: that is documented, and what was mapped while the
 * call ran may have come too late. Where protection is asynchronous nobody is told of a write.
 */
function arm(h: Of<'return'>, m: Machine, notes: Notes, { mapped }: ActiveCall): void {
  const features = vmaAt(h.mm, h.start)?.vm_userfaultfd_ctx?.features ?? 0;
  if (features & mainline.UFFD_FEATURE_WP_ASYNC) return;
  const armed = armedOf(notes, h.mm.id);
  for (const leaf of leavesOf(h.mm, h.start, h.end)) {
    if (mapped !== null && !has(mapped, Math.max(leaf.va, h.start))) continue;
    add(armed, Math.max(leaf.va, h.start), Math.min(endOf(leaf, m.HPAGE_PMD_SIZE), h.end));
  }
}

function disarm(notes: Notes, name: string, call: ActiveCall): void {
  remove(armedOf(notes, call.mm), call.start, call.end);
  // A move takes along what may be armed.
  if (!call.overlapped && name !== 'mremap') remove(mayBeArmedOf(notes, call.mm), call.start, call.end);
}

function forget(notes: Notes, h: Of<'return'>, call: ActiveCall): void {
  for (const [key, allowed] of [...notes.view]) {
    if (mmOfKey(key) !== h.mm.id || vaOfKey(key) < h.start || vaOfKey(key) >= h.end) continue;
    // A store that raced with the call may have come before or after it.
    if (!call.storedSince?.has(key)) notes.view.delete(key);
    else
      notes.view.set(
        key,
        either(...allowed, ...backgroundAt(notes, vmaAt(h.mm, vaOfKey(key)), vaOfKey(key))),
      );
  }
  untrack(notes, h, call);
}

/** A page that is gone takes its soft-dirty bit along. */
function untrack(notes: Notes, h: Of<'return'>, call: ActiveCall): void {
  const stored = notes.tracked.get(h.mm.id)?.stored ?? new Set();
  for (const key of stored)
    if (vaOfKey(key) >= h.start && vaOfKey(key) < h.end && !call.storedSince?.has(key)) stored.delete(key);
}

function allowBackground(notes: Notes, h: Of<'return'>): void {
  for (const [key, allowed] of notes.view) {
    const va = vaOfKey(key);
    if (mmOfKey(key) === h.mm.id && va >= h.start && va < h.end) notes.view.set(key, either(...allowed, 0));
  }
}

/** write(2) to a file: until it returns, and if somebody stored meanwhile, either may be seen. */
function allowInFile(notes: Notes, h: Of<'call'>): void {
  const key = fileKey(h.args.file ?? 0, h.args.index ?? 0);
  notes.fileView.set(key, [...(notes.fileView.get(key) ?? [0]), h.args.content ?? 0]);
}

function settleInFile(notes: Notes, h: Of<'return'>): void {
  const key = fileKey(h.args.file ?? 0, h.args.index ?? 0);
  const content = h.args.content ?? 0;
  const now = notes.fileView.get(key) ?? [];
  notes.fileView.set(key, now.at(-1) === content ? [content] : [...now, content]);
}

/** Changes what the pages of a shared file mapping may hold. */
function changeFile(
  notes: Notes,
  h: Of<'call'> | Of<'return'>,
  change: (old: readonly number[]) => number[],
): void {
  for (let va: number = h.start; va < h.end; va += 4096) {
    const vma = vmaAt(h.mm, va);
    if (!vma?.vm_file || isPrivate(vma)) continue;
    const key = fileKey(vma.vm_file.id, fileIndexAt(vma, va));
    notes.fileView.set(key, change(backgroundAt(notes, vma, va)));
  }
}

/** The child sees what the parent saw; what the parent's threads stored during fork, before or after. */
function inherit(notes: Notes, m: Machine, h: Of<'return'>, call: ActiveCall): void {
  const child = m.mm(h.args.child ?? 0);
  for (const [key, allowed] of [...notes.view]) {
    if (mmOfKey(key) !== h.mm.id) continue;
    const va = vaOfKey(key);
    const vma = vmaAt(child, va);
    if (!vma || vma.vm_flags & f.VM_WIPEONFORK) continue;
    notes.view.set(viewKey(child.id, va), either(...allowed, ...(call.storedSince?.get(key) ?? [])));
  }
  for (const vma of child.mmap) if (vma.vm_flags & f.VM_UFFD_WP) inheritArmed(notes, h.mm.id, child.id, vma);
}

/** With UFFD_FEATURE_EVENT_FORK the child's mapping is registered, too, and what was protected stays so. */
function inheritArmed(
  notes: Notes,
  parent: number,
  child: number,
  vma: { vm_start: number; vm_end: number },
): void {
  for (const ranges of [armedOf, mayBeArmedOf]) {
    for (const r of ranges(notes, parent).list) {
      add(ranges(notes, child), Math.max(r.start, vma.vm_start), Math.min(r.end, vma.vm_end));
    }
  }
}

function settleCopy(notes: Notes, h: Of<'return'>, call: ActiveCall): void {
  const key = viewKey(h.mm.id, h.start);
  if (!call.storedSince?.has(key)) notes.view.set(key, [h.args.content ?? 0]);
  notes.tracked.get(h.mm.id)?.stored.add(key);
}
