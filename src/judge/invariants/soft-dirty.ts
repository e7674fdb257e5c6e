import type { Machine, Mm } from '../../core/index';
import { flags as f, nameOfAddress } from '../../core/index';
import { type Invariant, invariant } from '../invariant';
import { mmOfKey, type Notes, vaOfKey, viewKey } from '../notes';
import { has } from '../ranges';
import { softDirtyAt } from '../soft_dirty';
import { vmaAt } from '../world';

/** VM_SOFTDIRTY makes every page of the mapping count as dirty; clear_refs passes over what has no page structure. */
const isUntracked = (mm: Mm, va: number): boolean =>
  ((vmaAt(mm, va)?.vm_flags ?? 0) & (f.VM_SOFTDIRTY | f.VM_PFNMAP)) !== 0;

function firstLost(m: Machine, notes: Notes): string | null {
  for (const [id, tracked] of notes.tracked) {
    const mm = m.mm(id);
    if (mm.exited) continue;
    for (const key of tracked.stored) {
      const va = vaOfKey(key);
      if (mmOfKey(key) !== id || !vmaAt(mm, va) || isUntracked(mm, va)) continue;
      if (softDirtyAt(m, mm, va) === false)
        return `${nameOfAddress(m.config, va)} was stored to after clear_refs and is not soft-dirty`;
    }
  }
  return null;
}

export const softDirtyKept: Invariant = invariant({
  id: 'soft-dirty-kept',
  class: 'lost-tracking',
  says: 'A page that was stored to since clear_refs is soft-dirty when the program looks.',
  source: 'Documentation/admin-guide/mm/soft-dirty.rst',
  at: 'quiet',
  check: (_h, m, notes) => firstLost(m, notes),
});

export const softDirtyRead: Invariant = invariant({
  id: 'soft-dirty-read',
  class: 'lost-tracking',
  says: 'pagemap shows soft-dirty for a page that was stored to since clear_refs.',
  source: 'Documentation/admin-guide/mm/soft-dirty.rst; fs/proc/task_mmu.c:pte_to_pagemap_entry()',
  at: 'pagemap',
  check(h, m, notes) {
    // A page that is gone, whoever took it away beside a store, has no bit.
    if (softDirtyAt(m, h.mm, h.va) === null) return null;
    const stored = notes.tracked.get(h.mm.id)?.stored.has(viewKey(h.mm.id, h.va)) && !isUntracked(h.mm, h.va);
    return stored && !h.softDirty ? 'pagemap says clean of a page that was stored to' : null;
  },
});

export const softDirtyTrue: Invariant = invariant({
  id: 'soft-dirty-true',
  class: 'spurious',
  says: 'pagemap shows soft-dirty only for pages that were stored to since clear_refs.',
  source: 'Documentation/admin-guide/mm/soft-dirty.rst',
  at: 'pagemap',
  check(h, _m, notes) {
    const tracked = notes.tracked.get(h.mm.id);
    if (!tracked || !h.softDirty || isUntracked(h.mm, h.va) || has(tracked.newer, h.va)) return null;
    return tracked.stored.has(viewKey(h.mm.id, h.va))
      ? null
      : 'pagemap says soft-dirty of a page that nobody stored to';
  },
});
