/** A campaign: random fixtures one after another, each on every variant, each finding shrunk. */
import fc from 'fast-check';
import type { ResolvedVariant } from '../core/index';
import type { Fixture } from '../workload/index';
import { type Draft, fixtureOf, type Heading } from './draft';
import { describeFinding } from './finding';
import { drafts } from './generate';
import { shrink } from './shrink';
import {
  type Failure,
  failuresOf,
  type Outcome,
  outcomeOf,
  type Question,
  small,
  stillBreaks,
  stillDiffers,
  surelyHolds,
} from './trial';

export interface FuzzOptions {
  readonly seed: number;
  /** Fixtures to try. */
  readonly runs: number;
  readonly variants: readonly ResolvedVariant[];
  /** Look for fixtures on which these two differ, and for nothing else. */
  readonly differ?: readonly [ResolvedVariant, ResolvedVariant];
  /** Verbs and groups of verbs that do not appear. */
  readonly without?: readonly string[];
  /** This part of the runs of all: every `of`-th, from `index` on. */
  readonly shard?: { readonly index: number; readonly of: number };
  /** Asked between any two small pieces of work; true ends the campaign. */
  readonly stopped?: () => boolean;
  readonly onRun?: (done: number, found: number) => void;
  readonly onFinding?: (finding: Finding) => void;
}

export interface Finding {
  readonly fixture: Fixture;
  /** The fixture as a file. */
  readonly text: string;
  readonly failure: Failure;
  /** The variants on which the fixture breaks the same invariant. */
  readonly breaksOn: readonly string[];
  /** The one on which it holds, where a difference was looked for. */
  readonly holdsOn: string | null;
  /** A campaign of one run from here, with the same verbs, starts from the same fixture. */
  readonly seed: number;
  readonly minimal: boolean;
}

export interface FuzzResult {
  readonly runs: number;
  /** Fixtures that no variant could run, because they ask for what cannot be. */
  readonly unusable: number;
  /** Searches that were cut short and found nothing: they prove nothing. */
  readonly cutShort: number;
  readonly findings: readonly Finding[];
}

/** Findings of one invariant on one variant that are worth shrinking; they are likely to have the same cause. */
const ENOUGH = 2;
/** Tries of fast-check before the slower, complete shrinking goes on. */
const TRIES = 100;

export const fuzz = (options: FuzzOptions): Promise<FuzzResult> => new Campaign(options).run();

/** A failure and the question that its smaller fixtures have to answer. */
interface Lead {
  readonly failure: Failure;
  readonly question: Question;
  readonly holdsOn: string | null;
}

class Campaign {
  private readonly findings = new Map<string, Finding>();
  private readonly leads = new Map<string, number>();
  private readonly arbitrary;
  private unusable = 0;
  private cutShort = 0;

  constructor(private readonly options: FuzzOptions) {
    this.arbitrary = drafts({ without: new Set(options.without ?? []) });
  }

  async run(): Promise<FuzzResult> {
    const { seed, runs, shard = { index: 0, of: 1 }, onRun } = this.options;
    let done = 0;
    for (let i = shard.index; i < runs; i += shard.of) {
      if (!(await this.pause())) break;
      await this.one((seed + i) | 0);
      done++;
      onRun?.(done, this.findings.size);
    }
    const { unusable, cutShort } = this;
    return { runs: done, unusable, cutShort, findings: [...this.findings.values()] };
  }

  /** Gives an interrupt its turn. */
  private async pause(): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve));
    return !this.options.stopped?.();
  }

  /** The fixture of one seed: judged, and where it fails first shrunk by fast-check, then to the end. */
  private async one(seed: number): Promise<void> {
    const heading = {
      name: `fuzz-${seed < 0 ? `m${-seed}` : seed}`,
      asks: '-',
      source: `fuzz, seed ${seed}`,
    };
    let leads: Lead[] | null = null;
    let smallest: Fixture | null = null;
    for (let at = 0; leads === null || at < (leads as Lead[]).length; at++) {
      let tries = 0;
      smallest = null;
      const property = fc.asyncProperty(this.arbitrary, async (draft: Draft) => {
        const fixture = fixtureOf(draft, heading);
        if (fixture === null || tries++ > TRIES || !(await this.pause())) return true;
        leads ??= this.leadsOf(fixture);
        const lead = leads[at];
        if (!lead?.question(fixture)) return true;
        smallest = fixture;
        return false;
      });
      await fc.check(property, { seed, numRuns: 1, endOnFailure: false });
      const lead = (leads as Lead[] | null)?.[at];
      if (!lead) return;
      if (smallest) await this.finish(smallest, lead, heading, seed);
    }
  }

  private leadsOf(fixture: Fixture): Lead[] {
    const workload = small(fixture);
    if (!workload) {
      this.unusable++;
      return [];
    }
    const { variants, differ } = this.options;
    const asked = differ ?? variants;
    const outcomes = asked.map((variant) => outcomeOf(workload, variant));
    if (outcomes.every(isUnusable)) this.unusable++;
    this.cutShort += outcomes.filter(isCutShort).length;
    const leads = differ ? differences(differ, outcomes) : firstFailures(asked, outcomes);
    return leads.filter(({ failure }) => {
      const key = `${failure.variant} ${failure.invariant}`;
      const known = this.leads.get(key) ?? 0;
      this.leads.set(key, known + 1);
      return known < ENOUGH;
    });
  }

  private async finish(fixture: Fixture, lead: Lead, heading: Heading, seed: number): Promise<void> {
    const found = lead.question(fixture) ?? lead.failure;
    const shrunk = await shrink(fixture, found, heading, lead.question, () => this.pause());
    const breaksOn = this.breaksOn(shrunk.fixture, shrunk.failure);
    const what = { ...shrunk, breaksOn, holdsOn: lead.holdsOn, seed, without: this.options.without ?? [] };
    const finding: Finding = { ...what, ...describeFinding(what, this.findings.size + 1) };
    const key = JSON.stringify([
      finding.failure.invariant,
      finding.breaksOn,
      finding.text.split('\nmemory:')[1],
    ]);
    if (this.findings.has(key)) return;
    this.findings.set(key, finding);
    this.options.onFinding?.(finding);
  }

  private breaksOn(fixture: Fixture, { variant, invariant }: Failure): string[] {
    const all = this.options.differ ?? this.options.variants;
    return all
      .filter((one) => one.meta.id === variant || stillBreaks(one, invariant)(fixture) !== null)
      .map(({ meta }) => meta.id);
  }
}

const isUnusable = (outcome: Outcome): boolean =>
  outcome.kind === 'unusable' || (outcome.kind === 'verdict' && outcome.verdict.kind === 'not-applicable');

const isCutShort = (outcome: Outcome): boolean =>
  outcome.kind === 'verdict' && outcome.verdict.kind === 'cut-short';

/** Every invariant that breaks, on the first of the variants on which it does. */
function firstFailures(variants: readonly ResolvedVariant[], outcomes: readonly Outcome[]): Lead[] {
  const leads = new Map<string, Lead>();
  for (const [i, variant] of variants.entries()) {
    for (const failure of failuresOf(outcomes[i]!, variant)) {
      if (leads.has(failure.invariant)) continue;
      leads.set(failure.invariant, {
        failure,
        question: stillBreaks(variant, failure.invariant),
        holdsOn: null,
      });
    }
  }
  return [...leads.values()];
}

/** Every invariant that one of the two breaks while the other, its search finished, does not. */
function differences(
  pair: readonly [ResolvedVariant, ResolvedVariant],
  outcomes: readonly Outcome[],
): Lead[] {
  return [0, 1].flatMap((i) => {
    const [breaks, holds] = [pair[i]!, pair[1 - i]!];
    return failuresOf(outcomes[i]!, breaks)
      .filter((failure) => surelyHolds(outcomes[1 - i]!, failure.invariant))
      .map((failure) => ({
        failure,
        question: stillDiffers(breaks, holds, failure.invariant),
        holdsOn: holds.meta.id,
      }));
  });
}
