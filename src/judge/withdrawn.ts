/**
 * Translations that tasks have taken away and perhaps not yet flushed: until whoever did it leaves the kernel, a CPU
 * may go on using its copy. What somebody else does in the kernel meanwhile is no excuse.
 */
import { entry as e, type Happening, type Machine, type Mm, type Pte } from '../core/index';
import type { Notes } from './notes';
import { add, has, noRanges } from './ranges';

type Of<K extends Happening['kind']> = Extract<Happening, { kind: K }>;

/** Notes what a change of an entry takes away from CPUs that have the old one. */
export function followWithdrawal(
  { task, mmId, va, huge, before, after }: Of<'entry'>,
  m: Machine,
  notes: Notes,
): void {
  // Nobody else runs, so nobody uses an old copy before the call is over.
  if (m.solo || !task.inKernel || !takesAway(huge, before, after)) return;
  let own = notes.withdrawn.find((one) => one.task === task.id && one.mm === mmId);
  if (!own) {
    own = { task: task.id, mm: mmId, ranges: noRanges() };
    notes.withdrawn.push(own);
    // By task, because nobody can tell who came first.
    notes.withdrawn.sort((a, b) => a.task - b.task || a.mm - b.mm);
  }
  add(own.ranges, va, va + (huge ? m.HPAGE_PMD_SIZE : 4096));
}

/** Whether a CPU that has the old entry can do what the new one does not allow. */
function takesAway(huge: boolean, before: Pte, after: Pte): boolean {
  if (huge && e.pmd_is_table(before)) return !e.pmd_is_table(after);
  if (!e.pte_hw_present(before)) return false;
  const isSame = e.pte_hw_present(after) && e.pte_pfn(after) === e.pte_pfn(before);
  return !isSame || (e.pte_write(before) && !e.pte_write(after));
}

/** A task is back in user mode, or begins something else there: what it owed it has done, or never will. */
export function endWithdrawals(notes: Notes, task: number): void {
  const { withdrawn } = notes;
  for (let i = withdrawn.length - 1; i >= 0; i--) if (withdrawn[i]!.task === task) withdrawn.splice(i, 1);
}

/** Whether somebody who has taken a translation away is still at it. */
export const isBeingWithdrawn = (m: Machine, notes: Notes, { id }: Mm, va: number): boolean =>
  notes.withdrawn.some(({ task, mm, ranges }) => mm === id && m.task(task).inKernel && has(ranges, va));
