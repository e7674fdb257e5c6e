/**
 * A run of the model between the points at which user space has its threads in hand: before a step, between two
 * accesses of one, and asleep in the kernel, woken or not. What a thread does from one such point to the next is a turn.
 */
import {
  type AnyFunction,
  buildKernel,
  type Happening,
  type Kernel,
  type KRun,
  mainline,
  type ResolvedVariant,
} from '../core/index';
import { Execution, type Observer, prepare, type Start, tellAll } from '../explore/index';
import { type Notes, observer } from '../judge/index';
import type { Actor, UserStep, Workload } from '../workload/index';
import { unroll } from './rounds';
import { type ListedStep, listSteps, pausesAt } from './steps';

/** Plain data, copied together with the machine. By task, what it came to last. */
export interface CourseNotes {
  readonly judged: Notes;
  /** Steps that have begun. */
  readonly begun: Map<number, number>;
  readonly last: Map<number, 'begin' | 'page' | 'message'>;
  /** Kernel functions that it is in. */
  readonly inside: Map<number, string[]>;
}

const MESSAGE = 'message read';

const courseObserver: Observer<CourseNotes> = {
  begin: (workload) => ({
    judged: observer.begin(workload),
    begun: new Map(),
    last: new Map(),
    inside: new Map(),
  }),
  watch(machine, notes) {
    const judging = observer.watch(machine, notes.judged);
    return (happening) => {
      judging(happening);
      note(notes, happening);
    };
  },
};

function note({ begun, last, inside }: CourseNotes, h: Happening): void {
  if (!('task' in h)) return;
  const { id } = h.task;
  if (h.kind === 'begin') {
    begun.set(id, (begun.get(id) ?? 0) + 1);
    last.set(id, 'begin');
  } else if ((h.kind === 'store' || h.kind === 'load') && h.access === 'user') last.set(id, 'page');
  else if (h.kind === 'log' && h.text === MESSAGE) last.set(id, 'message');
  else if (h.kind === 'enter') inside.set(id, [...(inside.get(id) ?? []), h.name]);
  else if (h.kind === 'leave') inside.set(id, (inside.get(id) ?? []).slice(0, -1));
}

/** Tells when a program has read a message. */
function messageLayer(variant: ResolvedVariant): Record<string, AnyFunction> {
  const functions = Object.assign({}, mainline, ...variant.layers) as Record<string, AnyFunction>;
  return {
    *userfaultfd_read(k: Kernel, ...args: unknown[]): KRun<unknown> {
      const result = yield* functions.userfaultfd_read!(k, ...args) as KRun<unknown>;
      k.m.watch?.({ kind: 'log', task: k.task, text: MESSAGE });
      return result;
    },
  };
}

export type CourseStart = Start<CourseNotes>;

export const courseStart = (workload: Workload, variant: ResolvedVariant): CourseStart =>
  prepare(workload, buildKernel([...variant.layers, messageLayer(variant)], tellAll), courseObserver);

/** What user space can do about a thread where it stands: all but `inside` it can hold there. */
export type Rest = 'over' | 'between' | 'asleep' | 'paused' | 'inside';

/** A thread stopped where user space cannot stop it, and who went on meanwhile. */
export interface Inside {
  readonly stopped: ListedStep;
  /** The kernel function; null at the instruction that faults. */
  readonly where: string | null;
  readonly beside: ListedStep;
}

const MOST_STEPS = 200_000;
const MOST_TURNS = 2000;

export class Course {
  /** Actors, turn by turn. */
  readonly turns: string[] = [];
  /** Of these, by actor, how many came to their end without one step of the kernel. */
  readonly silent = new Map<string, number>();
  private readonly execution: Execution<CourseNotes>;
  private readonly lists: readonly (readonly UserStep[])[];
  private readonly told: number[];
  private readonly rests: Rest[];
  private readonly listed: readonly ListedStep[];
  private readonly ids: ReadonlyMap<UserStep, number>;
  private steps = 0;

  constructor(start: CourseStart) {
    const { workload } = start;
    const { steps, ids } = listSteps(workload);
    this.listed = steps;
    this.ids = ids;
    this.execution = new Execution(start);
    this.lists = this.execution.running.map(({ actor }) => allSteps(workload, actor));
    this.told = this.execution.running.map(({ actor }) => startSteps(workload, actor).length);
    this.rests = this.execution.running.map(({ next }) => (next === null ? 'over' : 'between'));
    this.execution.running.forEach((_, position) => void this.tellSilent(position));
  }

  get positions(): number[] {
    return this.execution.running.map((_, position) => position);
  }
  canGo(position: number): boolean {
    return this.execution.canStep(position);
  }
  rest(position: number): Rest {
    return this.rests[position]!;
  }
  isDaemon(position: number): boolean {
    return this.execution.running[position]!.actor.daemon;
  }
  nameOf(position: number): string {
    return this.execution.running[position]!.actor.name;
  }
  positionOf(name: string): number {
    return this.positions.findIndex((position) => this.nameOf(position) === name);
  }

  /** By invariant, what is broken so far. */
  get found(): ReadonlyMap<string, { readonly saw: string }> {
    return this.execution.notes.judged.found;
  }

  /** One step of the kernel. Where the thread was at rest, its turn begins. */
  take(position: number): void {
    const { notes, running } = this.execution;
    const { id } = running[position]!.task;
    if (this.rests[position] !== 'inside') this.turns.push(this.nameOf(position));
    if (this.rests[position] === 'between') this.told[position]!++;
    notes.last.delete(id);
    this.execution.take(position);
    this.steps++;
    this.rests[position] = this.restNow(position);
    this.tellSilent(position);
  }

  /** A turn. */
  go(position: number): void {
    this.take(position);
    while (this.rests[position] === 'inside' && this.canGo(position)) this.take(position);
  }

  /** Whether it is worth going on. */
  get isTooLong(): boolean {
    return this.steps > MOST_STEPS || this.turns.length > MOST_TURNS;
  }

  /** Who goes on where nobody says otherwise: who is on his way, then who was woken, then who serves. */
  next(last: number): number | null {
    if (last >= 0 && this.rests[last] === 'inside' && this.canGo(last)) return last;
    const able = this.positions.filter((position) => this.canGo(position));
    const first =
      able.find((position) => this.rests[position] === 'inside') ??
      able.find((position) => this.rests[position] === 'asleep' && !this.isDaemon(position)) ??
      (able.includes(last) ? last : undefined) ??
      able.find((position) => this.isDaemon(position)) ??
      able[0];
    return first ?? null;
  }

  /** The `finally` steps and the end of all processes, as the judge wants to see them. */
  finish(): void {
    this.execution.finish();
  }

  /** The step that a thread is in, or comes to next. */
  stepOf(position: number): ListedStep {
    const { id } = this.execution.running[position]!.task;
    const list = this.lists[position]!;
    const begun = this.execution.notes.begun.get(id) ?? 1;
    return this.listed[this.ids.get(list[Math.min(begun, list.length) - 1]!)!]!;
  }

  /** The kernel function that a thread is in. */
  functionOf(position: number): string | null {
    const { id } = this.execution.running[position]!.task;
    return this.execution.notes.inside.get(id)?.at(-1) ?? null;
  }

  private restNow(position: number): Rest {
    const { notes, running } = this.execution;
    const { next, task } = running[position]!;
    if (next === null) return 'over';
    const last = notes.last.get(task.id);
    if (last === 'begin') return 'between';
    if (!this.canGo(position)) return 'asleep';
    const step = this.lists[position]![(notes.begun.get(task.id) ?? 1) - 1]!;
    if (last === 'page' && pausesAt(step)) return 'paused';
    return last === 'message' && step.verb === 'uffd_serve' ? 'paused' : 'inside';
  }

  /** Turns for steps that came to their end without one step of the kernel. */
  private tellSilent(position: number): void {
    const { notes, running } = this.execution;
    const { task, next } = running[position]!;
    const ended =
      (notes.begun.get(task.id) ?? 0) - (this.rests[position] === 'between' && next !== null ? 1 : 0);
    const name = this.nameOf(position);
    for (; this.told[position]! < ended; this.told[position]!++) {
      this.turns.push(name);
      this.silent.set(name, (this.silent.get(name) ?? 0) + 1);
    }
  }
}

const startSteps = ({ start }: Workload, actor: Actor): UserStep[] =>
  start
    .filter((one) => one.actor === actor.name)
    .flatMap(({ step }) => [...unroll([step])].map((turn) => turn.step));

const allSteps = (workload: Workload, actor: Actor): UserStep[] => [
  ...startSteps(workload, actor),
  ...[...unroll(workload.tasks.get(actor.name) ?? [])].map((turn) => turn.step),
  ...workload.finally
    .filter((one) => one.actor === actor.name)
    .flatMap(({ step }) => [...unroll([step])].map((turn) => turn.step)),
];
