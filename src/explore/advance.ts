/** How a program goes on by one step. */
import { allTlbParts, KernelBug, type Machine, type Step, type Task, tlbObject } from '../core/index';

export type Program = Iterator<Step, unknown, undefined>;

/** Resumes a program up to its next step. A kernel bug ends the task where it stands. */
export function advanceProgram(program: Program, task: Task): Step | null {
  if (task.dead) return null;
  try {
    const result = program.next();
    if (!result.done) return result.value;
    task.done = true;
    return null;
  } catch (error) {
    if (!(error instanceof KernelBug)) throw error;
    task.dead = true;
    return null;
  }
}

/**
 * The CPU of a thread that is gone has no use for what it knows. Like a lock it is given up at the end of the thread's
 * last step: who copies a page looks at it.
 */
export function leaveCpu({ tlbs, tlbBorders }: Machine, { id, pending }: Task): void {
  tlbs[id]!.flushAll();
  for (const part of allTlbParts(tlbBorders)) pending.released.push(tlbObject(id, part));
}
