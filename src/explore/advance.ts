/** How a program goes on by one step. */
import { KernelBug, type Step, type Task } from '../core/index';

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
