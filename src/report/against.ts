/** What a comparison finds beside an earlier one that was saved as JSON. */
import type { Comparison } from '../compare/comparison';
import type { Verdict } from '../judge/index';
import { type Screen, wrap } from './screen';
import { brokenOf, verdictSentence } from './words';

/** Of a saved comparison, what is needed to tell old from new. */
export interface SavedCell {
  readonly fixture: string;
  readonly variant: string;
  readonly verdict: string;
  readonly broken: readonly { readonly invariant: string }[];
}

export interface Finding {
  readonly fixture: string;
  readonly variant: string;
  /** Null where nothing broke. */
  readonly invariant: string | null;
  /** `no-sigbus (sigbus-loop): ...`, or the sentence of a verdict that proves nothing. */
  readonly text: string;
  readonly isNew: boolean;
  /** Something spurious alone breaks no proposal, new or not. */
  readonly counts: boolean;
}

/** Every finding of a comparison, in its order; those of a cell that was not saved are new. */
export function findingsAgainst(comparison: Comparison, saved: readonly SavedCell[]): Finding[] {
  const before = new Map(saved.map((cell) => [`${cell.fixture} ${cell.variant}`, cell]));
  return comparison.cells.flatMap(({ fixture, variant, verdict }) => {
    const old = before.get(`${fixture} ${variant}`);
    const broken = brokenOf(verdict).map((one) => ({
      fixture,
      variant,
      invariant: one.invariant,
      text: `${one.invariant} (${one.class}): ${one.saw}`,
      isNew: !old?.broken.some(({ invariant }) => invariant === one.invariant),
      counts: one.class !== 'spurious',
    }));
    const unproven = unprovenOf(verdict);
    const rest = {
      fixture,
      variant,
      invariant: null,
      text: unproven ?? '',
      isNew: old?.verdict !== verdict.kind,
      counts: true,
    };
    return unproven === null ? broken : [...broken, rest];
  });
}

/** What stands before a cell, or before one broken invariant of it: `>> ` where it is new. */
export type Mark = (fixture: string, variant: string, invariant?: string) => string;
export const unmarked: Mark = () => '';

export function markNew(findings: readonly Finding[]): Mark {
  const fresh = findings.filter((one) => one.isNew);
  const marked = new Set(
    fresh.flatMap(({ fixture, variant, invariant }) => [
      `${fixture} ${variant}`,
      `${fixture} ${variant} ${invariant}`,
    ]),
  );
  return (...names) => (marked.has(names.join(' ')) ? '>> ' : '');
}

const unprovenOf = (verdict: Verdict): string | null =>
  verdict.kind === 'cut-short' || verdict.kind === 'does-not-build' ? verdictSentence(verdict) : null;

/** New findings that decide the exit code. */
export const newFindings = (findings: readonly Finding[]): Finding[] =>
  findings.filter((one) => one.isNew && one.counts);

/** Where a variant has findings that it had not; those that it had come below, without the mark. */
export function renderAgainst(findings: readonly Finding[], file: string, screen: Screen): string {
  const fresh = findings.filter((one) => one.isNew);
  const old = findings.filter((one) => !one.isNew);
  const head = `Against ${file}: ${fresh.length} new, ${old.length} as before (new ones prefixed by >>)`;
  const line = (one: Finding): string[] =>
    wrap(`${one.isNew ? '>>' : '  '} ${one.variant} on ${one.fixture}: ${one.text}`, screen.width, 6);
  return `${[...wrap(head, screen.width), ...[...fresh, ...old].flatMap(line)].join('\n')}\n`;
}
