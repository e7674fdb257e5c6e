/** Who goes on in the model's run, where more than one can. */
import { PAGE_SIZE } from '../core/index';
import type { Choices } from './choices';
import { canGoOn, type Slot } from './model_slot';

export class Scheduler {
  private before: readonly Slot[] = [];

  /**
   * @param choices always who comes first where there are none
   * @param preempts who was woken comes before who woke them
   * @param expected addresses of the messages that should come next, where somebody knows
   */
  constructor(
    private readonly slots: readonly Slot[],
    private readonly choices: Choices | null,
    private readonly preempts: boolean,
    private readonly expected: () => readonly number[],
  ) {}

  /** A turn begins; nobody is ready but the one whose turn it is. */
  begin(): void {
    this.before = [];
  }

  /**
   * Who runs goes on, unless it sleeps, or has woken somebody: then the scheduler chooses.
   * @returns null where nobody can go on
   */
  next(last: Slot): Slot | null {
    const ready = this.ready();
    if (ready.length === 0) return null;
    const goesOn = ready.includes(last);
    const wokeNobody = ready.every((slot) => slot === last || this.before.includes(slot));
    this.before = ready;
    if (goesOn && wokeNobody) return last;
    const inOrder = goesOn ? this.withLast(last, ready) : ready;
    if (inOrder.length < 2 || !this.choices) return inOrder[0]!;
    const addresses = this.expected();
    // Who waited for one page is likely to fault at the next.
    const isDue = ({ faulted }: Slot): boolean => addresses.includes(faulted + PAGE_SIZE);
    const likely = [...inOrder.filter(isDue), ...inOrder.filter((slot) => !isDue(slot))];
    return likely[this.choices.choose(likely.length)]!;
  }

  private withLast(last: Slot, ready: readonly Slot[]): Slot[] {
    const others = ready.filter((slot) => slot !== last);
    return this.preempts ? [...others, last] : [last, ...others];
  }

  /** Of those who were woken the one that fell asleep last comes first, as wait queues have it. */
  private ready(): Slot[] {
    return this.slots.filter(canGoOn).sort((a, b) => b.asleepSince - a.asleepSince);
  }
}

/** The agent keeps all actors on one CPU, and that has one pagevec. */
export function takeCpu({ task, k }: Slot): void {
  for (const other of k.m.tasks) {
    if (other === task || other.lruPvec.length === 0) continue;
    task.lruPvec.push(...other.lruPvec);
    task.hasGathered = true;
    other.lruPvec = [];
  }
}
