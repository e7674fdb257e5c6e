import type { SoloLine, SoloStep } from '../../src/explore/index';
import { foldSolo, foldTold } from '../../src/report/solo_fold';

const step = (text: string, told: readonly SoloLine[] = []): SoloStep => ({
  actor: 'vcpu',
  text,
  changes: [],
  told,
});
const broke = { kind: 'broken', text: 'no-sigbus: x' } as const;
const steps = (texts: string): SoloStep[] =>
  [...texts].map((text) => step(text, text === '!' ? [broke] : []));
const shown = (texts: string): string[] =>
  foldSolo(steps(texts)).map((one) => (typeof one === 'string' ? one : one.text));

const more = (count: number): string => `[ ${count} more steps: replay --full shows them ]`;

test.each([
  { what: 'nothing of a few', texts: 'abcabc', is: [...'abcabc'] },
  { what: 'what comes three times', texts: 'xaaay', is: ['x', 'a', '[ the same 2 times more ]', 'y'] },
  {
    what: 'rounds of several steps',
    texts: 'xabababay',
    is: [...'xab', '[ these 2 steps 2 times more ]', ...'ay'],
  },
  {
    what: 'the shorter of two rounds',
    texts: 'aaaaaa',
    is: ['a', '[ the same 5 times more ]'],
  },
  {
    what: 'the middle of many',
    texts: 'abcdefghijklmnopqrst',
    is: [...'abcdefgh', more(9), ...'rst'],
  },
  {
    what: 'what comes again among many, with the steps that it repeats',
    texts: 'abcdefghixyxyxyjklmnopqrst',
    is: [...'abcdefgh', more(15), ...'rst'],
  },
  {
    what: 'no step of many in which something breaks',
    texts: 'abcdefghijklm!nopqrst',
    is: [...'abcdefgh', more(5), '!', more(4), ...'rst'],
  },
])('of steps one after another it leaves out $what', ({ texts, is }) => expect(shown(texts)).toEqual(is));

test('every step is drawn or counted', () => {
  for (const texts of ['abcdefghijklmnopqrst', `${'ab'.repeat(50)}cdefghijklmnopqrstu`, 'xyz'.repeat(9)]) {
    const counted = foldSolo(steps(texts)).map((one) => {
      if (typeof one !== 'string') return 1;
      const [, length = '1', times] =
        /^\[ (?:the same|these (\d+) steps) (\d+) times more \]$/.exec(one) ?? [];
      return times === undefined ? Number(/\d+/.exec(one)![0]) : Number(length) * Number(times);
    });
    expect(counted.reduce((a, b) => a + b, 0)).toBe(texts.length);
  }
});

test('of many lines the first are drawn, and what broke', () => {
  const bugs = Array.from({ length: 12 }, (_, i) => ({ kind: 'bug', text: `${i}` }) as const);
  expect(foldTold(bugs.slice(0, 8))).toEqual(bugs.slice(0, 8));
  expect(foldTold([broke, ...bugs])).toEqual([
    ...bugs.slice(0, 8),
    '[ 4 more lines: replay --full shows them ]',
    broke,
  ]);
});
