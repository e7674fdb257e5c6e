/**
 * Start steps that are repeated: a round that has led back to where it began would do so for ever. The rounds left are
 * not run then; what the machine counts and logs is as if they had been.
 */
import { type Cost, type Machine, stateHash, type Task } from '../core/index';

/** Rounds after which it is no use to look any longer: some store something new every time. */
const LOOKS = 4;

/** The end of a round. */
interface Mark {
  readonly state: number;
  readonly position: number;
  readonly lines: number;
  readonly cost: Cost;
}

export class Rounds {
  private before: Mark | null = null;
  private looks = 0;

  /** @param notes of whoever watches, and needs nothing but what they come to */
  constructor(
    private readonly task: Task,
    private readonly machine: Machine,
    private readonly notes: object,
  ) {}

  /**
   * Called after a round.
   * @param left rounds to come
   * @returns those of them that need not be run
   */
  leaveOut(left: number): number {
    if (left === 0 || this.looks++ === LOOKS) return 0;
    const { before } = this;
    const now = this.mark();
    this.before = now;
    if (before === null || before.state !== now.state) return 0;
    const { task, machine } = this;
    const { cost, log } = machine;
    for (const name of Object.keys(cost) as (keyof Cost)[])
      cost[name] += left * (cost[name] - before.cost[name]);
    const lines = log.slice(before.lines);
    for (let i = 0; i < left; i++) log.push(...lines);
    task.position += left * (now.position - before.position);
    return left;
  }

  private mark(): Mark {
    const { task, machine, notes } = this;
    const { position } = task;
    // It rises with every step, and nothing that runs alone depends on it.
    task.position = 0;
    const state = stateHash([machine, notes, machine.tasks.map(({ refaults }) => refaults)]);
    task.position = position;
    return { state, position, lines: machine.log.length, cost: { ...machine.cost } };
  }
}
