/** What the verdicts on one random fixture are worth: the failures that a smaller fixture may show, too. */
import type { ResolvedVariant } from '../core/index';
import type { ExploreOptions } from '../explore/index';
import {
  type Failure,
  failuresOf,
  type Outcome,
  type Question,
  stillBreaks,
  stillDiffers,
  surelyHolds,
} from './trial';

/** A failure that its smaller fixtures have to show, and where a difference is looked for, the variant that holds. */
export interface Lead {
  readonly failure: Failure;
  readonly holdsOn: string | null;
}

/** Findings of one invariant on one variant that are worth shrinking; they are likely to have the same cause. */
const ENOUGH = 2;

/** Lets the first leads of a kind pass. Asked in the order of the runs, whoever found them. */
export class Sieve {
  private readonly known = new Map<string, number>();

  passes({ variant, invariant }: Pick<Failure, 'variant' | 'invariant'>): boolean {
    const key = `${variant} ${invariant}`;
    const before = this.known.get(key) ?? 0;
    this.known.set(key, before + 1);
    return before < ENOUGH;
  }
}

/** Every invariant that breaks, on the first of the variants on which it does. */
export function firstFailures(variants: readonly ResolvedVariant[], outcomes: readonly Outcome[]): Lead[] {
  const leads = new Map<string, Lead>();
  for (const [i, variant] of variants.entries()) {
    for (const failure of failuresOf(outcomes[i]!, variant)) {
      if (!leads.has(failure.invariant)) leads.set(failure.invariant, { failure, holdsOn: null });
    }
  }
  return [...leads.values()];
}

/** Every invariant that one of the two breaks while the other, its search finished, does not. */
export function differences(variants: readonly ResolvedVariant[], outcomes: readonly Outcome[]): Lead[] {
  return [0, 1].flatMap((i) =>
    failuresOf(outcomes[i]!, variants[i]!)
      .filter((failure) => surelyHolds(outcomes[1 - i]!, failure.invariant))
      .map((failure) => ({ failure, holdsOn: variants[1 - i]!.meta.id })),
  );
}

/** What a smaller fixture has to answer with a failure. */
export function questionOf(
  { failure: { variant, invariant }, holdsOn }: Lead,
  variants: readonly ResolvedVariant[],
  bounds: ExploreOptions,
): Question {
  const named = (id: string): ResolvedVariant => variants.find(({ meta }) => meta.id === id)!;
  return holdsOn === null
    ? stillBreaks(named(variant), invariant, bounds)
    : stillDiffers(named(variant), named(holdsOn), invariant, bounds);
}
