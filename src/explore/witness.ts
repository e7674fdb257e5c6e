/**
 * The runs of a workload by the number of their preemptions. An actor is only stopped before a step on something that
 * another touches, too: stopped elsewhere, it could as well have gone on.
 */
import type { Checkpoint } from './checkpoint';
import { Execution } from './execution';
import { type Future, sharedIn } from './seen';
import type { Start } from './start';

/** A run yet to be made: what it begins with, and who goes on. */
interface Beginning {
  readonly schedule: readonly number[];
  /** Where that leads; null where an execution cannot come back to it. */
  readonly checkpoint: Checkpoint | null;
  readonly actor: number;
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
  // The last one first, so what this execution has done up to a checkpoint is what it had done then.
  const todo: Beginning[] = [];
  let execution = new Execution(start);
  let used = 0;
  for (let executions = 1; ; executions++) {
    if (executions > most) return false;
    if (goOn(execution, used)) visit(execution);
    const next = todo.pop();
    if (!next) return true;
    execution = comeBack(start, execution, next);
    execution.take(next.actor);
    used = next.preemptions;
  }

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
        const rest = stays ? others : others.slice(1);
        const checkpoint = rest.length > 0 ? execution.save() : null;
        const schedule = checkpoint ? [] : [...execution.schedule];
        for (const actor of rest) {
          const preemptions = used + Number(stays && !execution.hardware.has(actor));
          todo.push({ schedule, checkpoint, actor, preemptions });
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

function comeBack<Notes extends object>(
  start: Start<Notes>,
  execution: Execution<Notes>,
  { schedule, checkpoint }: Beginning,
): Execution<Notes> {
  if (checkpoint) {
    execution.restore(checkpoint);
    return execution;
  }
  const anew = new Execution(start);
  for (const actor of schedule) anew.take(actor);
  return anew;
}
