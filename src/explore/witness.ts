/**
 * The runs of a workload by the number of their preemptions. An actor is only stopped before a step on something that
 * another touches, too: stopped elsewhere, it could as well have gone on.
 */
import { Execution } from './execution';
import { type Future, sharedIn } from './seen';
import type { Start } from './start';

/** A run yet to be made: the schedule that it begins with. */
interface Beginning {
  readonly schedule: readonly number[];
  readonly preemptions: number;
}

/**
 * @param preemptions exactly so many
 * @param touched as explore() learns it
 * @param visit is called with every execution when it has ended or comes to a state that an earlier one went on from
 * @returns false where there are more than `most` of them
 */
export function exploreWithPreemptions<Notes extends object>(
  start: Start<Notes>,
  preemptions: number,
  touched: Future,
  most: number,
  visit: (execution: Execution<Notes>) => void,
): boolean {
  const shared = sharedIn(touched);
  const seen = new Set<string>();
  const todo: Beginning[] = [{ schedule: [], preemptions: 0 }];
  let executions = 0;
  for (let next = todo.pop(); next; next = todo.pop()) {
    if (++executions > most) return false;
    const execution = new Execution(start);
    for (const actor of next.schedule) execution.take(actor);
    if (goOn(execution, next.preemptions)) visit(execution);
  }
  return true;

  /** Runs on without further preemptions; notes where there could be one. */
  function goOn(execution: Execution<Notes>, used: number): boolean {
    const isFull = used === preemptions;
    for (let enabled = execution.enabled(); enabled.length > 0; enabled = execution.enabled()) {
      const last = execution.lastActor;
      const stays = enabled.includes(last);
      const mayStop = !stays || (!isFull && touches(execution, last));
      // Hardware stops nobody.
      const others = enabled.filter((actor) => actor !== last && (mayStop || execution.hardware.has(actor)));
      if (others.length > 0) {
        const state = execution.state();
        const place = `${state} ${last} ${used}`;
        if (state !== null && seen.has(place)) return isFull;
        seen.add(place);
        for (const actor of stays ? others : others.slice(1)) {
          todo.push({
            schedule: [...execution.schedule, actor],
            preemptions: used + Number(stays && !execution.hardware.has(actor)),
          });
        }
      }
      execution.take(stays ? last : enabled[0]!);
    }
    execution.finish();
    return isFull;
  }

  function touches(execution: Execution<Notes>, actor: number): boolean {
    return execution.announced(actor)?.objects.some((object) => shared.has(object)) ?? false;
  }
}
