/** One random fixture on several variants: what broke. */
import type { ResolvedVariant } from '../core/index';
import { defaultBounds, type ExploreOptions } from '../explore/index';
import { type InvariantClass, judge, type Verdict } from '../judge/index';
import { compile, type Fixture, FixtureError, leastEntries, type Workload } from '../workload/index';

/** Small page tables, so that a workload takes milliseconds. */
const ENTRIES = 4;

/** A workload gets little time, because the next one is as likely to show something. */
export const fuzzBounds: ExploreOptions = { ...defaultBounds, maxExecutions: 60, maxSteps: 20_000 };

/** Something that did not hold. */
export interface Failure {
  readonly variant: string;
  /** Id of the invariant, or `model` where the model itself failed. */
  readonly invariant: string;
  readonly class: InvariantClass | 'model';
  readonly saw: string;
}

/** What a variant made of a workload. Not usable: it cannot be run, which says nothing of the variant. */
export type Outcome =
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'unusable' }
  | { readonly kind: 'crash'; readonly error: Error };

/** The fixture on as small a machine as holds it; null where it does not fit any. */
export function small(fixture: Fixture): Workload | null {
  try {
    return compile(fixture, { entries: Math.max(ENTRIES, leastEntries(fixture)) });
  } catch (error) {
    if (error instanceof FixtureError) return null;
    throw error;
  }
}

export function outcomeOf(
  workload: Workload,
  variant: ResolvedVariant,
  bounds: ExploreOptions = fuzzBounds,
): Outcome {
  try {
    return { kind: 'verdict', verdict: judge(workload, variant, bounds) };
  } catch (error) {
    // A start step that would wait: a slip of the fixture.
    if (error instanceof FixtureError) return { kind: 'unusable' };
    return { kind: 'crash', error: error as Error };
  }
}

export function failuresOf(outcome: Outcome, variant: ResolvedVariant): Failure[] {
  const { id } = variant.meta;
  if (outcome.kind === 'crash') {
    const { error } = outcome;
    return [{ variant: id, invariant: 'model', class: 'model', saw: `${error.name}: ${error.message}` }];
  }
  if (outcome.kind === 'unusable' || !('broken' in outcome.verdict)) return [];
  return outcome.verdict.broken
    .filter((one) => one.class !== 'spurious')
    .map(({ invariant, class: kind, saw }) => ({ variant: id, invariant, class: kind, saw }));
}

/** Whether the search was finished and found that an invariant holds. */
export function surelyHolds(outcome: Outcome, invariant: string): boolean {
  if (outcome.kind !== 'verdict' || !('broken' in outcome.verdict)) return false;
  const { broken, explored } = outcome.verdict;
  return explored.complete && broken.every((one) => one.invariant !== invariant);
}

/** What makes a fixture worth keeping, asked again of every smaller one. */
export type Question = (fixture: Fixture) => Failure | null;

/** Does this invariant still break on this variant? */
export function stillBreaks(
  variant: ResolvedVariant,
  invariant: string,
  bounds: ExploreOptions = fuzzBounds,
): Question {
  return (fixture) => {
    const workload = small(fixture);
    const found = workload ? failuresOf(outcomeOf(workload, variant, bounds), variant) : [];
    return found.find((one) => one.invariant === invariant) ?? null;
  };
}

/** Does this invariant still break on one variant, and surely not on the other? */
export function stillDiffers(
  breaks: ResolvedVariant,
  holds: ResolvedVariant,
  invariant: string,
  bounds: ExploreOptions = fuzzBounds,
): Question {
  const asked = stillBreaks(breaks, invariant, bounds);
  return (fixture) => {
    const failure = asked(fixture);
    if (failure === null) return null;
    const workload = small(fixture)!;
    return surelyHolds(outcomeOf(workload, holds, bounds), invariant) ? failure : null;
  };
}
