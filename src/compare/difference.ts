/** Two variants beside each other: what they have differently, what was found on both, and where their runs part. */
import type { Cost, Variant } from '../core/index';
import type { Broken, Verdict } from '../judge/index';
import type { Comparison } from './comparison';
import type { Divergence } from './divergence';
import {
  type ChangedFunction,
  changedFunctions,
  mainlineOwner,
  type Owner,
  ownerOf,
} from './function_sources';
import type { LoadedVariant } from './load';
import { costsOf } from './summary';

export interface VerdictPair {
  readonly fixture: string;
  readonly a: Verdict;
  readonly b: Verdict;
}

export interface Difference {
  readonly a: string;
  readonly b: string;
  readonly functions: readonly ChangedFunction[];
  /** Fixtures that both were run on. */
  readonly compared: number;
  /** Those on which the verdicts differ. */
  readonly verdicts: readonly VerdictPair[];
  /** Summed over the fixtures on which both were explored. */
  readonly cost: { readonly fixtures: number; readonly a: Cost; readonly b: Cost };
  readonly divergences: readonly Divergence[];
}

/** The functions that two loaded variants have differently. */
export function functionsThatDiffer(
  a: LoadedVariant,
  b: LoadedVariant,
  all: readonly Variant[],
): ChangedFunction[] {
  const byFile = new Map([a, b].map(({ variant, argument }) => [variant.meta.id, argument]));
  return changedFunctions(a, b, (loaded) => ownersOf(loaded, all, byFile));
}

/**
 * A variant and what it is based on, the newest first, with the files of each.
 * @param byFile files of those that are not built in
 */
export function ownersOf(
  { variant }: LoadedVariant,
  all: readonly Variant[],
  byFile: ReadonlyMap<string, string | null>,
): Owner[] {
  const ids = lineage(variant.meta.id, variant.meta.base, all);
  const owners = [...variant.layers].reverse().map((layer, i) => {
    const id = ids[i]!;
    const isBuiltIn = all.some(({ meta }) => meta.id === id);
    return ownerOf(id, Object.keys(layer), isBuiltIn ? null : (byFile.get(id) ?? null));
  });
  return [...owners, mainlineOwner()];
}

/** Ids from a variant down to the oldest kernel. */
function lineage(id: string, base: string | null, all: readonly Variant[]): string[] {
  const next = base === null ? null : all.find(({ meta }) => meta.id === base);
  if (base === null) return [id];
  return [id, ...(next ? lineage(base, next.meta.base, all) : [base])];
}

export function verdictsOf(comparison: Comparison, a: string, b: string): VerdictPair[] {
  return comparison.fixtures.flatMap(({ id: fixture }) => {
    const of = (variant: string): Verdict | undefined =>
      comparison.cells.find((cell) => cell.fixture === fixture && cell.variant === variant)?.verdict;
    const [ofA, ofB] = [of(a), of(b)];
    return ofA && ofB ? [{ fixture, a: ofA, b: ofB }] : [];
  });
}

const brokenOf = (verdict: Verdict): readonly Broken[] => ('broken' in verdict ? verdict.broken : []);
const meaning = (verdict: Verdict): string =>
  [
    verdict.kind,
    ...brokenOf(verdict)
      .map(({ invariant }) => invariant)
      .sort(),
  ].join(' ');

export const differ = ({ a, b }: VerdictPair): boolean => meaning(a) !== meaning(b);

/** The runs that are worth to be compared: of what one breaks and the other keeps, then of the rest. */
export function schedulesOf({ a, b }: VerdictPair): (readonly number[])[] {
  const only = (one: Verdict, other: Verdict): readonly Broken[] =>
    brokenOf(one).filter((x) => !brokenOf(other).some((y) => y.invariant === x.invariant));
  const broken = [...only(a, b), ...only(b, a), ...brokenOf(a), ...brokenOf(b)];
  const witnesses = [a, b].flatMap((one) => (one.kind === 'survives' ? [one.witness] : []));
  return [...broken.map(({ schedule }) => schedule), ...witnesses, []];
}

/** What both cost, summed over the fixtures on which both ran to their ends. */
export function costOf(a: LoadedVariant, b: LoadedVariant, comparison: Comparison): Difference['cost'] {
  const metas = [a.variant.meta, { ...b.variant.meta, base: a.variant.meta.id }];
  const row = costsOf(metas, comparison.cells)[1]!;
  return { fixtures: row.fixtures, a: row.ofBase, b: row.own };
}
