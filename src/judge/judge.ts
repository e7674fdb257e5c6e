/** One variant on one fixture: every execution, judged. */
import { buildKernel, type Kernel, type ResolvedVariant, type Tracer } from '../core/index';
import {
  defaultBounds,
  Execution,
  type ExploreOptions,
  explore,
  type Future,
  prepare,
  type Start,
  seek,
} from '../explore/index';
import type { Workload } from '../workload/index';
import { Findings, isShorter } from './findings';
import type { Notes } from './notes';
import { observer } from './observer';
import type { Broken, Verdict } from './verdict';

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
  shorten(findings, begun.start, prefix, touched, explored.complete);
  return verdictOf(findings, explored, workload);
}

/** Crossings from which the search for witnesses goes on. */
const MOST_CROSSINGS = 10_000;

/**
 * Looks for the shortest witness of each broken invariant: it ends where that breaks.
 * @param isWhole no run was left out so far
 */
function shorten(
  findings: Findings,
  start: Start<Notes>,
  prefix: readonly number[],
  touched: Future,
  isWhole: boolean,
): void {
  const { broken } = findings;
  if (broken.size === 0) return;
  const hasSought = seek(start, prefix, touched, MOST_CROSSINGS, {
    isOfUse: (preemptions, steps) =>
      [...broken.values()].some((known) => isShorter(preemptions, steps + 1, known)),
    look: (execution) => {
      if (execution.notes.found.size > 0) findings.takeWitness(execution);
    },
    finish: (execution) => {
      findings.finish(execution);
      findings.takeWitness(execution);
    },
  });
  if (hasSought && isWhole) return;
  for (const [invariant, one] of broken)
    broken.set(invariant, { ...upToBreak(start, one), mayBeShorter: true });
}

/** Without what a run does after the break. */
function upToBreak(start: Start<Notes>, one: Broken): Broken {
  const execution = new Execution(start);
  for (const actor of one.schedule) {
    if (execution.notes.found.has(one.invariant)) break;
    execution.take(actor);
  }
  const { schedule, preemptions, checksum } = execution;
  return { ...one, schedule: [...schedule], preemptions, checksum };
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
