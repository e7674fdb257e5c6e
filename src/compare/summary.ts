/** What the cells of a comparison add up to. */
import type { VariantMeta } from '../core/index';
import { type Cost, noCost } from '../core/watch';
import { type InvariantClass, invariantClasses, type Verdict } from '../judge/verdict';
import type { Cell, CostRow, SummaryRow } from './comparison';

/**
 * One row per variant. `fixtures` counts those that this kernel can run and that were run; only a finished search
 * that entered the window counts as survived.
 */
export function summaryOf(variants: readonly VariantMeta[], cells: readonly Cell[]): SummaryRow[] {
  return variants.map(({ id: variant }) => {
    const verdicts = cells.filter((cell) => cell.variant === variant).map((cell) => cell.verdict);
    const counts = Object.fromEntries(
      invariantClasses.map((one) => [one, verdicts.filter((verdict) => hasBroken(verdict, one)).length]),
    ) as Record<InvariantClass, number>;
    return {
      variant,
      ...counts,
      fixtures: verdicts.filter((verdict) => verdict.kind !== 'not-applicable').length,
      survived: verdicts.filter((verdict) => verdict.kind === 'survives').length,
    };
  });
}

const hasBroken = (verdict: Verdict, kind: InvariantClass): boolean =>
  'broken' in verdict && verdict.broken.some((one) => one.class === kind);

/**
 * What each variant costs beside its base. A program that was killed or a kernel that was stopped did less work, so
 * a fixture counts only where neither happened.
 */
export function costsOf(variants: readonly VariantMeta[], cells: readonly Cell[]): CostRow[] {
  const costs = new Map<string, Map<string, Cost>>(variants.map(({ id }) => [id, new Map()]));
  for (const { fixture, variant, verdict } of cells) {
    if ('cost' in verdict && ranToItsEnd(verdict)) costs.get(variant)?.set(fixture, verdict.cost);
  }
  return variants.map(({ id: variant, base }) => {
    const own = costs.get(variant);
    const ofBase = base === null ? undefined : costs.get(base);
    if (!own || !ofBase) return { variant, base: null, fixtures: 0, own: noCost(), ofBase: noCost() };
    const both = [...own.keys()].filter((fixture) => ofBase.has(fixture));
    return {
      variant,
      base,
      fixtures: both.length,
      own: sumOf(both.map((fixture) => own.get(fixture)!)),
      ofBase: sumOf(both.map((fixture) => ofBase.get(fixture)!)),
    };
  });
}

const stopsTheProgram: readonly InvariantClass[] = ['sigbus-loop', 'kernel-integrity'];

const ranToItsEnd = (verdict: Verdict): boolean => !stopsTheProgram.some((kind) => hasBroken(verdict, kind));

function sumOf(costs: readonly Cost[]): Cost {
  const sum = noCost();
  for (const cost of costs) {
    for (const kind of Object.keys(sum) as (keyof Cost)[]) sum[kind] += cost[kind];
  }
  return sum;
}
