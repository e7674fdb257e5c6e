/**
 * Runs of a workload, those with the fewest preemptions first and of these those with the fewest steps, so that
 * whatever can be shown is shown by a shortest run: Dijkstra's search over the states at which it matters who goes on.
 *
 * An actor is only stopped after a step on something that another touches, too. Stopped later, before its next such
 * step, it would have done in vain what lies between.
 */
import type { Checkpoint } from './checkpoint';
import { Execution } from './execution';
import type { Footprint } from './footprint';
import { type Future, sharedIn } from './seen';
import type { Start } from './start';

/** What is looked for in runs. */
export interface Quest<Notes extends object> {
  /** Whether a run of so many preemptions and more than so many steps could show something new. */
  isOfUse(preemptions: number, steps: number): boolean;
  /** Is shown the execution before the first step and after each. */
  look(execution: Execution<Notes>): void;
  /** Is shown the execution when nobody can go on; runs what follows then. */
  finish(execution: Execution<Notes>): void;
}

/** Where a run comes to a choice. */
interface Crossing<Notes extends object> {
  readonly execution: Execution<Notes>;
  readonly schedule: readonly number[];
  readonly preemptions: number;
  /** Null where the execution cannot come back to here. */
  readonly checkpoint: Checkpoint | null;
  /** State and last actor; null where the state cannot be told. */
  readonly place: string | null;
}

/** To look in which ways a run can go on from a crossing, or to go on with one actor. */
interface Errand<Notes extends object> {
  readonly crossing: Crossing<Notes>;
  readonly actor: number | null;
}

/** Errands, which come out in the order of the preemptions and steps of the runs that they go on with. */
class Agenda<Notes extends object> {
  private readonly errands: Errand<Notes>[][][] = [];
  preemptions = 0;
  steps = 0;

  add(preemptions: number, errand: Errand<Notes>): void {
    const level = (this.errands[preemptions] ??= []);
    (level[errand.crossing.schedule.length] ??= []).push(errand);
  }

  next(): Errand<Notes> | null {
    for (; this.preemptions < this.errands.length; this.preemptions++, this.steps = 0) {
      const level = this.errands[this.preemptions] ?? [];
      for (; this.steps < level.length; this.steps++) {
        const errand = level[this.steps]?.pop();
        if (errand) return errand;
      }
    }
    return null;
  }
}

/**
 * @param prefix the steps that every run begins with
 * @param touched after that, as explore() learns it
 * @param most crossings from which runs go on
 * @returns false where there are more of them
 */
export function seek<Notes extends object>(
  start: Start<Notes>,
  prefix: readonly number[],
  touched: Future,
  most: number,
  quest: Quest<Notes>,
): boolean {
  const seeker = new Seeker(start, sharedIn(touched), quest);
  const { agenda } = seeker;
  seeker.begin(prefix);
  for (let crossings = 0, errand = agenda.next(); errand; errand = agenda.next()) {
    if (!quest.isOfUse(agenda.preemptions, agenda.steps)) return true;
    const { crossing, actor } = errand;
    if (actor !== null) seeker.goOnWith(crossing, actor);
    else if (seeker.isNew(crossing.place)) {
      if (++crossings > most) return false;
      seeker.cross(crossing);
    }
  }
  return true;
}

class Seeker<Notes extends object> {
  readonly agenda = new Agenda<Notes>();
  private readonly seen = new Set<string>();
  private execution: Execution<Notes>;
  /** What the last step touched. */
  private touched: Footprint | null = null;

  /** @param shared what more than one actor touches */
  constructor(
    private readonly start: Start<Notes>,
    private readonly shared: ReadonlySet<number>,
    private readonly quest: Quest<Notes>,
  ) {
    this.execution = new Execution(start);
  }

  begin(prefix: readonly number[]): void {
    this.quest.look(this.execution);
    for (const actor of prefix) this.step(actor);
    this.goOn();
  }

  goOnWith(crossing: Crossing<Notes>, actor: number): void {
    this.comeBack(crossing);
    this.step(actor);
    this.goOn();
  }

  /** Whether no shorter run has come to the same place. */
  isNew(place: string | null): boolean {
    return place === null || !this.seen.has(place);
  }

  /** Notes in which ways a run could go on from here, and goes on in the one that stops nobody. */
  cross(crossing: Crossing<Notes>): void {
    this.comeBack(crossing);
    if (crossing.place !== null) this.seen.add(crossing.place);
    const { execution } = this;
    const last = execution.lastActor;
    const enabled = execution.enabled();
    const stays = enabled.includes(last);
    for (const actor of enabled) {
      if (actor === last) continue;
      // Hardware stops nobody.
      const stops = stays && !execution.hardware.has(actor);
      this.plan(crossing.preemptions + Number(stops), { crossing, actor });
    }
    if (stays) {
      this.step(last);
      this.goOn();
    }
  }

  private step(actor: number): void {
    this.touched = this.execution.take(actor);
    this.quest.look(this.execution);
  }

  /** Up to the next crossing. */
  private goOn(): void {
    const { execution } = this;
    for (;;) {
      const enabled = execution.enabled();
      if (enabled.length === 0) return this.quest.finish(execution);
      if (!this.quest.isOfUse(execution.preemptions, execution.schedule.length)) return;
      const last = execution.lastActor;
      const stays = enabled.includes(last);
      const isCrossing = !stays || this.mayStop || enabled.some((actor) => execution.hardware.has(actor));
      if (enabled.length > 1 && isCrossing) return this.arrive();
      this.step(stays ? last : enabled[0]!);
    }
  }

  private get mayStop(): boolean {
    const { touched, shared } = this;
    return touched === null || touched.objects.some((object) => shared.has(object));
  }

  private arrive(): void {
    const { execution } = this;
    const { preemptions } = execution;
    const state = execution.state();
    const place = state === null ? null : `${state} ${execution.lastActor}`;
    if (!this.isNew(place)) return;
    const checkpoint = execution.save();
    const schedule = checkpoint?.schedule ?? [...execution.schedule];
    const crossing = { execution, schedule, preemptions, checkpoint, place };
    this.agenda.add(preemptions, { crossing, actor: null });
  }

  /** What is of no use now never will be. */
  private plan(preemptions: number, errand: Errand<Notes>): void {
    if (this.quest.isOfUse(preemptions, errand.crossing.schedule.length))
      this.agenda.add(preemptions, errand);
  }

  private comeBack({ execution, schedule, checkpoint }: Crossing<Notes>): void {
    if (checkpoint) {
      this.execution = execution;
      execution.restore(checkpoint);
    } else {
      this.execution = new Execution(this.start);
      for (const actor of schedule) this.execution.take(actor);
    }
  }
}
