/** What the executions of one cell showed, with the shortest run for each finding. */
import { type Cost, noCost } from '../core/index';
import type { Execution } from '../explore/index';
import type { Notes } from './notes';
import type { Broken } from './verdict';

/** Adds up what the executions of one cell showed. */
export class Findings {
  readonly broken = new Map<string, Broken>();
  readonly missing: Set<string>;
  /** Cost of the run without preemptions. */
  cost: Cost = noCost();
  /** Of the runs that broke nothing, the one that reached most of the window; of these, the shortest. */
  survivor: { schedule: readonly number[]; checksum: number; preemptions: number; reached: number } = {
    schedule: [],
    checksum: 0,
    preemptions: 0,
    reached: -1,
  };
  private first = true;
  /** What followed the last step, by the state that it led to: nothing else decides on it. */
  private readonly ends = new Map<number, Pick<Notes, 'found' | 'reached'>>();

  constructor(shows: readonly string[]) {
    this.missing = new Set(shows);
  }

  /** Keeps the shortest run for each broken invariant that it shows. */
  takeWitness({ notes, schedule, checksum, preemptions }: Execution<Notes>): void {
    for (const [invariant, { class: kind, saw }] of notes.found) {
      const known = this.broken.get(invariant);
      if (known && !isShorter(preemptions, schedule.length, known)) continue;
      this.broken.set(invariant, {
        invariant,
        class: kind,
        saw,
        schedule: [...schedule],
        preemptions,
        checksum,
      });
    }
  }

  /** Runs what follows the last step, or takes over what that came to after another run. */
  finish(execution: Execution<Notes>): void {
    const { notes } = execution;
    // Of those who are stuck the reason is told, which is not in the state.
    const state = execution.stuck().length > 0 ? null : execution.state();
    let end = state === null ? undefined : this.ends.get(state);
    if (!end) {
      const before = { found: new Map(notes.found), reached: new Set(notes.reached) };
      notes.found.clear();
      notes.reached.clear();
      execution.finish();
      end = { found: new Map(notes.found), reached: new Set(notes.reached) };
      if (state !== null) this.ends.set(state, end);
      notes.found.clear();
      for (const [invariant, how] of before.found) notes.found.set(invariant, how);
      for (const name of before.reached) notes.reached.add(name);
    }
    for (const [invariant, how] of end.found)
      if (!notes.found.has(invariant)) notes.found.set(invariant, how);
    for (const name of end.reached) notes.reached.add(name);
  }

  take(execution: Execution<Notes>): void {
    const { notes, machine, schedule, checksum, preemptions } = execution;
    if (this.first) this.cost = { ...machine.cost };
    this.first = false;
    for (const name of notes.reached) this.missing.delete(name);
    this.takeWitness(execution);
    const reached = notes.reached.size;
    const { survivor } = this;
    if (reached < survivor.reached || breaksSomething(notes) || execution.enabled().length > 0) return;
    if (reached === survivor.reached && !isShorter(preemptions, schedule.length, survivor)) return;
    this.survivor = { schedule: [...schedule], checksum, preemptions, reached };
  }
}

type Length = Pick<Broken, 'preemptions' | 'schedule'>;
/** Fewer preemptions count before fewer steps. */
export const isShorter = (preemptions: number, steps: number, than: Length): boolean =>
  preemptions < than.preemptions || (preemptions === than.preemptions && steps < than.schedule.length);

const breaksSomething = (notes: Notes): boolean =>
  [...notes.found.values()].some((f) => f.class !== 'spurious');
