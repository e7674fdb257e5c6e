/** All variants on all fixtures: what every report is made from. */
import type { Cost, Variant, VariantMeta } from '../core/index';
import type { InvariantClass, Verdict } from '../judge/index';
import type { Shard } from './shard';

export interface Cell {
  readonly fixture: string;
  readonly variant: string;
  readonly verdict: Verdict;
}

/** One row of the summary: in how many fixtures each class was broken. */
export type SummaryRow = {
  readonly variant: string;
  readonly fixtures: number;
  readonly survived: number;
} & Readonly<Record<InvariantClass, number>>;

/** What a variant costs, beside its base, summed over the fixtures whose programs ran to their end on both. */
export interface CostRow {
  readonly variant: string;
  /** Null where the base is not part of the comparison. */
  readonly base: string | null;
  readonly fixtures: number;
  readonly own: Cost;
  readonly ofBase: Cost;
}

export interface FixtureSummary {
  readonly id: string;
  readonly asks: string;
  readonly file: string;
}

export interface Comparison {
  readonly fixtures: readonly FixtureSummary[];
  readonly variants: readonly VariantMeta[];
  /** Fixture by fixture, in each the variants in their order; an interrupted comparison lacks the last ones. */
  readonly cells: readonly Cell[];
  readonly summary: readonly SummaryRow[];
  readonly costs: readonly CostRow[];
  /** It is a part: every `of`-th cell, from the `index`-th on. */
  readonly shard?: Shard;
  /** Hardware acted on its own in all fixtures. */
  readonly hardware?: true;
}

export type { Shard, Variant };
