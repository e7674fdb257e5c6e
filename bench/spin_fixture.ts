/** The fixtures beside spin/rewp.pml, searched by faultline in a process of its own, as its start counts like a compilation. */
import { join } from 'node:path';
import { compare, core, distFolder, explore, judge, workload } from './compiled';
import { run } from './spin_model';

const { leafAt } = core;

type Start = import('../src/explore/index').Start<import('../src/judge/index').Notes>;
type Machine = import('../src/core/index').Machine;
type Vaddr = import('../src/core/index').Vaddr;
type Execution = import('../src/explore/index').Execution<import('../src/judge/index').Notes>;

const folder = join(__dirname, 'spin');
const MOST_STEPS = 1e6;
/** Of a content, see contentOf() in src/workload/act.ts. */
const MOST_TASKS = 16;

const load = (file: string): string => `require(${JSON.stringify(join(distFolder, file))})`;
const fileOf = (fixture: string): string => join(folder, `${fixture}.yaml`);

const prepared = (fixture: string, variant: string): string => `
  const { loadFixtures, loadVariants } = ${load('compare/index.js')};
  const { judge } = ${load('judge/index.js')};
  const { compile } = ${load('workload/index.js')};
  const workload = compile(loadFixtures([${JSON.stringify(fileOf(fixture))}])[0].fixture);
  const { variant } = loadVariants([${JSON.stringify(variant)}])[0];`;

const inChild = <T>(script: string): T => JSON.parse(run(process.execPath, ['-e', script], folder)) as T;

export interface FixtureRun {
  readonly kind: string;
  readonly broken: readonly string[];
  readonly executions: number;
  readonly states: number;
  readonly complete: boolean;
}

/** Judges as `faultline compare` does. */
export function judgeFixture(fixture: string, variant: string, maxExecutions: number): FixtureRun {
  return inChild(`${prepared(fixture, variant)}
    const { kind, broken, explored } = judge(workload, variant, {
      maxExecutions: ${maxExecutions}, maxSteps: ${MOST_STEPS} });
    console.log(JSON.stringify({ kind, broken: broken.map((b) => b.invariant), ...explored }));`);
}

/** How runs end, in the words of rewp.pml. In this process, since nobody measures it. */
export function outcomesOf(fixture: string, variant: string, maxExecutions: number): ReadonlySet<string> {
  const { loadFixtures, loadVariants } = compare;
  const start = judge.begin(
    workload.compile(loadFixtures([fileOf(fixture)])[0]!.fixture),
    loadVariants([variant])[0]!.variant,
  );
  if ('reason' in start) throw new Error(`${fixture} under ${variant}: ${start.reason}`);
  const outcomes = new Set<string>();
  const visit = (execution: Execution): void => {
    if (execution.enabled().length === 0) outcomes.add(outcomeOf(start.start, execution.schedule));
  };
  explore.explore(start.start, visit, { maxExecutions, maxSteps: MOST_STEPS });
  return outcomes;
}

/** Runs again, as whoever visits an execution finds its processes gone. */
function outcomeOf(start: Start, schedule: readonly number[]): string {
  const execution = new explore.Execution(start);
  for (const actor of schedule) execution.take(actor);
  const { machine } = execution;
  const writers = machine.tasks.filter(({ name }) => name.startsWith('vcpu')).map(({ id }) => id);
  const slots = [...start.workload.regions.values()];
  const each = writers.length / slots.length;
  return slots
    .map(({ start: va }, slot) => outcomeOfSlot(machine, va, writers, slot * each, each))
    .join(', ');
}

/**
 * Contents carry the number of who stored them.
 * @param first of the writers of the slot
 */
function outcomeOfSlot(
  { mms, pages, user }: Machine,
  va: Vaddr,
  writers: readonly number[],
  first: number,
  count: number,
): string {
  const own = writers.slice(first, first + count);
  const ends = own.map((id) => (user.ended.has(id) ? 'SIGBUS' : 'stored'));
  const { entry } = leafAt(mms[0]!, va)!;
  const stored = (pages.contentOf(core.entry.pte_pfn(entry)) - 1) % MOST_TASKS;
  return [...ends, writers.indexOf(stored), core.entry.pte_write(entry) ? 'writable' : 'read-only'].join(' ');
}
