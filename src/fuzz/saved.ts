/** The result of a campaign as it is saved, described by schemas/fuzz.schema.json. */
import type { VariantMeta } from '../core/index';
import type { ExploreOptions } from '../explore/index';
import type { FuzzResult } from './fuzz';
import type { Found } from './ledger';
import type { Failure } from './trial';

export const fuzzFormat = { format: 'faultline-fuzz', version: 1 } as const;

/** What decides a result. Two parts of one campaign are the same in all of it but the shard. */
export interface CampaignKey {
  /** Version of faultline. */
  readonly tool: string;
  /** Hash of the code that makes, runs and judges the fixtures. */
  readonly model: string;
  readonly seed: number;
  /** Fixtures of the whole campaign; null: as many as the time allowed. */
  readonly runs: number | null;
  readonly differ: boolean;
  readonly variants: readonly SavedVariant[];
  readonly without: readonly string[];
  readonly hardware?: boolean;
  readonly bound: { readonly executions: number; readonly steps: number };
}

export interface SavedVariant
  extends Pick<VariantMeta, 'id' | 'title' | 'author' | 'messageId' | 'date' | 'base' | 'supersedes'> {
  /** Hash of its files; null for a built-in one. */
  readonly code: string | null;
}

export interface SavedFuzz extends CampaignKey {
  readonly format: string;
  readonly version: number;
  /** I/N, of a part. */
  readonly shard?: string;
  /** Fixtures that were tried. */
  readonly tried: number;
  readonly stoppedBy: 'time' | 'interrupt' | null;
  readonly unusable: number;
  readonly cutShort: number;
  readonly findings: readonly SavedFinding[];
}

export interface SavedFinding extends Omit<Found, 'failure' | 'text'> {
  readonly variant: string;
  readonly invariant: string;
  readonly class: Failure['class'];
  readonly saw: string;
  /** The file. */
  readonly fixture: string;
}

/** The order of keys is fixed. */
export function savedOf(
  key: CampaignKey,
  { runs: tried, unusable, cutShort, findings }: FuzzResult,
  { shard, stoppedBy = null }: Partial<Pick<SavedFuzz, 'shard' | 'stoppedBy'>> = {},
): SavedFuzz {
  const { tool, model, seed, runs, differ, variants, without, hardware, bound } = key;
  return {
    ...fuzzFormat,
    tool,
    model,
    ...(shard ? { shard } : {}),
    ...{ seed, runs, differ, variants, without, ...(hardware ? { hardware } : {}), bound },
    ...{ tried, stoppedBy, unusable, cutShort },
    findings: findings.map(savedFinding),
  };
}

const savedFinding = (found: Found): SavedFinding => {
  const { run, seed, name, failure, breaksOn, holdsOn, minimal, repeats, text } = found;
  const { variant, invariant, class: kind, saw } = failure;
  return {
    ...{ run, seed, name, variant, invariant, class: kind, saw },
    ...{ breaksOn, holdsOn, minimal, repeats, fixture: text },
  };
};

export function foundOf(saved: SavedFinding): Found {
  const { run, seed, name, variant, invariant, class: kind, saw } = saved;
  const { breaksOn, holdsOn, minimal, repeats, fixture: text } = saved;
  return {
    ...{ run, seed, name, failure: { variant, invariant, class: kind, saw } },
    ...{ breaksOn, holdsOn, minimal, repeats, text },
  };
}

export const boundOf = ({ maxExecutions, maxSteps }: ExploreOptions): SavedFuzz['bound'] => ({
  executions: maxExecutions,
  steps: maxSteps,
});

/** @returns from 0; the whole is the only part of one */
export function shardOf({ shard = '1/1' }: Pick<SavedFuzz, 'shard'>): { index: number; of: number } {
  const [i = 1, of = 1] = shard.split('/').map(Number);
  return { index: i - 1, of };
}

/** How many of so many runs are those of a part. */
export const runsIn = (runs: number, { index, of }: { index: number; of: number }): number =>
  Math.max(0, Math.ceil((runs - index) / of));
