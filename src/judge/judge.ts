/** One variant on one fixture: every execution, judged. */
import {
  buildKernel,
  type Cost,
  type Kernel,
  noCost,
  type ResolvedVariant,
  type Tracer,
} from '../core/index';
import {
  defaultBounds,
  type Execution,
  type ExploreOptions,
  explore,
  exploreWithPreemptions,
  type Future,
  prepare,
  type Start,
} from '../explore/index';
import type { Workload } from '../workload/index';
import type { Notes } from './notes';
import { observer } from './observer';
import type { Broken, Verdict } from './verdict';

/** Adds up what the executions of one cell showed. */
class Findings {
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

  /** Keeps the shortest run for each broken invariant. */
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
const isShorter = (preemptions: number, steps: number, than: Length): boolean =>
  preemptions < than.preemptions || (preemptions === than.preemptions && steps < than.schedule.length);

const breaksSomething = (notes: Notes): boolean =>
  [...notes.found.values()].some((f) => f.class !== 'spurious');

/**
 * @param variant the proposal; one that does not build is not run
 * @param bounds where the search gives up; it then says so
 * @param prefix only the runs that begin like this
 */
export function judge(
  workload: Workload,
  variant: ResolvedVariant,
  bounds: ExploreOptions = defaultBounds,
  prefix: readonly number[] = [],
): Verdict {
  if (!variant.meta.builds) return { kind: 'does-not-build', defects: variant.meta.defects ?? [] };
  const begun = begin(workload, variant);
  if ('reason' in begun) return { kind: 'not-applicable', reason: begun.reason };
  const findings = new Findings(workload.fixture.shows);
  const touched: Future = new Map();
  const explored = explore(begun.start, (execution) => findings.take(execution), bounds, {
    prefix,
    touched,
    finish: (execution) => findings.finish(execution),
  });
  if (prefix.length === 0) shorten(findings, begun.start, touched);
  return verdictOf(findings, explored, workload);
}

/** Runs of the second search, which goes by preemptions. Where it needs more, the first search's witness stays. */
const MOST_SHORTER = 200;

/** Looks for a witness of each broken invariant with as few preemptions as possible. */
function shorten(findings: Findings, start: Start<Notes>, touched: Future): void {
  const longest = (): number => Math.max(-1, ...[...findings.broken.values()].map((b) => b.preemptions));
  for (let preemptions = 0; preemptions <= longest(); preemptions++) {
    const visit = (execution: Execution<Notes>): void => findings.takeWitness(execution);
    if (!exploreWithPreemptions(start, preemptions, touched, MOST_SHORTER, visit)) return;
  }
}

/** Boots; a kernel that lacks what the start steps need cannot run the fixture. */
export function begin(
  workload: Workload,
  variant: ResolvedVariant,
): { start: Start<Notes> } | { reason: string } {
  const Kernel = buildKernel(variant.layers, tellEntered(workload.fixture.shows));
  const start = prepare(workload, Kernel, observer);
  const reason = unsupported(start);
  return reason === null ? { start } : { reason };
}

/** Tells the watch when a function that `shows` names is entered. */
function tellEntered(shows: readonly string[]): Tracer {
  return Object.freeze({
    functions: new Set(shows),
    enter: (k: Kernel, name: string) => k.m.watch?.({ kind: 'enter', task: k.task, name }),
    leave: () => {},
  });
}

const EINVAL = -22;

/** The first start step that the kernel refuses as unknown to it. */
function unsupported(start: Start<Notes>): string | null {
  const refused = start.notes.refused.find((r) => r.result === EINVAL);
  return refused ? `${refused.name} fails with EINVAL on this kernel` : null;
}

function verdictOf(findings: Findings, explored: ReturnType<typeof explore>, { fixture }: Workload): Verdict {
  const hardware: { hardware?: true } = fixture.machine.hardware ? { hardware: true } : {};
  const broken = [...findings.broken.values()].map((one) => ({ ...one, ...hardware }));
  const { cost } = findings;
  if (broken.some((b) => b.class !== 'spurious')) return { kind: 'breaks', broken, explored, cost };
  if (!explored.complete) return { kind: 'cut-short', broken, explored, cost };
  if (findings.missing.size > 0)
    return { kind: 'closed', broken, explored, cost, missing: [...findings.missing] };
  const { schedule: witness, checksum } = findings.survivor;
  return { kind: 'survives', broken, explored, cost, witness, checksum, ...hardware };
}
