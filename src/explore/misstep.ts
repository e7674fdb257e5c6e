/** Where somebody's own schedule cannot be followed. */
import { Execution } from './execution';
import type { Start } from './start';

export interface Misstep {
  /** Steps before it. */
  readonly after: number;
  readonly position: number;
  /** What keeps whoever should take it, in words that follow on his name. */
  readonly why: string;
}

/** @returns the first step that whose turn it is cannot take; null where all can be taken */
export function misstepIn<Notes extends object>(
  start: Start<Notes>,
  schedule: readonly number[],
): Misstep | null {
  const execution = new Execution(start);
  for (const [after, position] of schedule.entries()) {
    if (!execution.canStep(position)) return { after, position, why: whyNot(execution, position) };
    execution.take(position);
  }
  return null;
}

function whyNot<Notes extends object>({ running, hardware }: Execution<Notes>, position: number): string {
  if (hardware.has(position)) return 'has nothing to do there';
  const next = running[position]?.next;
  if (!next) return 'has ended by then';
  if (next.ready === null || next.ready()) return 'would come back there to where it was, and nobody notices';
  return next.waitsFor === '' ? 'waits there' : `waits there for ${next.waitsFor}`;
}
