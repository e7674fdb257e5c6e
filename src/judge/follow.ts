/** How the notes follow a run: one small rule per happening. What system calls promise is in follow_calls.ts. */
import { entry as e, flags as f, type Happening, type Machine } from '../core/index';
import { beginFault, followCall, followReturn } from './follow_calls';
import { allowAlso, beforeHiding, either, fileKey, mayBeArmedOf, type Notes, viewKey } from './notes';
import { has } from './ranges';
import { followWithdrawals } from './withdrawn';
import { fileIndexAt, isPrivate, mappersOf, vmaAt } from './world';

const ACCESSIBLE = f.VM_READ | f.VM_WRITE | f.VM_EXEC;

type Of<K extends Happening['kind']> = Extract<Happening, { kind: K }>;

export function follow(h: Happening, m: Machine, notes: Notes): void {
  followWithdrawals(h, m, notes);
  switch (h.kind) {
    case 'store':
      followStore(h, m, notes);
      break;
    case 'call':
      followCall(h, m, notes);
      break;
    case 'return':
      followReturn(h, m, notes);
      break;
    case 'entry':
      followEntry(h, m, notes);
      break;
    case 'fault':
      beginFault(notes, h.task, has(mayBeArmedOf(notes, h.task.mm.id), h.va));
      break;
    case 'load':
      notes.faultedArmed.delete(h.task.id);
      break;
    case 'wake':
      followWake(h, notes);
      break;
    case 'enter':
      notes.reached.add(h.name);
      break;
    case 'page_mkwrite':
      notes.notified.add(fileKey(h.file.id, h.index));
      break;
    case 'page_mkclean':
      notes.notified.delete(fileKey(h.file.id, h.index));
      break;
  }
}

function followStore(h: Of<'store'>, m: Machine, notes: Notes): void {
  notes.faultedArmed.delete(h.task.id);
  const key = viewKey(h.mm.id, h.va);
  const vma = vmaAt(h.mm, h.va);
  if (!vma) return;
  // Nobody will look at what is stored to a page that nobody maps, unless it moves and comes back.
  if (h.access === 'gup' && mappersOf(m, h.page).length === 0) {
    if (isPrivate(vma)) allowAlso(notes, h.mm.id, h.va, h.content);
    return;
  }
  for (const call of notes.calls) {
    call.storedSince?.set(key, either(...(call.storedSince.get(key) ?? []), ...(notes.view.get(key) ?? [0])));
  }
  notes.tracked.get(h.mm.id)?.stored.add(key);
  if (!isPrivate(vma) && vma.vm_file)
    notes.fileView.set(fileKey(vma.vm_file.id, fileIndexAt(vma, h.va)), [h.content]);
  else notes.view.set(key, [h.content]);
}

/** Whoever was woken looks at the page anew: what it knew of it counts no more. */
function followWake(h: Of<'wake'>, notes: Notes): void {
  notes.faultedArmed.delete(h.woken.id);
  for (const call of notes.calls) call.sleepers = call.sleepers.filter((task) => task !== h.woken.id);
}

/**
 * Remembers of an entry that NUMA balancing hides whether it was writable. On its way it passes through "not
 * present"; what it was before is kept meanwhile.
 */
function followEntry(h: Of<'entry'>, m: Machine, notes: Notes): void {
  if (m.config.nodes < 2) return;
  const key = viewKey(h.mmId, h.va);
  if (!e.pte_present(h.after)) {
    if (e.pte_present(h.before)) notes.cleared.set(key, h.before);
    return;
  }
  const before = beforeHiding(h, notes);
  notes.cleared.delete(key);
  const vma = vmaAt(m.mm(h.mmId), h.va);
  const isHint = e.pte_protnone(h.after) && vma !== undefined && (vma.vm_flags & ACCESSIBLE) !== 0;
  if (!isHint || e.pte_pfn(before) !== e.pte_pfn(h.after)) notes.hinted.delete(key);
  else if (!e.pte_protnone(before)) notes.hinted.set(key, e.pte_write(before));
  else if (e.pte_write(before) !== e.pte_write(h.after)) notes.hinted.delete(key);
}
