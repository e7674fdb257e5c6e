/** Fixtures that nobody wrote, on a real kernel and in the model; what disagrees is shrunk on both. */
import fc from 'fast-check';
import type { ResolvedVariant } from '../core/index';
import { type Draft, fixtureOf, type Heading, sizeOf, textOf } from '../fuzz/draft';
import { drafts } from '../fuzz/generate';
import { smaller } from '../fuzz/simplify';
import { compile, type Fixture, FixtureError, type Workload } from '../workload/index';
import { type Figures, figuresOf, type Judged, judgeRun } from './agree';
import { shortSides } from './brevity';
import { CannotRunError } from './cannot_run';
import type { KernelRun, ObservedRun } from './observation';
import { type Job, JobError, type JobOptions, jobOf } from './steps';

export interface RandomOptions {
  readonly seed: number;
  readonly runs: number;
  readonly limits: JobOptions;
  /** Whether what disagrees is made small, for which the kernel is started many times. */
  readonly shrink: boolean;
  /** Verbs and groups of verbs that do not appear. */
  readonly without: readonly string[];
  readonly run: (jobs: readonly Job[]) => Promise<KernelRun>;
  readonly variantOf: (release: string) => ResolvedVariant | null;
  readonly stopped: () => boolean;
  readonly tell: (text: string) => void;
}

export interface RandomFinding {
  readonly judged: Judged;
  readonly real: ObservedRun;
  readonly fixture: Fixture;
  /** The fixture as a file. */
  readonly text: string;
  readonly minimal: boolean;
}

export interface RandomResult {
  /** Why fewer fixtures than wanted were run; null where all were. */
  readonly cut: string | null;
  readonly release: string;
  readonly variant: string;
  readonly figures: Figures;
  readonly findings: readonly RandomFinding[];
}

/** One fixture on both sides. */
interface Pair {
  readonly fixture: Fixture;
  readonly real: ObservedRun;
  readonly judged: Judged;
}

const ENTRIES = 512;
/** To one start of the kernel. */
const BATCH = 250;
/** Disagreements of one kind are likely to have one cause. */
const WORTH_SHRINKING = 6;
const MOST_ROUNDS = 40;
const TRIES = 2;

export const conformRandom = (options: RandomOptions): Promise<RandomResult | null> =>
  new Campaign(options).run();

class Campaign {
  private readonly judged: Judged[] = [];
  private readonly findings = new Map<string, RandomFinding>();
  private readonly arbitrary;
  private variant: ResolvedVariant | null = null;
  private release = '';
  private cut: string | null = null;

  constructor(private readonly options: RandomOptions) {
    this.arbitrary = drafts({ without: new Set(options.without), everyFeature: true });
  }

  /** @returns null where no variant models the kernel */
  async run(): Promise<RandomResult | null> {
    const { seed, runs, stopped, tell } = this.options;
    for (let from = 0; from < runs && !stopped(); from += BATCH) {
      tell(`${from} of ${runs} fixtures`);
      const seeds = Array.from({ length: Math.min(BATCH, runs - from) }, (_, i) => (seed + from + i) | 0);
      const pairs = await this.batch(seeds.flatMap((one) => this.fixture(one) ?? []));
      if (pairs === null) break;
      this.judged.push(...pairs.map(({ judged }) => judged));
      for (const pair of pairs) await this.consider(pair);
    }
    if (!this.variant) return null;
    return {
      cut: this.cut,
      release: this.release,
      variant: this.variant.meta.id,
      figures: figuresOf(this.judged),
      findings: [...this.findings.values()],
    };
  }

  /** A start that fails is tried once more; after that, what was found before it is kept. Null where it ends. */
  private async batch(fixtures: readonly Fixture[]): Promise<Pair[] | null> {
    for (let left = TRIES; ; left--) {
      try {
        return await this.both(fixtures);
      } catch (error) {
        if (!(error instanceof CannotRunError) || this.judged.length === 0) throw error;
        this.cut = this.options.stopped() ? 'interrupted' : error.message;
        if (left === 1 || this.options.stopped()) return null;
        this.options.tell('trying once more');
      }
      this.cut = null;
    }
  }

  private fixture(seed: number): Fixture | null {
    const [draft] = fc.sample(this.arbitrary, { seed, numRuns: 1 });
    const name = `random-${seed < 0 ? `m${-seed}` : seed}`;
    return fixtureOf(feasible(draft!), heading(name, seed));
  }

  /** Fixtures on the kernel, all in one run, and in the model. Null where no variant models the kernel. */
  private async both(fixtures: readonly Fixture[]): Promise<Pair[] | null> {
    const ready = new Map<string, { fixture: Fixture; workload: Workload; job: Job }>();
    for (const fixture of fixtures) {
      const made = prepared(fixture, this.options.limits);
      if (made) ready.set(fixture.name, { fixture, ...made });
    }
    if (ready.size === 0) return [];
    const { runs, features } = await this.options.run([...ready.values()].map(({ job }) => job));
    this.release = features.release;
    this.variant ??= this.options.variantOf(features.release);
    const { variant } = this;
    if (!variant) return null;
    return runs.map((real) => {
      const { fixture, workload } = ready.get(real.fixture)!;
      return { fixture, real, judged: judgeRun(real, workload, variant, features) };
    });
  }

  private async consider(pair: Pair): Promise<void> {
    const kind = kindOf(pair);
    if (kind === null || this.findings.has(kind) || this.findings.size >= WORTH_SHRINKING) return;
    this.options.tell(`shrinking ${pair.fixture.name}: ${kind}`);
    const { best, minimal } = await this.shrink(pair);
    const { fixture, real, judged } = best;
    const text = textOf(fixture, fixture, commentOf(best, this.variant!.meta.id, this.release, minimal));
    this.findings.set(kindOf(best) ?? kind, { fixture, real, judged, text, minimal });
    this.findings.set(kind, { fixture, real, judged, text, minimal });
  }

  /** All that is one thing smaller goes to the kernel at once; of what still disagrees the smallest goes on. */
  private async shrink(first: Pair): Promise<{ best: Pair; minimal: boolean }> {
    const abouts = new Set(first.judged.first!.differences.map(({ about }) => about));
    let best = first;
    if (!this.options.shrink) return { best, minimal: false };
    const sizeOfText = ({ fixture }: Pair): number => textOf(fixture, nameless).length;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      if (this.options.stopped()) return { best, minimal: false };
      const { fixture } = best;
      const seen = new Map<string, Fixture>();
      for (const draft of smaller(fixture)) {
        const one = fixtureOf(draft, {
          asks: fixture.asks,
          source: fixture.source,
          name: `${first.fixture.name}-${round}-${seen.size}`,
        });
        if (one) seen.set(textOf(one, nameless), one);
      }
      const pairs = await this.batch([...seen.values()]);
      if (pairs === null) return { best, minimal: false };
      const failing = pairs.filter(({ judged }) => kindOfFirst(judged, abouts));
      const [next] = failing.sort(
        (a, b) => sizeOf(a.fixture) - sizeOf(b.fixture) || sizeOfText(a) - sizeOfText(b),
      );
      if (!next || sizeOfText(next) >= sizeOfText(best)) return { best, minimal: true };
      best = next;
    }
    return { best, minimal: false };
  }
}

const heading = (name: string, seed: number): Heading => ({
  name,
  asks: 'Do the kernel and the model agree?',
  source: `conform, seed ${seed}`,
});

/** So that texts tell nothing but what a fixture does. */
const nameless: Heading = { name: '-', asks: '-', source: '-' };

/** Files of kinds that a machine has. */
function feasible(draft: Draft): Draft {
  const files = draft.files.map((file) => ({
    ...file,
    kind: file.kind === 'fs' ? ('fs' as const) : ('shmem' as const),
  }));
  return { ...draft, files };
}

function prepared(fixture: Fixture, limits: JobOptions): { workload: Workload; job: Job } | null {
  try {
    const workload = compile(fixture, { entries: ENTRIES });
    return { workload, job: jobOf(workload, limits) };
  } catch (error) {
    if (error instanceof FixtureError || error instanceof JobError) return null;
    throw error;
  }
}

/** What came first, as far as causes can be told apart by it. Null where nothing needs explaining. */
function kindOf({ judged, real }: Pair): string | null {
  const { first, explained } = judged;
  if (!first || explained !== null) return null;
  const step = real.observations[first.at]?.step;
  const verb = step === undefined ? 'end' : real.steps[step]!.text.replace(/ .*/, '');
  return `${verb}: ${first.differences.map(({ about }) => about).join()}`;
}

const kindOfFirst = ({ first, explained }: Judged, abouts: ReadonlySet<string>): boolean =>
  first !== null && explained === null && first.differences.some(({ about }) => abouts.has(about));

function commentOf({ judged, real }: Pair, variant: string, release: string, minimal: boolean): string[] {
  const { at, differences } = judged.first!;
  const step = real.observations[at]?.step;
  return [
    `Found by faultline conform: Linux ${release} and ${variant} disagree after`,
    `  ${step === undefined ? 'the end' : real.steps[step]!.text}`,
    ...differences.flatMap((one) => {
      const { kernel, model } = shortSides(one);
      return [`${one.about}:`, `  kernel: ${kernel}`, `  model:  ${model}`];
    }),
    minimal ? 'Nothing can be taken away.' : 'Not shrunk to its end: something may be taken away.',
  ];
}
