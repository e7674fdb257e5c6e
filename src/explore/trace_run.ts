/** Runs one schedule with everything written down. */
import {
  type Happening,
  type KernelClass,
  type Machine,
  must,
  spinlockObject,
  type Task,
  type Tracer,
  type Watch,
} from '../core/index';
import type { Workload } from '../workload/index';
import { changeOf, inRow } from './changes';
import { semTextAfter, stateOf } from './describe';
import { entriesOf } from './entries';
import { Execution, runningActors } from './execution';
import { nameOf, stepText } from './names';
import { SoloWriter } from './solo_trace';
import { type Observer, prepare, type Start } from './start';
import { tell } from './tell';
import type { Change, SoloStep, Trace, TraceLine } from './trace';

/** Wraps every kernel function so that the watch hears of it. */
export const tellAll: Tracer = {
  functions: 'all',
  enter: (k, name) => k.m.watch?.({ kind: 'enter', task: k.task, name }),
  leave: (k, name) => k.m.watch?.({ kind: 'leave', task: k.task, name }),
};

/** The start of a run that is to be told, and what happened in it. */
export interface ToldStart<Notes extends object> extends Start<Notes> {
  readonly steps: readonly SoloStep[];
  readonly found: (notes: Notes) => readonly string[];
}

/**
 * As prepare(), with everything written down.
 * @param Kernel built with tellAll
 * @param found what the observer has found so far
 */
export function prepareTold<Notes extends object>(
  workload: Workload,
  Kernel: KernelClass,
  observer: Observer<Notes>,
  found: ToldStart<Notes>['found'],
): ToldStart<Notes> {
  let writer: SoloWriter | null = null;
  const start = prepare(workload, Kernel, {
    begin: observer.begin,
    watch: (m, notes) => {
      const own = new SoloWriter(
        m,
        newsOf(() => found(notes)),
      );
      writer = own;
      return both((h) => own.hear(h), observer.watch(m, notes));
    },
  });
  const told = must<SoloWriter>(writer, 'prepareTold(): nobody was watched');
  told.end();
  return { ...start, observer, steps: told.steps, found };
}

const both =
  (first: Watch, second: Watch): Watch =>
  (h) => {
    first(h);
    second(h);
  };

/**
 * What is new of a list that grows, whenever it is asked for.
 * @param seen how much of it is known
 */
function newsOf(list: () => readonly string[], seen = 0): () => readonly string[] {
  return () => {
    const news = list().slice(seen);
    seen += news.length;
    return news;
  };
}

/**
 * @param schedule whose turn it is, step by step
 * @param goesOn where that ends whoever can goes on, the last actor first; otherwise the run ends there, too
 */
export function traceRun<Notes extends object>(
  start: ToldStart<Notes>,
  variant: string,
  schedule: readonly number[],
  goesOn: boolean,
): { trace: Trace; execution: Execution<Notes>; diverged: boolean } {
  const { workload } = start;
  const writer = new TraceWriter(workload);
  const execution = new Execution({ ...start, observer: writer.beside(start.observer) });
  const { machine } = execution;
  writer.machine = machine;
  writer.news = newsOf(() => start.found(execution.notes), start.found(start.notes).length);
  const before = entriesOf(machine);
  const diverged = follow(execution, schedule, goesOn, (position) => writer.step(execution, position));
  const after = entriesOf(machine);
  const isOver = execution.enabled().length === 0;
  const finish = isOver ? writer.finish(execution) : [];
  const { actors } = writer;
  // What they would begin with tells nothing where nobody has begun.
  const lines = isOver || execution.schedule.length > 0 ? writer.lines : [];
  const trace = {
    fixture: workload.fixture.name,
    variant,
    actors,
    start: start.steps,
    lines,
    isOver,
    finish,
    before,
    after,
  };
  return { trace, execution, diverged };
}

/**
 * As traceRun() has it.
 * @param step lets an actor take his step
 * @returns whether somebody could not take the step that the schedule has for him
 */
function follow<Notes extends object>(
  execution: Execution<Notes>,
  schedule: readonly number[],
  goesOn: boolean,
  step: (position: number) => void,
): boolean {
  let diverged = false;
  for (let i = 0; goesOn || i < schedule.length; i++) {
    let position = schedule[i] ?? -1;
    if (position < 0 || !execution.canStep(position)) {
      if (i < schedule.length) diverged = true;
      const enabled = execution.enabled();
      if (enabled.length === 0) break;
      const last = execution.lastActor;
      position = enabled.includes(last) ? last : enabled[0]!;
    }
    step(position);
  }
  return diverged;
}

class TraceWriter {
  readonly lines: TraceLine[] = [];
  machine: Machine | null = null;
  news: () => readonly string[] = () => [];
  /** Writes when nobody can go on. First those are heard of who wait for ever, then what is done one after another. */
  private solo: SoloWriter | null = null;
  private areTasksOver = false;
  /** Position of who did something last. */
  private last = 0;
  private readonly depths = new Map<number, number>();
  /** Those who run, in the order of the schedule's numbers; then whoever is heard of besides. */
  readonly actors: string[];

  constructor(private readonly workload: Workload) {
    this.actors = runningActors(workload).map(({ name }) => name);
  }

  private positionOf(task: Task): number {
    const known = this.actors.indexOf(task.name);
    return known < 0 ? this.actors.push(task.name) - 1 : known;
  }

  /** An observer, with this writer listening, too. */
  beside<Notes extends object>(observer: Observer<Notes>): Observer<Notes> {
    return {
      begin: observer.begin,
      watch: (m, notes) => both((h) => this.hear(h), observer.watch(m, notes)),
    };
  }

  line(position: number, kind: TraceLine['kind'], text: string, changes: readonly Change[] = []): void {
    this.lines.push({ actor: position, depth: this.depths.get(position) ?? 0, kind, text, changes });
  }

  step<Notes extends object>(execution: Execution<Notes>, at: number): void {
    const { machine } = execution;
    const move = execution.hardware.at(at);
    const position = move?.cpu ?? at;
    const label = move?.label ?? execution.running[position]!.next?.label ?? '';
    const objects = execution.announced(at)?.objects ?? [];
    const before = objects.map((o) => stateOf(machine, o));
    if (move) this.line(position, 'fault', `hardware: ${label}`);
    const first = this.lines.length;
    const depth = this.depths.get(position) ?? 0;
    execution.take(at);
    this.last = position;
    const changes = objects.flatMap((object, i) => {
      const after = stateOf(machine, object);
      if (after === before[i]) return [];
      return [changeOf(nameOf(machine, object), before[i]!, after)];
    });
    const text = changes.length === 0 ? stepText(machine, label, objects[0]) : label;
    this.lines.splice(first, 0, { actor: position, depth, kind: 'step', text, changes: inRow(changes) });
    this.note();
  }

  /** What is left when nobody can go on: the end of the tasks, then what is done one after another. */
  finish<Notes extends object>(execution: Execution<Notes>): readonly SoloStep[] {
    const solo = new SoloWriter(execution.machine, this.news);
    this.solo = solo;
    execution.finish();
    solo.end();
    return solo.steps;
  }

  /** What was found since is said to whoever did something last. */
  private note(): void {
    for (const text of this.news()) this.line(this.last, 'broken', text);
  }

  private hear(h: Happening): void {
    if (this.solo && !this.areTasksOver) {
      this.note();
      this.areTasksOver = h.kind === 'begin' || h.kind === 'quiet';
    }
    if (this.areTasksOver) this.solo?.hear(h);
    else if ('task' in h) this.hearOfTask(h);
  }

  /** No step of its own, but whoever reads the run wants to see who holds what. */
  private release(position: number, h: Extract<Happening, { kind: 'unlock' | 'up' }>): void {
    const machine = must(this.machine, 'release(): before the first step');
    const isUp = h.kind === 'up';
    const lock = isUp ? h.sem.object : spinlockObject(h.lock.id);
    const object = nameOf(machine, lock);
    const after = isUp ? semTextAfter(machine, h.sem, h.task.id, h.downgrades) : 'free';
    this.line(position, 'release', `release ${object}`, [{ object, before: stateOf(machine, lock), after }]);
  }

  private hearOfTask(h: Extract<Happening, { task: Task }>): void {
    const position = this.positionOf(h.task);
    if (h.kind === 'enter') {
      this.line(position, 'call', `${h.name}()`);
      this.depths.set(position, (this.depths.get(position) ?? 0) + 1);
    } else if (h.kind === 'leave') {
      this.depths.set(position, Math.max(0, (this.depths.get(position) ?? 0) - 1));
    } else if (h.kind === 'unlock' || h.kind === 'up') {
      this.release(position, h);
    } else {
      const told = tell(this.workload.config, h);
      if (told) this.line(position, told.kind, told.text);
      if (h.kind === 'stuck') this.last = position;
    }
  }
}
