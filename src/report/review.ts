/** What a review is made from: the comparison and, for each variant, what was said, changed, seen and left out. */
import type { Comparison } from '../compare/comparison';
import type { ChangedFunction } from '../compare/function_sources';
import type { VariantMeta } from '../core/index';
import type { Trace } from '../explore/index';
import type { Broken, Verdict } from '../judge/index';
import type { Mark } from './against';
import type { Replay } from './explain';
import { brokenOf, cellWord, classesOf, classWords, missingWord, plural } from './words';

/** A run that shows a break, told step by step. */
export interface Witness {
  readonly fixture: string;
  readonly broken: Broken;
  readonly trace: Trace;
  readonly replay: Replay;
}

/** What a real kernel did with a fixture under this variant, beside the verdict. */
export interface Observation {
  readonly fixture: string;
  readonly outcome: string;
  readonly agreement: string;
  /** Why it differs, where that is known. */
  readonly why: string;
}

/** A function of the model that does less than the kernel's. */
export interface Reduced {
  readonly name: string;
  readonly fidelity: 'Simplified' | 'Stubbed';
  readonly says: string;
}

export interface VariantReview {
  readonly meta: VariantMeta;
  /** Its bases, the nearest first. */
  readonly bases: readonly string[];
  /** Variants that are based on it, and that replace it. */
  readonly carries: readonly string[];
  readonly supersededBy: readonly string[];
  readonly functions: readonly ChangedFunction[];
  readonly observations: readonly Observation[];
  readonly witnesses: readonly Witness[];
  readonly reduced: readonly Reduced[];
}

export interface Review {
  readonly comparison: Comparison;
  readonly variants: readonly VariantReview[];
  /** How the observations of real kernels were made. */
  readonly about: string;
  /** On how much real kernels and the model agreed, in a sentence. */
  readonly besideKernels?: string;
  /** The same where there is room for two lines. */
  readonly besideKernelsBriefly?: string;
  /** What is marked as new against a saved comparison. */
  readonly mark?: Mark;
}

export const verdictAt = ({ cells }: Comparison, fixture: string, variant: string): Verdict | undefined =>
  cells.find((cell) => cell.fixture === fixture && cell.variant === variant)?.verdict;

/** As cellWord(); also of a cell that has no verdict. */
export function wordAt(comparison: Comparison, fixture: string, variant: string): string {
  const verdict = verdictAt(comparison, fixture, variant);
  return verdict ? cellWord(verdict) : missingWord(comparison, fixture, variant).word;
}

/** `3 runs of 12 states`: how far the search of a cell went, or an empty text where nothing ran. */
export function boundText(verdict: Verdict): string {
  if (!('explored' in verdict)) return '';
  const { executions, complete, stoppedBy } = verdict.explored;
  const runs = plural(executions, 'run');
  return complete ? `all orders, ${runs}` : `${runs}, stopped by ${stoppedBy ?? 'a bound'}`;
}

/** At most so many names of fixtures are said in a sentence. */
const NAMED = 4;
const some = (names: readonly string[]): string =>
  names.length <= NAMED
    ? names.join(', ')
    : `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more`;

/** What was found of a variant, in two sentences that say nothing but its verdicts. */
export function finding(comparison: Comparison, meta: VariantMeta): string {
  const own = comparison.fixtures.flatMap(({ id }) => {
    const verdict = verdictAt(comparison, id, meta.id);
    return verdict ? [{ fixture: id, verdict }] : [];
  });
  if (own.some(({ verdict }) => verdict.kind === 'does-not-build')) {
    return `It does not compile as posted: ${(meta.defects ?? []).join('; ')}. No fixture was run on it.`;
  }
  return `${whatBreaks(own)} ${besideBase(comparison, meta)}`;
}

type Own = readonly { readonly fixture: string; readonly verdict: Verdict }[];

function whatBreaks(own: Own): string {
  const ran = own.filter(({ verdict }) => verdict.kind !== 'not-applicable');
  const bad = ran.filter(({ verdict }) => verdict.kind === 'breaks');
  const cut = ran.filter(({ verdict }) => verdict.kind === 'cut-short').length;
  const closed = ran.filter(({ verdict }) => verdict.kind === 'closed').length;
  const notes = [
    ...(cut > 0 ? [`${cut} cut short, which proves nothing`] : []),
    ...(closed > 0 ? [`the window of ${closed} closed`] : []),
  ];
  const rest = notes.length > 0 ? ` (${notes.join('; ')})` : '';
  if (bad.length === 0)
    return `Nothing broke in the ${plural(ran.length, 'fixture')} that it can run${rest}.`;
  const classes = classesOf(bad.flatMap(({ verdict }) => brokenOf(verdict))).filter((c) => c !== 'spurious');
  const parts = classes.map((kind) => {
    const where = bad.filter(({ verdict }) => brokenOf(verdict).some((b) => b.class === kind));
    return `${classWords[kind].word} in ${where.length} (${some(where.map(({ fixture }) => fixture))})`;
  });
  return `It breaks ${bad.length} of ${plural(ran.length, 'fixture')}${rest}: ${parts.join('; ')}.`;
}

function besideBase(comparison: Comparison, meta: VariantMeta): string {
  if (meta.base === null) return 'It is the kernel on which the others stand.';
  if (!comparison.variants.some(({ id }) => id === meta.base)) {
    return `Its base ${meta.base} was not part of this comparison.`;
  }
  const mended: string[] = [];
  const worse: string[] = [];
  for (const { id } of comparison.fixtures) {
    const own = verdictAt(comparison, id, meta.id);
    const base = verdictAt(comparison, id, meta.base);
    if (!own || !base) continue;
    if (base.kind === 'breaks' && (own.kind === 'survives' || own.kind === 'closed')) mended.push(id);
    if (own.kind === 'breaks' && (base.kind === 'survives' || base.kind === 'closed')) worse.push(id);
  }
  if (mended.length + worse.length === 0)
    return `It breaks and mends no fixture as a whole beside ${meta.base}.`;
  const parts = [
    mended.length > 0 ? `mends ${some(mended)}` : 'mends nothing',
    worse.length > 0 ? `breaks ${some(worse)}` : 'breaks nothing that held',
  ];
  return `Beside ${meta.base} it ${parts.join(' and ')}.`;
}
