import { costText } from '../../src/report/cost';
import { comparisonOf, cost, meta, verdicts } from './sample';

const row = (own: number, base: number) => ({
  variant: 'a',
  base: 'b',
  fixtures: 1,
  own: cost({ faults: own }),
  ofBase: cost({ faults: base }),
});

test.each([
  { own: 7, base: 7, text: '=' },
  { own: 9, base: 7, text: '+2' },
  { own: 4, base: 7, text: '-3' },
  { own: 5000, base: 0, text: '+5,000' },
  { own: 112, base: 100, text: '+12%' },
  { own: 88, base: 100, text: '-12%' },
  { own: 10001, base: 10000, text: '+1' },
  { own: 450, base: 100, text: 'x4.5' },
])('$own against $base is $text', ({ own, base, text }) => {
  expect(costText(row(own, base), 'faults')).toBe(text);
});

test('a cost is compared over fixtures whose programs run to their end on both', () => {
  const both = [meta('base', { base: null }), meta('mine', { base: 'base' })];
  const { costs, cells } = comparisonOf(both, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
  expect(cells).toHaveLength(2 * verdicts.length);
  expect(costs[0]).toMatchObject({ variant: 'base', base: null, fixtures: 0 });
  expect(costs[1]).toMatchObject({ variant: 'mine', base: 'base', fixtures: 2 });
});
