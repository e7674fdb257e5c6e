/** What a move of a mapping, or one that failed, does to what the notes know of its pages. */
import { type Happening, leavesOf, type Machine } from '../core/index';
import {
  type ActiveCall,
  allowAlso,
  armedOf,
  either,
  mayBeArmedOf,
  mmOfKey,
  type Notes,
  vaOfKey,
  viewKey,
} from './notes';
import { add, remove } from './ranges';
import { backgroundAt, vmaAt } from './world';

type Of<K extends Happening['kind']> = Extract<Happening, { kind: K }>;

/** What was mapped where something moves to is gone, and its protection with it. */
export function disarmTarget(notes: Notes, h: Of<'call'> | Of<'return'>): void {
  const to = h.args.to ?? h.start;
  remove(armedOf(notes, h.mm.id), to, to + (h.end - h.start));
}

/** A move that fails has perhaps unmapped what was at the new address, or moved the first of several mappings. */
export function mayHaveMoved(notes: Notes, h: Of<'return'>): void {
  const by = (h.args.to ?? h.start) - h.start;
  for (let va: number = h.start; va < h.end; va += 4096) {
    const there = va + by;
    if (!notes.view.has(viewKey(h.mm.id, there))) continue;
    const moved = notes.view.get(viewKey(h.mm.id, va)) ?? [0];
    allowAlso(notes, h.mm.id, there, ...moved, ...backgroundAt(notes, vmaAt(h.mm, there), there));
  }
}

/** What was stored, and what was armed, is at the new address now. */
export function move(notes: Notes, m: Machine, h: Of<'return'>, call: ActiveCall): void {
  const to = h.args.to ?? h.start;
  const end = to + (h.end - h.start);
  for (const [key] of [...notes.view]) {
    const va = vaOfKey(key);
    if (mmOfKey(key) !== h.mm.id || va < to || va >= end) continue;
    // A store that raced with the call may have come before it or after it.
    if (call.storedSince?.has(key))
      allowAlso(notes, h.mm.id, va, ...backgroundAt(notes, vmaAt(h.mm, va), va));
    else notes.view.delete(key);
  }
  for (const [key, allowed] of [...notes.view]) {
    const va = vaOfKey(key);
    if (mmOfKey(key) !== h.mm.id || va < h.start || va >= h.end) continue;
    notes.view.delete(key);
    const there = viewKey(h.mm.id, va - h.start + to);
    notes.view.set(there, either(...allowed, ...(notes.view.get(there) ?? [])));
  }
  const tracked = notes.tracked.get(h.mm.id);
  if (tracked) {
    add(tracked.newer, to, end);
    // To whoever copies memory by soft-dirty, what has moved is new.
    for (const leaf of leavesOf(h.mm, to, end)) if (!leaf.huge) tracked.stored.add(viewKey(h.mm.id, leaf.va));
  }
  disarmTarget(notes, h);
  const mayBe = mayBeArmedOf(notes, h.mm.id);
  const moved = mayBe.list.filter((r) => r.start < h.end && r.end > h.start);
  remove(mayBe, h.start, h.end);
  remove(mayBe, to, end);
  for (const r of moved)
    add(mayBe, Math.max(r.start, h.start) - h.start + to, Math.min(r.end, h.end) - h.start + to);
}
