/** The comparison as JUnit XML: a suite per variant, a case per fixture. */
import type { Comparison } from '../compare/comparison';
import type { Verdict } from '../judge/index';
import { verdictAt } from './review';
import { brokenOf, verdictSentence, whyMissing } from './words';

// biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 has no place for them
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

export const xmlText = (text: string): string =>
  text
    .replace(forbidden, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

type Outcome = 'passed' | 'failure' | 'error' | 'skipped';

/** What proves nothing is an error, not a failure of the proposal. */
const outcomes: Record<Verdict['kind'], Outcome> = {
  breaks: 'failure',
  survives: 'passed',
  closed: 'passed',
  'cut-short': 'error',
  'does-not-build': 'error',
  'not-applicable': 'skipped',
};

const outcomeAt = (verdict: Verdict | undefined): Outcome => (verdict ? outcomes[verdict.kind] : 'skipped');

/** @param besideKernels on how much real kernels and the model agreed, in a sentence */
export function renderJunit(comparison: Comparison, besideKernels = ''): string {
  const { variants, fixtures, cells } = comparison;
  const all = cells.map(({ verdict }) => outcomes[verdict.kind]);
  const missing = variants.length * fixtures.length - cells.length;
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="faultline" ${counts([...all, ...new Array<Outcome>(missing).fill('skipped')])}>`,
  ];
  for (const { id: variant } of variants) {
    const verdicts = fixtures.map(({ id }) => verdictAt(comparison, id, variant));
    lines.push(`  <testsuite name="${xmlText(variant)}" ${counts(verdicts.map(outcomeAt))}>`);
    // Only a suite may have properties, not all of them together.
    if (besideKernels !== '') {
      const property = `<property name="beside-real-kernels" value="${xmlText(besideKernels)}"/>`;
      lines.push(`    <properties>${property}</properties>`);
    }
    for (const { id } of fixtures) lines.push(...caseLines(comparison, id, variant));
    lines.push('  </testsuite>');
  }
  return `${[...lines, '</testsuites>'].join('\n')}\n`;
}

function counts(all: readonly Outcome[]): string {
  const of = (outcome: Outcome): number => all.filter((one) => one === outcome).length;
  return `tests="${all.length}" failures="${of('failure')}" errors="${of('error')}" skipped="${of('skipped')}"`;
}

function caseLines(comparison: Comparison, fixture: string, variant: string): string[] {
  const verdict = verdictAt(comparison, fixture, variant);
  const head = `    <testcase classname="${xmlText(variant)}" name="${xmlText(fixture)}"`;
  const outcome = outcomeAt(verdict);
  if (outcome === 'passed') return [`${head}/>`];
  const message = xmlText(verdict ? verdictSentence(verdict) : whyMissing(comparison, fixture, variant));
  const type = outcome === 'skipped' ? '' : ` type="${verdict!.kind}"`;
  const saw = verdict ? brokenOf(verdict).map((one) => `${one.invariant} (${one.class}): ${one.saw}`) : [];
  const body = saw.length > 0 ? `>${xmlText(saw.join('\n'))}</${outcome}>` : '/>';
  return [`${head}>`, `      <${outcome}${type} message="${message}"${body}`, '    </testcase>'];
}
