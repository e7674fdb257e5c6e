/** Puts the invariants and the notes on the machine's watch. */
import type { Happening, Machine, Watch } from '../core/index';
import type { Observer } from '../explore/index';
import { follow } from './follow';
import type { Invariant } from './invariant';
import { invariants } from './invariants/index';
import { type Notes, newNotes } from './notes';

const byKind = new Map<Happening['kind'], Invariant[]>();
for (const invariant of invariants) {
  for (const kind of invariant.at) byKind.set(kind, [...(byKind.get(kind) ?? []), invariant]);
}

function look(h: Happening, m: Machine, notes: Notes): void {
  const concerned = byKind.get(h.kind);
  if (concerned) {
    for (const invariant of concerned) {
      if (notes.found.has(invariant.id)) continue;
      const saw = invariant.check(h, m, notes);
      if (saw !== null) notes.found.set(invariant.id, { class: invariant.class, saw });
    }
  }
  follow(h, m, notes);
}

/** The judge's eyes: what was promised to whom, and what was broken. */
export const observer: Observer<Notes> = {
  begin: newNotes,
  needsNoRounds: true,
  watch(m: Machine, notes: Notes): Watch {
    return (h) => look(h, m, notes);
  },
};
