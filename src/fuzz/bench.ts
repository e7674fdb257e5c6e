/** The two kinds of work of a campaign: one random fixture on all variants, and one lead made small. */
import fc from 'fast-check';
import type { ResolvedVariant } from '../core/index';
import type { ExploreOptions } from '../explore/index';
import type { Fixture } from '../workload/index';
import { type Draft, fixtureOf, type Heading } from './draft';
import { describeFinding, type Finding } from './finding';
import { drafts } from './generate';
import { differences, firstFailures, type Lead, questionOf } from './lead';
import { shrink } from './shrink';
import { type Failure, type Outcome, outcomeOf, small, stillBreaks } from './trial';

export interface BenchOptions {
  readonly variants: readonly ResolvedVariant[];
  /** There are two variants, and what is looked for is where they differ. */
  readonly differ: boolean;
  readonly without: readonly string[];
  readonly hardware: boolean;
  readonly bounds: ExploreOptions;
  /** Awaited between any two small pieces of work; false: whoever waits wants what there is. */
  readonly goesOn: () => Promise<boolean>;
}

/** What the variants made of one random fixture. */
export interface Judged {
  readonly leads: readonly Lead[];
  /** No variant could run it, because it asks for what cannot be. */
  readonly unusable: boolean;
  /** Searches that were cut short and found nothing. */
  readonly cutShort: number;
}

/** Tries of fast-check before the slower, complete shrinking goes on. */
const TRIES = 100;

export class Bench {
  private readonly arbitrary;

  constructor(private readonly options: BenchOptions) {
    this.arbitrary = drafts({ without: new Set(options.without), hardware: options.hardware });
  }

  /** @returns null where it was told to stop before all variants were asked */
  async judge(seed: number): Promise<Judged | null> {
    const { variants, differ, bounds, goesOn } = this.options;
    const fixture = this.fixtureOf(seed);
    const workload = fixture && small(fixture);
    if (!fixture) return { leads: [], unusable: false, cutShort: 0 };
    if (!workload) return { leads: [], unusable: true, cutShort: 0 };
    const outcomes: Outcome[] = [];
    for (const variant of variants) {
      if (!(await goesOn())) return null;
      outcomes.push(outcomeOf(workload, variant, bounds));
    }
    return {
      leads: differ ? differences(variants, outcomes) : firstFailures(variants, outcomes),
      unusable: outcomes.every(isUnusable),
      cutShort: outcomes.filter(isCutShort).length,
    };
  }

  /** First by fast-check, then to the end. Told to stop, it is as small as it is by then. */
  async shrink(seed: number, lead: Lead): Promise<Finding> {
    const { variants, bounds, without, hardware, goesOn } = this.options;
    const question = questionOf(lead, variants, bounds);
    const heading = headingOf(seed);
    let first: Fixture | null = null;
    let smallest: Fixture | null = null;
    let tries = 0;
    const property = fc.asyncProperty(this.arbitrary, async (draft: Draft) => {
      const fixture = fixtureOf(draft, heading);
      first ??= fixture;
      if (fixture === null || tries++ > TRIES || !(await goesOn())) return true;
      if (!question(fixture)) return true;
      smallest = fixture;
      return false;
    });
    await fc.check(property, { seed, numRuns: 1, endOnFailure: false });
    const fixture: Fixture = smallest ?? first!;
    const failure = smallest ? (question(smallest) ?? lead.failure) : lead.failure;
    const shrunk = await shrink(fixture, failure, heading, question, goesOn);
    const breaksOn = await this.breaksOn(shrunk.fixture, shrunk.failure);
    return describeFinding({ ...shrunk, breaksOn, holdsOn: lead.holdsOn, seed, without, hardware, bounds });
  }

  private fixtureOf(seed: number): Fixture | null {
    const found: Draft[] = [];
    const keep = fc.property(this.arbitrary, (draft: Draft) => {
      found.push(draft);
    });
    fc.check(keep, { seed, numRuns: 1 });
    return fixtureOf(found[0]!, headingOf(seed));
  }

  private async breaksOn(fixture: Fixture, { variant, invariant }: Failure): Promise<string[]> {
    const { variants, bounds, goesOn } = this.options;
    const found: string[] = [];
    for (const one of variants) {
      const isIt = one.meta.id === variant;
      if (isIt || ((await goesOn()) && stillBreaks(one, invariant, bounds)(fixture) !== null)) {
        found.push(one.meta.id);
      }
    }
    return found;
  }
}

const headingOf = (seed: number): Heading => ({
  name: `fuzz-${seed < 0 ? `m${-seed}` : seed}`,
  asks: '-',
  source: `fuzz, seed ${seed}`,
});

const isUnusable = (outcome: Outcome): boolean =>
  outcome.kind === 'unusable' || (outcome.kind === 'verdict' && outcome.verdict.kind === 'not-applicable');

const isCutShort = (outcome: Outcome): boolean =>
  outcome.kind === 'verdict' && outcome.verdict.kind === 'cut-short';
