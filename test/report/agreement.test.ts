/** What is printed where a kernel and the model differ in much. */
import type { KernelAgreement } from '../../src/conform/agree';
import type { Difference } from '../../src/conform/agreement';
import { shortSides } from '../../src/conform/brevity';
import type { KernelRun, RunEnd } from '../../src/conform/observation';
import { renderAgreement } from '../../src/report/agreement';
import { features } from '../conform/sample';

const screen = { width: 80, color: false };
const figures = {
  ...{ fixtures: 1, agreed: 0, explained: 0, disagreed: 1, cut: 0 },
  ...{ observations: 1, observationsAgreed: 0 },
};

function rendered(differences: readonly Difference[], cuts: Record<string, string> = {}): string {
  const through: RunEnd = { kind: 'through', waits: [], stuck: 0 };
  const names = [...(differences.length > 0 ? ['much'] : []), ...Object.keys(cuts)];
  const run: KernelRun = {
    kernel: 'live',
    machine: 'live',
    features,
    runs: names.map((fixture) => ({ fixture, steps: [], observations: [], end: through })),
    garbage: [],
  };
  const agreement: KernelAgreement = {
    variant: 'linux-6.18',
    figures,
    fixtures: names.map((fixture) => ({
      ...{ fixture, compared: 1, agreed: 0, observed: 1, explained: null, cut: cuts[fixture] ?? null },
      first: cuts[fixture] === undefined ? { at: 0, differences } : null,
    })) as unknown as KernelAgreement['fixtures'],
  };
  return renderAgreement(run, agreement, screen);
}

const messages = (count: number, but: Record<number, string> = {}): string =>
  Array.from(
    { length: count },
    (_, i) => but[i] ?? `monitor pagefault flags 3 0x${(4096 * i).toString(16)}`,
  ).join('; ');

test('of hundreds of messages the first few that differ are printed, and how many there are', () => {
  const real = messages(512, { 100: 'a', 101: 'b', 102: 'c', 103: 'd', 104: 'e' });
  const { kernel, model } = shortSides({ about: 'messages', real, model: messages(512) });
  expect(kernel).toBe('(100 alike) a; b; c (and 2 more that differ) (407 alike)');
  expect(model).toMatch(
    /^\(100 alike\) (monitor pagefault flags 3 0x6[4-6]000(; )?){3} \(and 2 more that differ\) \(407 alike\)$/,
  );
});

test.each([
  {
    what: 'messages that one side alone has',
    real: messages(300),
    model: '',
    shows: '(and 297 more that differ)',
  },
  {
    what: 'one that is missing at the end',
    real: messages(300),
    model: messages(299),
    shows: '(299 alike) none',
  },
  {
    what: 'values',
    real: Array(900).fill('1: 2+0 x1').join(', '),
    model: '0: 1+0 x1',
    shows: '(and 897 more',
  },
  { what: 'a text without parts', real: 'x'.repeat(9000), model: 'y', shows: 'more characters)' },
])('$what: short, and readable at 80 columns', ({ real, model, shows }) => {
  const text = rendered([{ about: 'messages', real, model }]);
  expect(text.replaceAll(/\n +/g, ' ')).toContain(shows);
  expect(text.length).toBeLessThan(2500);
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
});

test('what is short is printed whole', () => {
  const short = { about: 'result', real: 'error 1', model: 'ok' };
  expect(shortSides(short)).toEqual({ kernel: 'error 1', model: 'ok' });
});

test('of many differences the first are printed', () => {
  const text = rendered(
    Array.from({ length: 40 }, (_, i) => ({ about: `about-${i}`, real: 'a', model: 'b' })),
  );
  expect(text).toContain('and 28 more differences');
});

test('a reason that many fixtures share is said once, in its first line', () => {
  const reason = 'bzImage does not get as far as the agent\n  panic';
  const text = rendered([], { first: reason, second: reason, third: reason, other: 'no swap' });
  expect(text).toContain(
    '3 fixtures not compared to their end: bzImage does not get as far as the agent\n  first, second, third\n',
  );
  expect(text).toContain('other\n  not compared to its end: no swap\n');
  expect(text).not.toContain('panic');
});
