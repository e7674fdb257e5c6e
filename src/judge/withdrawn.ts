/**
 * Translations that tasks have taken away and perhaps not yet flushed: until whoever did it leaves the kernel, a CPU
 * may go on using its copy. What somebody else does in the kernel meanwhile is no excuse.
 */
import { entry as e, endOf, type Happening, type Machine, type Mm, mmu, type Pte } from '../core/index';
import type { Notes } from './notes';
import { add, has, noRanges } from './ranges';

type Of<K extends Happening['kind']> = Extract<Happening, { kind: K }>;

/** Keeps up with what is being withdrawn. Before the notes of calls, because a fault within a call ends nothing. */
export function followWithdrawals(h: Happening, m: Machine, notes: Notes): void {
  if (h.kind === 'entry') withdraw(h, m, notes);
  else if (isBack(h, notes)) end(notes, h.task.id);
}

/** Notes what a change of an entry takes away from CPUs that have the old one. */
function withdraw({ task, mmId, va, huge, before, after }: Of<'entry'>, m: Machine, notes: Notes): void {
  // Nobody else runs, so nobody uses an old copy before the call is over.
  if (m.solo || !task.inKernel || !takesAway(huge, before, after)) return;
  let own = notes.withdrawn.find((one) => one.task === task.id && one.mm === mmId);
  if (!own) {
    own = { task: task.id, mm: mmId, ranges: noRanges() };
    notes.withdrawn.push(own);
    // By task, because nobody can tell who came first.
    notes.withdrawn.sort((a, b) => a.task - b.task || a.mm - b.mm);
  }
  add(own.ranges, va, endOf({ va, huge }, m.HPAGE_PMD_SIZE));
}

/** Whether a CPU that has the old entry can do what the new one does not allow. */
function takesAway(huge: boolean, before: Pte, after: Pte): boolean {
  if (huge && e.pmd_is_table(before)) return !e.pmd_is_table(after);
  return e.pte_hw_present(before) && !mmu.sameTranslation(after, before, e.pte_write(before));
}

/** Whether a task is in user mode again, or begins something else there: what it owed it has done, or never will. */
function isBack(h: Happening, notes: Notes): h is Of<'return'> | Of<'store'> | Of<'load'> | Of<'fault'> {
  switch (h.kind) {
    case 'return':
      return true;
    case 'store':
    case 'load':
      return h.access === 'user';
    case 'fault':
      return !notes.calls.some(({ task }) => task === h.task.id);
    default:
      return false;
  }
}

function end({ withdrawn }: Notes, task: number): void {
  for (let i = withdrawn.length - 1; i >= 0; i--) if (withdrawn[i]!.task === task) withdrawn.splice(i, 1);
}

/** Whether somebody who has taken a translation away is still at it. */
export const isBeingWithdrawn = (m: Machine, notes: Notes, { id }: Mm, va: number): boolean =>
  notes.withdrawn.some(({ task, mm, ranges }) => mm === id && m.task(task).inKernel && has(ranges, va));
