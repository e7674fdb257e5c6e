/** The table of the long runs in docs/conform.md; test/workload/fixtures.test.ts holds it fresh. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { figuresTable, withFigures } from '../../scripts/conform_page';
import { figuresHere, type RecordedFigures } from '../../src/conform/figures';

const page = readFileSync(join(__dirname, '../../docs/conform.md'), 'utf8');

const recorded = (
  kernel: string,
  observations: number,
  more: Partial<RecordedFigures> = {},
): RecordedFigures => ({
  ...{ kernel, variant: 'linux-6.12', seed: null, command: 'faultline conform' },
  ...{ fixtures: 9, agreed: 5, explained: 1, disagreed: 1, cut: 2 },
  ...{ observations, observationsAgreed: observations - 2 },
  ...more,
});

test('a row for every run of every kernel that was recorded', () => {
  const rows = page.split('\n');
  for (const { kernel, command, observations } of figuresHere()) {
    const isIts = (row: string): boolean =>
      row.startsWith(`| ${kernel} | \`${command}\` | `) && row.endsWith(` of ${observations} |`);
    expect(rows.filter(isIts)).toHaveLength(1);
  }
});

test('newer kernels come first, and of each the longest run, however they were recorded', () => {
  const all = [
    recorded('6.1.0-56', 10),
    recorded('6.18.44', 20),
    recorded('6.12.117', 30),
    recorded('6.18.44', 40),
  ];
  const rows = figuresTable(all).split('\n').slice(2);
  expect(rows.map((row) => row.split(' | ')[0])).toEqual([
    '| 6.18.44',
    '| 6.18.44',
    '| 6.12.117',
    '| 6.1.0-56',
  ]);
  expect(rows[0]).toBe('| 6.18.44 | `faultline conform` | 9 | 5 | 1 | 1 | 2 | 38 of 40 |');
  expect(figuresTable([...all].reverse())).toBe(figuresTable(all));
});

test('what is written around it by hand stays', () => {
  const hand = 'before\n<!-- figures of docs/conform-figures.json -->\nold\n<!-- end -->\nafter\n';
  const all = [recorded('6.12.117', 30)];
  const made = withFigures(hand, all);
  expect(made).toMatch(/^before\n<!-- figures [\s\S]*\n<!-- end -->\nafter\n$/);
  expect(made).toContain(figuresTable(all));
  expect(made).not.toContain('old');
  expect(withFigures(made, all)).toBe(made);
});
