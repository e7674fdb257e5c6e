/** What a correct kernel may make of a fixture, from every order of its steps in the model of a correct kernel. */
import { buildKernel, clone, type ResolvedVariant } from '../core/index';
import { Execution, explore, prepare } from '../explore/index';
import { judge } from '../judge/index';
import type { Workload } from '../workload/index';
import { messageLayer, Onlooker, type Seen } from './reproducer_watch';
import { listSteps } from './steps';

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
  /** Steps that may never end: that they do is not asked for. */
  readonly stuck: readonly number[];
  /** Those that never end are what the newest kernel does wrong, by the judge of the model. */
  readonly stuckIsWrong: boolean;
  /** Every order was tried. Otherwise only signals are known. */
  readonly isComplete: boolean;
}

const RUNS = 400;

/** @param correct the last one counts in any case, the others where they can run the fixture */
export function expectedOf(workload: Workload, correct: readonly ResolvedVariant[]): Expected {
  const refusals = refusalsOf(workload);
  const all: Seen[] = [];
  let isComplete = true;
  for (const variant of correct) {
    const { runs, complete } = runsOf(workload, variant);
    const refuses = runs.some(({ outcomes }) =>
      refusals.some((text) => [...outcomes].some((o) => o.startsWith(text))),
    );
    if (refuses && variant !== correct.at(-1)) continue;
    all.push(...runs);
    isComplete &&= complete;
  }
  const stuck = [...new Set(all.flatMap((seen) => [...seen.stuck]))];
  return {
    outcomes: isComplete ? outcomesOf(all) : new Map(),
    values: isComplete ? valuesOf(all) : new Map(),
    left: isComplete && stuck.length === 0 ? leftIn(all) : new Map(),
    heard: isComplete ? leastHeard(all) : new Map(),
    stuck,
    stuckIsWrong: stuck.length > 0 && leavesWaiters(workload, correct.at(-1)!),
    isComplete,
  };
}

function leavesWaiters(workload: Workload, variant: ResolvedVariant): boolean {
  const verdict = judge(workload, variant);
  return 'broken' in verdict && verdict.broken.some(({ invariant }) => invariant === 'waiters-are-woken');
}

function runsOf(workload: Workload, variant: ResolvedVariant): { runs: Seen[]; complete: boolean } {
  const Kernel = buildKernel([...variant.layers, messageLayer(variant)]);
  const start = prepare(workload, Kernel, new Onlooker(workload));
  const runs: Seen[] = [];
  const { complete } = explore(start, ({ notes }) => void (notes.isOver && runs.push(clone(notes))), {
    maxExecutions: RUNS,
    maxSteps: 1_000_000,
  });
  return { runs, complete };
}

/** How the outcomes begin that say that a kernel has not what the fixture is about. */
const refusalsOf = (workload: Workload): string[] =>
  listSteps(workload)
    .steps.filter(({ text }) => /^uffd_(open|register)/.test(text))
    .map(({ id }) => `${id} -`);

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
