/**
 * Every interleaving, step by step, without any reduction but this: a state that was seen is not entered again.
 * Slow; it exists to check explore() against. Two runs are in the same state when the machines are equal and every
 * actor has read the same values in the same order since it began.
 */
import { kindOf } from '../core/index';
import { boundOfRuns, type Explored } from './bounds';
import { Execution } from './execution';
import { fingerprint } from './fingerprint';
import type { Start } from './start';
import { observedValue } from './value';

/** @param onEnd is called with every execution when it has ended, or has come to a state that was seen before */
export function explorePlain<Notes extends object>(
  start: Start<Notes>,
  onEnd: (execution: Execution<Notes>) => void,
  maxExecutions: number,
): Explored {
  const result: Explored = { executions: 0, states: 0, complete: true, stoppedBy: null };
  const seen = new Set<number>();
  /** Prefixes of schedules that are still to be run. */
  const todo: number[][] = [[]];
  for (let prefix = todo.pop(); prefix; prefix = todo.pop()) {
    if (result.executions >= maxExecutions) {
      return { ...result, complete: false, stoppedBy: boundOfRuns(maxExecutions) };
    }
    const run = new ObservedExecution(start);
    for (const position of prefix) run.take(position);
    const { execution } = run;
    let isKnown = false;
    for (let enabled = execution.enabled(); enabled.length > 0; enabled = execution.enabled()) {
      const state = run.state();
      isKnown = seen.has(state);
      if (isKnown) break;
      seen.add(state);
      result.states++;
      const here = [...execution.schedule];
      for (const other of enabled.slice(1)) todo.push([...here, other]);
      run.take(enabled[0]!);
    }
    if (!isKnown) execution.finish();
    result.executions++;
    onEnd(execution);
  }
  return result;
}

/** An execution that remembers what each actor has read. */
class ObservedExecution<Notes extends object> {
  readonly execution: Execution<Notes>;
  private readonly observed: number[];

  constructor(start: Start<Notes>) {
    this.execution = new Execution(start);
    this.observed = this.execution.running.map(() => 0);
  }

  take(position: number): void {
    const { machine } = this.execution;
    const objects = this.execution.announced(position)?.objects ?? [];
    // Whoever takes a lock or goes on after sleep has found it free, or has been woken.
    const read = objects.map((o) =>
      ['spinlock', 'sleeper'].includes(kindOf(o)) ? o : [o, observedValue(machine, o)],
    );
    this.observed[position] = fingerprint(this.observed[position], read);
    this.execution.take(position);
  }

  state(): number {
    const { machine, notes, running } = this.execution;
    const next = running.map((r) => r.next?.label ?? null);
    return fingerprint(this.observed, next, machine, notes);
  }
}
