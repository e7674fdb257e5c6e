import { execFileSync } from 'node:child_process';
import { type Heading, renderHeading, renderTrace, replayLines } from '../../src/report/explain';
import { fold } from '../../src/report/fold';
import { changeText } from '../../src/report/lanes';
import { columns, wrap } from '../../src/report/screen';
import { trace } from './sample';

const replay = { fixture: trace.fixture, variant: trace.variant, token: 'a12b3a' };
const draw = (width: number, full = false, of = trace): string =>
  renderTrace(of, replay, { width, color: false, full });

describe('a trace', () => {
  test.each([40, 60, 72, 80, 120, 200])('keeps within %d columns', (width) => {
    for (const full of [true, false]) {
      for (const line of draw(width, full).split('\n')) expect(columns(line)).toBeLessThanOrEqual(width);
    }
  });

  test('has a lane per CPU at 72 columns', () => {
    const lines = draw(72).split('\n');
    expect(lines).toContain('CPU0 vcpu                            CPU1 monitor');
    expect(lines).toContain('write guest[127]');
    expect(lines).toContain(`${' '.repeat(37)}uffd_unprotect guest[127]`);
  });

  test('has one lane and names where lanes do not fit', () => {
    expect(draw(60)).toMatch(/^CPU1 monitor {2}uffd_unprotect guest\[127\]$/m);
    expect(draw(60)).toMatch(/^cpu {11}what it does$/m);
  });

  test('folds steps that changed nothing, and calls in which nothing else happened', () => {
    expect(draw(120)).not.toContain('vma_lookup');
    expect(draw(120)).toContain(
      '2 steps that changed nothing of what they touch are folded; --full shows them.',
    );
    expect(draw(120, true)).toContain('vma_lookup()');
    expect(draw(120, true)).toContain('reads nothing of interest');
    expect(draw(120, true)).not.toContain('folded');
  });

  test('keeps the step at which another actor goes on', () => {
    expect(draw(120)).toContain('goes to sleep');
  });

  test("keeps the kernel's own line in one piece", () => {
    expect(draw(72)).toMatch(/^ *\| FAULT_FLAG_ALLOW_RETRY missing 71$/m);
  });

  test('has the entries before and after, and the replay line last', () => {
    expect(draw(72)).toMatch(/^entries before\n {2}guest\[0..511\] {2}1024 PH-DAS--$/m);
    expect(draw(72)).toMatch(/^entries after\n {2}guest\[0..126\] {4}1024 P--DAS--$/m);
    expect(draw(80)).toMatch(
      /\n\nreplay: faultline replay thp-unprotect-one-page dirty-accountable-false a12b3a\n$/,
    );
  });

  test.each([
    { what: 'who did what before the race', has: '  vcpu     write guest\n' },
    { what: 'what came of it', has: '\n             pmd guest[0]  1024 PHWDAS-- -> PH-DAS--\n' },
    { what: 'what the kernel said', has: '\n             | changed 512 pages\n\nentries before\n' },
    { what: 'what was done after it', has: '\n\nfinally, one step after another\n  vcpu  read guest\n' },
    { what: 'no long list of changes', has: '1027 P--DAS--\n          and 2 more changes of entries\n' },
    { what: 'what broke after the last step', has: '\n  exit of all processes\n    *** no-leak: page 7\n' },
  ])('has $what', ({ has }) => expect(draw(72)).toContain(has));

  test('breaks what is longer than its lane between words', () => {
    const queue = { object: 'queue', before: '1 unread', after: '0 unread, 1 read, 0 events' };
    const lines = [0, 1].map((actor) => ({
      actor,
      depth: 9,
      kind: 'step' as const,
      text: 'x',
      changes: [queue],
    }));
    const words = new Set(`${queue.object} ${queue.before} -> ${queue.after}`.split(' '));
    const drawn = draw(72, false, { ...trace, start: [], lines, finish: [] });
    const lanes = drawn.slice(drawn.indexOf('---'), drawn.indexOf('entries after')).replace(/-{2,}/g, '');
    for (const word of lanes.split(/\s+/).filter((one) => one !== '')) expect(words).toContain(word);
  });

  test('has no lanes where nobody raced', () => {
    const alone = draw(72, false, { ...trace, lines: [] });
    expect(alone).not.toContain('CPU0');
    expect(alone).toMatch(/PH-DAS--\n\nentries after\n/);
  });

  test('draws all steps of start and finally only when asked to', () => {
    const many = { ...trace, start: Array.from({ length: 90 }, () => trace.start[0]!) };
    expect(draw(72, false, many)).toMatch(/^ +\[ the same 89 times more \]$/m);
    expect(
      draw(72, true, many)
        .split('\n')
        .filter((line) => line.includes('write guest')).length,
    ).toBeGreaterThan(90);
  });

  test('draws nothing of tasks that have not begun', () => {
    const begun = draw(72, false, { ...trace, lines: [], isOver: false, finish: [] });
    expect(begun).toMatch(/PH-DAS--\n\nThe run is not over here/);
  });

  test('says of a run that ends with its break that it is not over', () => {
    const broken = draw(72, false, { ...trace, isOver: false, finish: [] });
    expect(broken).toMatch(/\n\nentries by then\n {2}guest/);
    expect(broken).toContain('\n\nThe run is not over here, but what it shows has happened.\n\n');
    expect(broken).not.toContain('finally');
  });

  test('quotes what a shell would take apart', () => {
    const odd = { ...replay, fixture: './my files/$x.yaml' };
    expect(renderTrace(trace, odd, { width: 72, color: false, full: false })).toContain(
      "replay './my files/$x.yaml' dirty",
    );
  });

  test('draws a function that only calls itself once', () => {
    const call = (depth: number, text: string) =>
      ({ actor: 0, depth, kind: 'call', text, changes: [] }) as const;
    const log = { actor: 0, depth: 4, kind: 'log', text: 'x', changes: [] } as const;
    const { lines } = fold([call(0, 'walk()'), call(1, 'walk()'), call(2, 'walk()'), call(3, 'set()'), log]);
    expect(lines.map(({ depth, text }) => [depth, text])).toEqual([
      [0, 'walk()'],
      [1, 'set()'],
      [2, 'x'],
    ]);
  });
});

describe('a replay line', () => {
  const long = 'a12b3'.repeat(40);
  test.each([
    { shows: 'that fits stands in one line', fixture: 'ksm', token: 'a12', width: 72, lines: 1 },
    { shows: 'that does not is broken between words', fixture: 'ksm', token: 'a12', width: 48, lines: 2 },
    { shows: 'that does not at 40', fixture: 'a-long-name-of-a-fixture', token: 'a12', width: 40, lines: 3 },
    { shows: 'with a long token breaks it, too', fixture: 'ksm', token: long, width: 72, lines: 4 },
    {
      shows: 'with a long path breaks it, too',
      fixture: `./${'x/'.repeat(50)}`,
      token: 'a',
      width: 72,
      lines: 3,
    },
    {
      shows: 'with spaces in a path quotes it',
      fixture: "./it's my own/$x.yaml",
      token: 'a',
      width: 60,
      lines: 2,
    },
    { shows: 'that is indented', fixture: 'ksm', token: long, width: 60, lines: 5, by: 4 },
  ])('$shows, and a shell reads it', ({ fixture, token, width, lines, by = 0 }) => {
    const given = { fixture, variant: 'dirty-accountable-false', token };
    const shown = replayLines(given, width, by);
    expect(shown).toHaveLength(lines);
    for (const line of shown) expect(columns(line)).toBeLessThanOrEqual(width);
    const script = shown.join('\n').replace('replay: faultline', "printf '%s\\n'");
    const words = execFileSync('sh', ['-c', script], { encoding: 'utf8' });
    expect(words.split('\n')).toEqual(['replay', fixture, given.variant, token, '']);
  });
});

test.each([
  {
    change: { object: 'pte guest[5]', before: '1031 P-WDAS--', after: '1031 P--DAS--' },
    text: 'pte guest[5]  1031 P-WDAS-- -> P--DAS--',
  },
  {
    change: { object: 'pte guest[5]', before: '1031 P-WDAS--', after: '1032 P--DAS--' },
    text: 'pte guest[5]  1031 P-WDAS-- -> 1032 P--DAS--',
  },
  { change: { object: 'pmd guest[0]', before: 'none', after: 'table' }, text: 'pmd guest[0]  none -> table' },
  {
    change: { object: 'page 5 flags', before: 'anon swapbacked', after: 'anon swapbacked lru' },
    text: 'page 5 flags  anon swapbacked -> +lru',
  },
  {
    change: { object: 'page 5 flags', before: 'anon dirty lru', after: 'anon lru writeback' },
    text: 'page 5 flags  anon dirty lru -> +writeback -dirty',
  },
  {
    change: { object: 'page 5 flags', before: 'anon dirty lru', after: 'FREE' },
    text: 'page 5 flags  anon dirty lru -> FREE',
  },
])('$text', ({ change, text }) => {
  expect(changeText(change).replaceAll('\u00a0', ' ')).toBe(text);
});

test('a heading has the question, the answer and what was seen', () => {
  const text = renderHeading(
    {
      fixture: 'ksm',
      variant: 'page-dirty-check',
      asks: 'Is a KSM page safe? 保護された頁を書く。保護された頁を書く。保護された頁を書く。保護された頁を書く。',
      verdict: 'breaks: shared-specials',
      broken: { invariant: 'shared-specials', class: 'unsafe-write', saw: 'a store to a KSM page' },
    },
    { width: 60, color: false },
  );
  expect(text).toContain('broken   shared-specials (unsafe-write)\n         a store to a KSM page');
  for (const line of text.split('\n')) expect(columns(line)).toBeLessThanOrEqual(60);
});

test('a heading says where the run may not be the shortest', () => {
  const of = (broken: Heading['broken']): string =>
    renderHeading(
      { fixture: 'a', variant: 'b', asks: 'c?', verdict: 'breaks', broken },
      { width: 80, color: false },
    );
  const broken = { invariant: 'refcount', class: 'kernel-integrity', saw: 'page 7' } as const;
  expect(of(broken)).not.toContain('shorter');
  expect(of({ ...broken, mayBeShorter: true })).toMatch(/page 7\n {9}A search was stopped by its bound/);
});

test('a heading keeps what was observed and what was reported apart from the verdict', () => {
  const heading = {
    fixture: 'ksm',
    variant: 'page-dirty-check',
    asks: 'Is it?',
    verdict: 'survives',
    broken: null,
    observed: { outcome: 'SIGBUS', agreement: 'differs', why: 'It ran on another day.' },
    reported: [
      { outcome: 'fails', by: '<a@example.org>', note: 'it hangs' },
      { outcome: 'merged', by: '', note: 'in Linux 5.7' },
    ],
  };
  const head = 'fixture  ksm\n         Is it?\nvariant  page-dirty-check\nverdict  survives\n';
  expect(renderHeading(heading, { width: 100, color: false })).toBe(
    `${head}observed on a real kernel: SIGBUS; differs. It ran on another day.\n` +
      'reported fails by <a@example.org>: it hangs\nreported merged: in Linux 5.7\n',
  );
});

test('wrap() counts wide characters twice', () => {
  expect(columns('保護a')).toBe(5);
  expect(wrap('保護保護', 5)).toEqual(['保護', '保護']);
});
