/** Sleep sets: who need not be tried because all that begins with his next step was tried before. */
import type { Choice } from './choice';
import type { Execution } from './execution';
import { andReleases, type Footprint } from './footprint';
import { independent } from './history';

/**
 * Actors whose next step was tried at an earlier choice, and nothing since depends on it.
 * @param parent the choice that the execution has just come from
 * @returns by actor, with what the step touches
 */
export function sleepersAfter<Notes extends object>(
  parent: Choice,
  execution: Execution<Notes>,
): Map<number, Footprint> {
  const asleep = new Map<number, Footprint>();
  const step = parent.tried.get(parent.taken)!;
  const isHardware = execution.hardware.has(parent.taken);
  const perhaps = (footprint: Footprint, actor: number): void => {
    if (actor === parent.taken || !independent(footprint, step)) return;
    if (isHardware && parent.endedBy.includes(actor)) return;
    // What it would do now may no longer commute, such as to drop a reference that has become the last one.
    const now = footprint.commutes === 0 ? footprint : andReleases(execution.announced(actor)!, footprint);
    if (independent(now, step)) asleep.set(actor, now);
  };
  parent.asleep.forEach(perhaps);
  if (!parent.isInRound) parent.tried.forEach(perhaps);
  return asleep;
}
