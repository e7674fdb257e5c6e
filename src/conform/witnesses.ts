/** The witnesses of a variant on a real kernel: in orders of turns that user space forces, or tried where it cannot. */
import type { ResolvedVariant } from '../core/index';
import type { Fixture } from '../workload/index';
import type { KernelRun, ObservedRun } from './observation';
import { type Job, type JobOptions, jobOf } from './steps';
import { type Judgement, judgeWitness } from './witness_judgement';
import { fullSize, type Plan, type Planned, planWitnesses, refusalOf, type Witness } from './witness_plan';
import type { Tried } from './witness_tries';

export interface WitnessResult {
  readonly variant: string;
  readonly witness: Witness;
  readonly plan: Plan;
  /** Of an order that was forced. */
  readonly judged: Judgement | null;
  /** Of one that cannot be. */
  readonly tried: Tried | null;
}

export interface WitnessRun {
  readonly release: string;
  readonly machine: string;
  readonly own: string;
  readonly results: readonly WitnessResult[];
  /** `fixture variant` of searches that were stopped by their bound: there may be more witnesses. */
  readonly cutShort: readonly string[];
  readonly garbage: readonly string[];
}

export interface WitnessOptions {
  readonly fixtures: readonly Fixture[];
  readonly variants: readonly ResolvedVariant[];
  readonly limits: JobOptions;
  readonly run: (jobs: readonly Job[]) => Promise<KernelRun>;
  readonly ownOf: (release: string) => ResolvedVariant | null;
  /** Tries what cannot be forced. */
  readonly attempt: (fixture: Fixture, variant: ResolvedVariant, witness: Witness) => Promise<Tried>;
  readonly stopped: () => boolean;
  readonly tell: (text: string) => void;
}

/** Plans are made again in the same order when somebody has run who was to be held. */
const MOST_ATTEMPTS = 5;

interface Entry extends Planned {
  readonly fixture: Fixture;
  readonly variant: ResolvedVariant;
  readonly job: Job | null;
}

/** Null where no variant models the kernel. */
export async function runWitnesses(options: WitnessOptions): Promise<WitnessRun | null> {
  const { entries, cutShort } = await planAll(options);
  const jobs = new Map(entries.flatMap(({ job }) => (job ? [[job.name, job]] : [])));
  const probe =
    jobs.size > 0 ? [...jobs.values()] : options.fixtures.slice(0, 1).map((f) => jobOf(fullSize(f)));
  const kernel = await options.run(probe);
  const own = options.ownOf(kernel.features.release);
  if (!own) return null;
  const runs = new Map(kernel.runs.map((run) => [run.fixture, run]));
  await again(jobs, runs, options);
  const results: WitnessResult[] = [];
  for (const entry of entries) {
    if (options.stopped()) break;
    options.tell(entry.witness.fixture);
    results.push(await resultOf(entry, runs, kernel, own, options));
  }
  const { features, machine, garbage } = kernel;
  return { release: features.release, machine, own: own.meta.id, results, cutShort, garbage };
}

async function planAll({ fixtures, variants, limits, stopped, tell }: WitnessOptions): Promise<{
  entries: Entry[];
  cutShort: string[];
}> {
  const entries: Entry[] = [];
  const cutShort: string[] = [];
  const names = new Map<string, string>();
  for (const variant of variants) {
    for (const fixture of fixtures) {
      // Otherwise nobody would hear of an interrupt.
      await new Promise(setImmediate);
      if (stopped()) return { entries, cutShort };
      tell(`${fixture.name} of ${variant.meta.id}`);
      const { planned, isComplete } = planWitnesses(fixture, variant);
      if (!isComplete) cutShort.push(`${fixture.name} ${variant.meta.id}`);
      entries.push(...planned.map((one) => withJob(one, fixture, variant, limits, names)));
    }
  }
  return { entries, cutShort };
}

/** Witnesses of the same order share their job. */
function withJob(
  { witness, plan }: Planned,
  fixture: Fixture,
  variant: ResolvedVariant,
  limits: JobOptions,
  names: Map<string, string>,
): Entry {
  if (plan.kind !== 'turns') return { witness, plan, fixture, variant, job: null };
  const { turns } = plan;
  const key = `${fixture.name} ${turns.join(' ')}`;
  const name = names.get(key) ?? `${fixture.name}.${names.size}`;
  names.set(key, name);
  let job: Job | null = null;
  const reason = refusalOf(() => {
    job = jobOf(fullSize(fixture), { ...limits, name, turns });
  });
  return { witness, plan: reason === null ? plan : { kind: 'cannot', reason }, fixture, variant, job };
}

const hasRun = (run: ObservedRun | undefined): boolean =>
  run?.observations.some(({ ran = [] }) => ran.length > 0) ?? false;

/** Once more where somebody was not held. */
async function again(
  jobs: ReadonlyMap<string, Job>,
  runs: Map<string, ObservedRun>,
  { run, stopped }: WitnessOptions,
): Promise<void> {
  for (let count = 1; count < MOST_ATTEMPTS && !stopped(); count++) {
    const left = [...jobs.values()].filter(({ name }) => hasRun(runs.get(name)));
    if (left.length === 0) return;
    for (const one of (await run(left)).runs) runs.set(one.fixture, one);
  }
}

async function resultOf(
  { fixture, variant, witness, plan, job }: Entry,
  runs: ReadonlyMap<string, ObservedRun>,
  { features }: KernelRun,
  own: ResolvedVariant,
  { attempt }: WitnessOptions,
): Promise<WitnessResult> {
  const result = { variant: variant.meta.id, witness, plan, judged: null, tried: null };
  if (plan.kind === 'inside') return { ...result, tried: await attempt(fixture, variant, witness) };
  const real = job ? runs.get(job.name) : undefined;
  if (plan.kind === 'cannot') return result;
  if (!real) return { ...result, plan: { kind: 'cannot', reason: 'interrupted before it was run' } };
  const sides = { fixture, turns: plan.turns, variant, own, features };
  return { ...result, judged: judgeWitness(witness, real, sides) };
}
