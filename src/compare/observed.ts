/** What real kernels did on a fixture's workload, and whether the model agrees: by class, nothing finer. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InvariantClass, Verdict } from '../judge/index';

/** docs/observed.json. */
export interface Observations {
  readonly about: string;
  readonly workloads: readonly { readonly id: string; readonly observed: Readonly<Record<string, string>> }[];
}

/** A cell in which the model does not say what was observed; docs/observed-differences.json has them all. */
export interface ObservedDifference {
  readonly workload: string;
  readonly variant: string;
  /** `not judged`: the model came to no verdict. */
  readonly mark: 'differs' | 'not judged';
  readonly why: string;
}

const docs = join(__dirname, '..', '..', 'docs');
const readDocs = <T>(file: string, missing: T): T =>
  existsSync(join(docs, file)) ? (JSON.parse(readFileSync(join(docs, file), 'utf8')) as T) : missing;

export const readObservations = (): Observations =>
  readDocs<Observations>('observed.json', { about: '', workloads: [] });

export const readDifferences = (): readonly ObservedDifference[] =>
  readDocs<readonly ObservedDifference[]>('observed-differences.json', []);

/** @returns null where no real kernel ran the workload */
export function outcomeOf({ workloads }: Observations, fixture: string, variant: string): string | null {
  const outcome = workloads.find(({ id }) => id === fixture)?.observed[variant];
  return outcome === undefined || wasNotRun(outcome) ? null : outcome;
}

const wasNotRun = (outcome: string): boolean => /^(n\/a|not run)/.test(outcome);

/** Words of an outcome and the class of invariant that they show broken. */
const words: readonly (readonly [RegExp, InvariantClass])[] = [
  [/sigbus|efault/, 'sigbus-loop'],
  [/UNSAFE/, 'unsafe-write'],
  [/LOST-wp-event/, 'lost-event'],
  [/LOST-softdirty/, 'lost-tracking'],
  [/KERNEL-BUG|hang|kernel-dead/, 'kernel-integrity'],
  [/FALSE-softdirty/, 'spurious'],
];

/** @returns null where the workload was not run */
export function classesObserved(outcome: string): readonly InvariantClass[] | null {
  if (wasNotRun(outcome)) return null;
  return words.filter(([word]) => word.test(outcome)).map(([, kind]) => kind);
}

/** The classes that the model finds broken; null where it did not come to a verdict. */
export function classesFound(verdict: Verdict): readonly InvariantClass[] | null {
  if (!('broken' in verdict) || verdict.kind === 'cut-short') return null;
  return [...new Set(verdict.broken.map((b) => b.class))];
}

export type Agreement = 'agrees' | 'differs' | 'not judged' | 'not run';

/**
 * A spurious finding of the model is not held against an observation that had no eye for it: only false soft-dirty
 * bits were looked for.
 */
export function agreement(outcome: string | undefined, verdict: Verdict): Agreement {
  const observed = outcome === undefined ? null : classesObserved(outcome);
  if (observed === null) return 'not run';
  const found = classesFound(verdict);
  if (found === null) return 'not judged';
  const breaking = (classes: readonly InvariantClass[]): string =>
    [...classes]
      .filter((c) => c !== 'spurious')
      .sort()
      .join();
  if (breaking(observed) !== breaking(found)) return 'differs';
  return observed.includes('spurious') && !found.includes('spurious') ? 'differs' : 'agrees';
}
