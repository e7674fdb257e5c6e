/** The comparison as KTAP: a test per variant, in it one per fixture. */
import type { Comparison } from '../compare/comparison';
import type { Verdict } from '../judge/index';
import { verdictAt } from './review';
import { brokenOf, shardSays, verdictSentence, whyMissing } from './words';

/** Names keep to `[a-z0-9_.]` and hold nothing that changes between runs. */
export const ktapName = (id: string): string => id.toLowerCase().replace(/[^a-z0-9_.]+/g, '_');

interface Result {
  readonly kind: 'pass' | 'fail' | 'skip' | 'error';
  readonly ok: boolean;
  /** After the name, as ` # SKIP reason`. */
  readonly directive: string;
}

const plain = (text: string): string => text.replaceAll('#', '').replace(/\s+/g, ' ').trim();

const skipped = (why: string): Result => ({ kind: 'skip', ok: true, directive: ` # SKIP ${why}` });

function resultOf(verdict: Verdict): Result {
  switch (verdict.kind) {
    case 'breaks':
      return { kind: 'fail', ok: false, directive: '' };
    case 'survives':
    case 'closed':
      return { kind: 'pass', ok: true, directive: '' };
    case 'cut-short': {
      const bound = verdict.explored.stoppedBy ?? 'its bound';
      return { kind: 'fail', ok: false, directive: ` # TIMEOUT stopped by ${plain(bound)}` };
    }
    case 'does-not-build':
      return {
        kind: 'error',
        ok: false,
        directive: ` # ERROR does not build: ${plain(verdict.defects.join('; '))}`,
      };
    case 'not-applicable':
      return skipped(plain(verdict.reason));
  }
}

/** @param besideKernels on how much real kernels and the model agreed, in a sentence */
export function renderKtap(comparison: Comparison, besideKernels = ''): string {
  const { variants, fixtures } = comparison;
  const totals = { pass: 0, fail: 0, xfail: 0, xpass: 0, skip: 0, error: 0 };
  const lines = ['KTAP version 1', `1..${variants.length}`];
  variants.forEach(({ id: variant }, v) => {
    const results = fixtures.map(({ id }) => {
      const verdict = verdictAt(comparison, id, variant);
      return verdict ? resultOf(verdict) : skipped(whyMissing(comparison, id, variant));
    });
    for (const { kind } of results) totals[kind]++;
    lines.push('  KTAP version 1', `  1..${fixtures.length}`);
    fixtures.forEach(({ id }, f) => {
      const verdict = verdictAt(comparison, id, variant);
      const { ok, directive } = results[f]!;
      if (verdict) lines.push(...diagnosticsOf(verdict));
      lines.push(`  ${ok ? 'ok' : 'not ok'} ${f + 1} ${ktapName(id)}${directive}`);
    });
    const skipsAll = results.length > 0 && results.every(({ kind }) => kind === 'skip');
    const ok = results.every((one) => one.ok);
    lines.push(
      `${ok ? 'ok' : 'not ok'} ${v + 1} ${ktapName(variant)}${skipsAll ? ' # SKIP no fixture ran' : ''}`,
    );
  });
  const counted = Object.entries(totals).map(([kind, n]) => `${kind}:${n}`);
  for (const says of [shardSays(comparison), besideKernels]) if (says !== '') lines.push(`# ${plain(says)}`);
  return `${[...lines, `# Totals: ${counted.join(' ')}`].join('\n')}\n`;
}

function diagnosticsOf(verdict: Verdict): string[] {
  const found = brokenOf(verdict).map(({ invariant, class: kind, saw }) => `${invariant} (${kind}): ${saw}`);
  const closed = verdict.kind === 'closed' ? [verdictSentence(verdict)] : [];
  return [...found, ...closed].map((text) => `  # ${plain(text)}`);
}
