import { findingsAgainst, newFindings, renderAgainst } from '../../src/report/against';
import { renderJunit } from '../../src/report/junit';
import { renderKtap } from '../../src/report/ktap';
import { renderLkml, renderMbox, shortCommit, tooWide } from '../../src/report/lkml';
import { cellText, renderMarkdown, renderOverview } from '../../src/report/markdown';
import { renderPage } from '../../src/report/markdown_page';
import { finding, type Review, type VariantReview } from '../../src/report/review';
import { outcomeVerdict } from '../../src/report/said';
import { breaks, broken, comparisonOf, meta, survives, trace, usual, verdicts } from './sample';

const one = (rest: Partial<VariantReview> = {}): VariantReview => ({
  meta: meta('dirty-accountable-false', {
    reported: [{ outcome: 'fails', by: '<20180913073722.GF10763@xz-x1>', note: 'SIGBUS | again' }],
  }),
  bases: ['uffd-wp-2018', 'linux-4.19'],
  carries: [],
  supersededBy: ['uffd-wp-bit'],
  functions: [],
  observations: [{ fixture: 'ksm', outcome: 'sigbus', agreement: 'agrees', why: '' }],
  witnesses: [
    {
      fixture: 'ksm',
      broken: broken('sigbus-loop')[0]!,
      trace,
      replay: { fixture: 'ksm', variant: 'dirty-accountable-false', token: 'a3b2a-123456' },
    },
  ],
  reduced: [{ name: 'do_wp_page', fidelity: 'Simplified', says: 'never out of memory.' }],
  ...rest,
});
const review: Review = { comparison: usual, variants: [one()], about: 'Booted in QEMU.' };

describe('KTAP', () => {
  const small = comparisonOf(
    [meta('one'), meta('two', { builds: false })],
    ['a-b', 'c', 'd', 'e', 'f', 'g', 'h'],
  );
  const lines = renderKtap(small).split('\n');

  test.each([
    { line: 'KTAP version 1' },
    { line: '1..2' },
    { line: '  KTAP version 1' },
    { line: '  1..7' },
    { line: '  # no-sigbus-loop (sigbus-loop): a sigbus-loop was seen' },
    { line: '  not ok 1 a_b' },
    { line: '  ok 2 c' },
    { line: '  not ok 6 g # TIMEOUT stopped by 20000 executions' },
    { line: '  ok 7 h # SKIP uffd_protect fails with EINVAL on this kernel' },
    { line: 'not ok 1 one' },
    { line: '  not ok 1 a_b # ERROR does not build: mkwrite is undeclared' },
    { line: '# Totals: pass:3 fail:3 xfail:0 xpass:0 skip:1 error:7' },
  ])('has "$line"', ({ line }) => expect(lines).toContain(line));

  test('says what an interrupt left out', () => {
    expect(renderKtap(comparisonOf([meta('one')], ['a', 'b'], 1))).toContain('ok 2 b # SKIP not run');
  });
});

describe('JUnit', () => {
  const text = renderJunit(comparisonOf([meta('one')], ['a<b', 'c', 'd', 'e', 'f', 'g', 'h']));

  test('counts', () => {
    expect(text).toContain('<testsuite name="one" tests="7" failures="2" errors="1" skipped="1">');
  });
  test('escapes', () => expect(text).toContain('name="a&lt;b"'));
  test('says what was seen', () => {
    expect(text).toContain(
      '<failure type="breaks" message="breaks: no-sigbus-loop">no-sigbus-loop (sigbus-loop)',
    );
  });
});

describe('a finding in two sentences', () => {
  test.each([
    { own: breaks('sigbus-loop'), says: 'It breaks 1 of 1 fixture: SIGBUS in 1 (ksm). ' },
    { own: survives(), says: 'Nothing broke in the 1 fixture that it can run. ' },
    {
      own: verdicts[5]!,
      says: 'Nothing broke in the 1 fixture that it can run (1 cut short, which proves nothing). ',
    },
  ])('$own.kind: $says', ({ own, says }) => {
    const base = comparisonOf([meta('base', { base: null }), meta('idea', { base: 'base' })], ['ksm']);
    const comparison = { ...base, cells: [base.cells[0]!, { ...base.cells[1]!, verdict: own }] };
    expect(finding(comparison, comparison.variants[1]!)).toContain(says);
  });

  test('says that the base is mended', () => {
    const base = comparisonOf([meta('base', { base: null }), meta('idea', { base: 'base' })], ['ksm']);
    const comparison = { ...base, cells: [base.cells[0]!, { ...base.cells[1]!, verdict: survives() }] };
    expect(finding(comparison, comparison.variants[1]!)).toContain(
      'Beside base it mends ksm and breaks nothing',
    );
  });
});

describe('Markdown', () => {
  test('escapes what would end a cell or start an element', () => {
    expect(cellText('a | <b>\nc & d')).toBe('a \\| &lt;b> c &amp; d');
  });
  test('has a row for each proposal and each fixture', () => {
    const text = renderMarkdown(usual);
    for (const { id } of [...usual.variants, ...usual.fixtures]) expect(text).toContain(`| ${id} |`);
  });
  test('has an overview with a finding for each', () => {
    const text = renderOverview(review);
    for (const { id } of usual.variants) expect(text).toContain(`**[${id}](${id}.md)**: `);
  });
  test.each([
    'SIGBUS \\| again',
    '| breaks 3 of 8 | agrees |',
    'Observed on a real kernel, 1 of 1 agree.',
    '| based on | uffd-wp-2018 on linux-4.19 |',
    'replay: faultline replay ksm dirty-accountable-false a3b2a-123456',
    '- `do_wp_page()` simplified: never out of memory.',
  ])('has a page that says "%s"', (says) => expect(renderPage(one(), review)).toContain(says));
});

test.each([
  { outcome: 'fails', verdict: breaks('sigbus-loop'), agreement: 'agrees' },
  { outcome: 'works', verdict: breaks('sigbus-loop'), agreement: 'differs' },
  { outcome: 'works', verdict: survives(), agreement: 'agrees' },
  { outcome: 'fails', verdict: survives(), agreement: 'differs' },
  { outcome: 'rejected', verdict: survives(), agreement: 'not modelled' },
] as const)('"$outcome" and $verdict.kind: $agreement', ({ outcome, verdict, agreement }) => {
  expect(outcomeVerdict(outcome, [verdict]).agreement).toBe(agreement);
});

describe('a mail', () => {
  const mail = renderLkml(one(), review);

  test.each([
    'Subject: Re: [PATCH] dirty-accountable-false\n',
    'In-Reply-To: <dirty-accountable-false@example.org>\n',
    'References: <dirty-accountable-false@example.org>\n',
    '> [PATCH] dirty-accountable-false\n',
    'CPU0 vcpu',
    '\n\nCould a thread get SIGBUS, ',
    '\n\nBefore it, one step after another: vcpu: write guest; monitor:\nuffd_register guest; monitor: uffd_protect guest.\n\n',
    '\n\n  finally, one step after another\n    exit of all processes\n      *** no-leak: page 7\n\nreplay:',
  ])('has "%s"', (text) => expect(mail).toContain(text));

  test('keeps to 72 columns and ends in an empty line', () => {
    expect(tooWide(mail)).toEqual([]);
    expect(mail).toMatch(/[^\n]\n\n$/);
  });
  test('shows the steps before the race where they break something', () => {
    const told = [{ kind: 'broken', text: 'armed-store: x' }] as const;
    const start = trace.start.map((step) => ({ ...step, told }));
    const [witness] = one().witnesses;
    const early = renderLkml(
      one({ witnesses: [{ ...witness!, trace: { ...trace, start, lines: [], finish: [] } }] }),
      review,
    );
    expect(early).toMatch(/\n {2}start, one step after another\n {4}vcpu {5}write guest\n/);
    expect(early).toMatch(/\*\*\* armed-store: x\n\nreplay:/);
  });
  test('says nothing of steps before the race where there are none', () => {
    const [witness] = one().witnesses;
    const bare = renderLkml(one({ witnesses: [{ ...witness!, trace: { ...trace, start: [] } }] }), review);
    expect(bare).not.toContain('Before it');
  });
  test('is no reply where there was no mail', () => {
    const mail = renderLkml(one({ meta: meta('own', { messageId: '' }) }), review);
    expect(mail).not.toContain('In-Reply-To');
  });
  test('encodes a subject beyond ASCII', () => {
    const mail = renderLkml(one({ meta: meta('own', { subject: '[PATCH] für 保護' }) }), review);
    expect(mail).toMatch(/^Subject: =\?UTF-8\?Q\?Re=3A=20=5BPATCH=5D=20f=C3=BCr=20=E4=BF=9D/);
  });
  test('stands beside others in an mbox', () => {
    expect(renderMbox({ ...review, variants: [one(), one()] }).match(/^From /gm)).toHaveLength(2);
  });
  test('says commits by 12 digits', () => {
    expect(shortCommit('e21d2170f36602ae2708dd ("video: x")')).toBe('e21d2170f366 ("video: x")');
  });
});

describe('against a saved comparison', () => {
  const now = comparisonOf([meta('one')], ['a', 'b', 'c']);
  const saved = (invariants: string[]) =>
    ['a', 'b', 'c'].map((fixture) => ({
      fixture,
      variant: 'one',
      verdict: 'breaks',
      broken: invariants.map((invariant) => ({ invariant })),
    }));
  const all = ['no-sigbus-loop', 'no-unsafe-write', 'no-lost-event', 'no-kernel-integrity'];

  test.each([
    { before: all, fresh: 0 },
    { before: all.slice(1), fresh: 1 },
    { before: [], fresh: 4 },
  ])('with $before before, $fresh are new', ({ before, fresh }) => {
    const findings = findingsAgainst(now, saved(before));
    expect(newFindings(findings)).toHaveLength(fresh);
    const text = renderAgainst(findings, 'saved.json', { width: 80, color: false });
    expect(text.match(/^>> /gm) ?? []).toHaveLength(fresh);
  });
});
