/** What a search finds, so that searches can be laid side by side. */
import { Execution, type Explored, explore, type Start, showSchedule } from '../../src/explore/index';
import { explorePlain } from '../../src/explore/plain';
import { begin, type Notes } from '../../src/judge/index';
import type { Workload } from '../../src/workload/index';
import { kernelOf, type Override, workload } from '../judge/broken_kernel';
import { bodyOf, kernelRunning, type Op } from '../kernels/programs';
import { endState } from './end_state';

/** Each with a schedule that leads there. */
export interface Findings {
  readonly explored: Explored | null;
  readonly broken: Map<string, string>;
  readonly reached: Map<string, string>;
  readonly ends: Map<string, string>;
}

type Visit = (execution: Execution<Notes>) => void;
export type Search = (start: Start<Notes>, visit: Visit) => Explored | null;

export const within =
  (maxExecutions: number): Search =>
  (start, visit) =>
    explore(start, visit, { maxExecutions, maxSteps: 100_000 });
export const reduced = within(2_000);

export const plain =
  (maxExecutions: number): Search =>
  (start, visit) =>
    explorePlain(start, visit, maxExecutions);

/** Runs that change actors by chance, some often and some seldom. */
export const random =
  (runs: number, seed = 1): Search =>
  (start, visit) => {
    let state = seed;
    const next = (): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) / 2 ** 24;
    };
    for (let run = 0; run < runs; run++) visit(oneRandomRun(start, next, [0, 0.5, 0.8, 0.9][run % 4]!));
    return null;
  };

function oneRandomRun(start: Start<Notes>, next: () => number, stay: number): Execution<Notes> {
  const execution = new Execution(start);
  let last = -1;
  for (let able = execution.enabled(); able.length > 0; able = execution.enabled()) {
    if (!able.includes(last) || next() >= stay) last = able[Math.floor(next() * able.length)]!;
    execution.take(last);
  }
  execution.finish();
  return execution;
}

/** @returns null where the kernel cannot run the workload */
export function findings(
  workload: Workload,
  base: string,
  override: Override,
  ...searches: Search[]
): Findings[] | null {
  const begun = begin(workload, kernelOf(base, override));
  if ('reason' in begun) return null;
  let end: string | null = null;
  const { observer } = begun.start;
  const start: Start<Notes> = {
    ...begun.start,
    observer: {
      begin: observer.begin,
      watch(m, notes) {
        const watch = observer.watch(m, notes);
        return (h) => {
          // Before the processes exit, which makes all ends alike.
          if (h.kind === 'quiet') end = endState(m);
          watch(h);
        };
      },
    },
  };
  return searches.map((search) => {
    const found = { broken: new Map(), reached: new Map(), ends: new Map() };
    const note = (into: Map<string, string>, what: string, how: string): void => {
      if (!into.has(what)) into.set(what, how);
    };
    const explored = search(start, ({ notes, schedule }) => {
      const how = showSchedule(schedule);
      for (const id of notes.found.keys()) note(found.broken, id, how);
      for (const name of notes.reached) note(found.reached, name, how);
      if (end !== null) note(found.ends, end, how);
      end = null;
    });
    return { explored, ...found };
  });
}

/** The same of programs over locks and numbers, one for each actor. */
export const findingsOf = (programs: readonly (readonly Op[])[], ...searches: Search[]): Findings[] =>
  findings(workload(bodyOf(programs)), 'linux-4.19', kernelRunning(programs), ...searches)!;

/** What one search finds and the other does not, with the schedules. */
export const lost = (from: Findings, by: Findings): string[] =>
  (['broken', 'reached', 'ends'] as const).flatMap((kind) =>
    [...from[kind]].flatMap(([what, how]) => (by[kind].has(what) ? [] : [`${kind}, by ${how}: ${what}`])),
  );

/** A start step that would wait is a slip of the workload. */
export function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if ((error as Error).name === 'FixtureError') return null;
    throw error;
  }
}
