/** What a kernel did with the fixtures, held against the variant that models it. */
import type { ResolvedVariant } from '../core/index';
import type { Workload } from '../workload/index';
import { explain } from './explained';
import type { KernelFeatures, KernelRun, ObservedRun } from './observation';
import { compareInEveryOrder, type Ordered } from './orders';

export interface Judged extends Ordered {
  /** Why the first disagreement is none of the model; null where nobody knows. */
  readonly explained: string | null;
}

export interface KernelAgreement {
  readonly variant: string;
  readonly fixtures: readonly Judged[];
  readonly figures: Figures;
}

export interface Figures {
  /** That were compared, or would have been. */
  readonly fixtures: number;
  readonly agreed: number;
  readonly explained: number;
  readonly disagreed: number;
  /** Not compared, or not to their end. */
  readonly cut: number;
  readonly observations: number;
  readonly observationsAgreed: number;
}

/** Kernels that are modelled, newest first. */
const modelled: readonly (readonly [major: number, minor: number])[] = [
  [6, 18],
  [6, 12],
  [6, 1],
];

/** The variant that models a kernel: that of its own version, or else of the one before. */
export function variantFor(release: string): string | null {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  const version = Number(major) * 1000 + Number(minor);
  const found = modelled.find(([a, b]) => a * 1000 + b <= version);
  return found ? `linux-${found.join('.')}` : null;
}

export function judgeRun(
  run: ObservedRun,
  workload: Workload,
  variant: ResolvedVariant,
  features: KernelFeatures,
): Judged {
  const agreement = compareInEveryOrder(run, workload, variant, features);
  const explained = agreement.first ? explain(run, agreement.first.at, agreement.first.differences) : null;
  return { ...agreement, explained };
}

export function agree(
  run: KernelRun,
  workloads: ReadonlyMap<string, Workload>,
  variant: ResolvedVariant,
): KernelAgreement {
  const fixtures = run.runs.map((one) => judgeRun(one, workloads.get(one.fixture)!, variant, run.features));
  return { variant: variant.meta.id, fixtures, figures: figuresOf(fixtures) };
}

export function figuresOf(fixtures: readonly Judged[]): Figures {
  const count = (is: (one: Judged) => boolean): number => fixtures.filter(is).length;
  const sum = (of: (one: Judged) => number): number => fixtures.reduce((all, one) => all + of(one), 0);
  const differs = (one: Judged): boolean => one.first !== null;
  const agreed = (one: Judged): boolean => one.compared > 0 && !differs(one) && one.cut === null;
  return {
    fixtures: count((one) => one.compared > 0 || one.cut !== null),
    agreed: count(agreed),
    explained: count((one) => differs(one) && one.explained !== null),
    disagreed: count((one) => differs(one) && one.explained === null),
    cut: count((one) => one.cut !== null && !differs(one)),
    observations: sum((one) => one.compared),
    observationsAgreed: sum((one) => one.agreed),
  };
}
