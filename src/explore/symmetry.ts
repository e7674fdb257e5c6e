/** Actors that nobody could tell apart: as long as none of them has begun, it does not matter which begins first. */
import { stepsOf } from '../workload/index';
import type { Execution } from './execution';
import type { Start } from './start';

/** By position: the first actor of its kind. */
export function twinsOf<Notes extends object>(
  start: Start<Notes>,
  execution: Execution<Notes>,
): readonly number[] {
  const { workload, machine } = start;
  const pointedAt = new Set(
    [...workload.tasks.values()].flatMap((items) => [...stepsOf(items)].map(({ name }) => name)),
  );
  const looks = execution.running.map(({ actor, task }) => {
    const own = machine.tasks[task.id]!;
    const tlb = machine.tlbs[task.id]!;
    const marked =
      pointedAt.has(actor.name) ||
      own.lruPvec.length > 0 ||
      !tlb.isEmpty ||
      workload.finally.some((step) => step.actor === actor.name);
    return marked
      ? actor.name
      : JSON.stringify([actor.process, actor.forkedBy, stepsOnly(workload.tasks.get(actor.name))]);
  });
  return looks.map((look) => looks.indexOf(look));
}

/** Steps without the places where they stand in the file. */
const stepsOnly = (items: unknown): unknown =>
  JSON.parse(JSON.stringify(items, (key, value: unknown) => (key === 'place' ? undefined : value)) ?? 'null');

/**
 * The one that may begin in the place of `actor`: the first of its kind that has not begun.
 * @param begun whether an actor has taken a step
 */
export function standIn(twins: readonly number[], begun: (actor: number) => boolean, actor: number): number {
  if (begun(actor)) return actor;
  for (let i = twins[actor]!; i < actor; i++) if (twins[i] === twins[actor] && !begun(i)) return i;
  return actor;
}
