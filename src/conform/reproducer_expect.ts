/** What a correct kernel may make of a fixture, from every order of its steps in the model of a correct kernel. */
import { buildKernel, type ResolvedVariant } from '../core/index';
import { Execution, explore, prepare } from '../explore/index';
import type { Workload } from '../workload/index';
import { messageLayer, Onlooker, type Seen } from './reproducer_watch';

/** By page: the values that it may hold. */
export type Values = ReadonlyMap<number, readonly number[]>;

export interface Expected {
  /** By step: what it may come to; absent where nobody knows. */
  readonly outcomes: ReadonlyMap<number, readonly number[]>;
  /** By step and page: the values that a load may see; absent where nobody knows. */
  readonly values: ReadonlyMap<number, Values>;
  /** By `process region` and page: what may be there when all is done; absent where nobody knows. */
  readonly left: ReadonlyMap<string, Values>;
  /** By `wp ADDRESS` or `missing ADDRESS`: the least number of messages. */
  readonly heard: ReadonlyMap<string, number>;
  /** Steps that get a SIGBUS or never end even so: the fixture asks for more than this kernel does. */
  readonly failed: readonly number[];
  /** Every order was tried. Otherwise only signals are known. */
  readonly isComplete: boolean;
}

const RUNS = 400;

export function expectedOf(workload: Workload, correct: ResolvedVariant): Expected {
  const Kernel = buildKernel([...correct.layers, messageLayer(correct)]);
  const start = prepare(workload, Kernel, new Onlooker(workload));
  const all: Seen[] = [];
  const { complete } = explore(start, ({ notes }) => void (notes.isOver && all.push(notes)), {
    maxExecutions: RUNS,
    maxSteps: 1_000_000,
  });
  return {
    outcomes: complete ? outcomesOf(all) : new Map(),
    values: complete ? valuesOf(all) : new Map(),
    left: complete ? leftIn(all) : new Map(),
    heard: complete ? leastHeard(all) : new Map(),
    failed: [...new Set(all.flatMap((seen) => [...seen.failed]))],
    isComplete: complete,
  };
}

function outcomesOf(all: readonly Seen[]): Map<number, number[]> {
  const outcomes = new Map<number, number[]>();
  for (const text of new Set(all.flatMap((seen) => [...seen.outcomes]))) {
    const [step, result] = text.split(' ').map(Number) as [number, number];
    outcomes.set(
      step,
      [...(outcomes.get(step) ?? []), result].sort((a, b) => b - a),
    );
  }
  return outcomes;
}

function valuesOf(all: readonly Seen[]): Map<number, Map<number, number[]>> {
  const values = new Map<number, Map<number, number[]>>();
  for (const text of new Set(all.flatMap((seen) => [...seen.reads]))) {
    const [step, page, value] = text.split(' ').map(Number) as [number, number, number];
    const pages = values.get(step) ?? new Map<number, number[]>();
    values.set(step, pages);
    pages.set(page, [...(pages.get(page) ?? []), value]);
  }
  // A page of which one value is not known is not checked at all.
  for (const pages of values.values()) {
    for (const [page, known] of pages) if (known.some((value) => value < 0)) pages.delete(page);
  }
  return values;
}

/** Only pages that are there after every run: who looks at another one would bring it in. */
function leftIn(all: readonly Seen[]): Map<string, Map<number, number[]>> {
  const left = new Map<string, Map<number, number[]>>();
  const runs = new Map<string, number>();
  for (const text of all.flatMap((seen) => [...seen.left])) {
    const [process, region, page, value] = text.split(' ') as [string, string, string, string];
    const key = `${process} ${region}`;
    const pages = left.get(key) ?? new Map<number, number[]>();
    left.set(key, pages);
    pages.set(Number(page), [...new Set([...(pages.get(Number(page)) ?? []), Number(value)])]);
    runs.set(`${key} ${page}`, (runs.get(`${key} ${page}`) ?? 0) + 1);
  }
  for (const [key, pages] of left) {
    for (const [page, known] of pages) {
      const isThere = runs.get(`${key} ${page}`) === all.length;
      if (!isThere || known.some((value) => value < 0)) pages.delete(page);
    }
    if (pages.size === 0) left.delete(key);
  }
  return left;
}

function leastHeard(all: readonly Seen[]): Map<string, number> {
  const least = new Map<string, number>();
  for (const place of new Set(all.flatMap((seen) => [...seen.heard.keys()]))) {
    least.set(place, Math.min(...all.map((seen) => seen.heard.get(place) ?? 0)));
  }
  return least;
}

/** Somebody is stopped in the middle of a step while another one goes on. */
export interface Race {
  readonly stopped: number;
  readonly beside: number;
}

export interface Order {
  /** Steps of the tasks, in the order in which they began. */
  readonly steps: readonly number[];
  /** What user space cannot force. */
  readonly races: readonly Race[];
}

/** The order of the steps of one run: what of it user space can force, and what it cannot. */
export function orderOf(workload: Workload, variant: ResolvedVariant, schedule: readonly number[]): Order {
  const start = prepare(workload, buildKernel([...variant.layers]), new Onlooker(workload));
  const execution = new Execution(start);
  const steps = new Set<number>();
  const races = new Map<string, Race>();
  const stepOf = (position: number): number =>
    execution.notes.at.get(execution.running[position]!.task.id) ?? -1;
  let last = -1;
  for (const position of schedule) {
    if (!execution.canStep(position)) break;
    const step = stepOf(position);
    if (last >= 0 && last !== position && execution.canStep(last) && steps.has(stepOf(last))) {
      const race = { stopped: stepOf(last), beside: step };
      races.set(`${race.stopped} ${race.beside}`, race);
    }
    steps.add(step);
    execution.take(position);
    last = position;
  }
  return { steps: [...steps], races: [...races.values()] };
}
