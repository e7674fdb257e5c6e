import { columns } from '../../src/report/screen';
import { renderTable } from '../../src/report/table';
import { cellWord } from '../../src/report/words';
import { breaks, comparisonOf, meta, survives, usual, verdicts } from './sample';

const tableAt = (width: number, color = false): string => renderTable(usual, { width, color });
const ESCAPE = String.fromCharCode(27);

describe('the table', () => {
  test.each([60, 72, 80, 100, 132, 200])('keeps within %d columns', (width) => {
    for (const line of tableAt(width).split('\n')) expect(columns(line)).toBeLessThanOrEqual(width);
  });

  test('ends no line in spaces', () => expect(tableAt(80)).not.toMatch(/ $/m));

  test('has a row per proposal, with its number of broken fixtures per class', () => {
    const row = tableAt(200)
      .split('\n')
      .find((line) => line.startsWith('uffd-wp-2018'));
    expect(row?.trim().split(/\s+/)).toEqual('uffd-wp-2018 2 1 1 1 1 2 2/8 1 1 1'.split(' '));
  });

  test('sets releases apart, below the proposals', () => {
    const mixed = comparisonOf([meta('linux-1', { kind: 'kernel' }), meta('idea')], ['ksm']);
    const text = renderTable(mixed, { width: 200, color: false });
    const places = ['proposal', '\nidea', '\nrelease', '\nlinux-1'].map((word) => text.indexOf(word));
    expect(places[0]).toBe(0);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  test('has no column of a variant that does not build', () => {
    const heads = tableAt(80)
      .match(/^fixture .*$/gm)!
      .join(' ');
    expect(heads.match(/\d+/g)).toEqual('1 2 3 4 5 6 8 9 10'.split(' '));
  });

  test('says what does not build in place of counts', () => {
    expect(tableAt(200)).toMatch(/^mkwrite-reuse-as-posted +no build$/m);
  });

  test('is one matrix where there is room, with the ids as heads', () => {
    const wide = tableAt(200);
    expect(wide.match(/^fixture /gm)).toHaveLength(1);
    expect(wide).not.toContain('by their number');
  });

  test('is stacked at 80 columns, with numbers as heads and a key', () => {
    const narrow = tableAt(80);
    expect(narrow.match(/^fixture /gm)).toHaveLength(2);
    expect(narrow).toContain('1, 2, ...');
    expect(narrow).toMatch(/^5 dirty-accountable-false /m);
  });

  test('says how far the search went', () => {
    expect(tableAt(200)).toContain('the others were stopped by: 20000 executions.');
    expect(tableAt(200)).toContain('Searched to the end in');
  });

  test('says the same without colour', () => {
    const colored = tableAt(80, true);
    expect(colored).toContain(ESCAPE);
    expect(colored.replace(new RegExp(`${ESCAPE}\\[\\d+m`, 'g'), '')).toBe(tableAt(80));
  });

  test('explains the words that occur', () => {
    const small = comparisonOf([meta('only')], ['ksm']);
    const text = renderTable(small, { width: 80, color: false });
    expect(text).toContain('SIGBUS    a thread gets SIGBUS');
    expect(text).not.toContain('no build');
  });

  test('shows what an interrupt left out', () => {
    const part = comparisonOf([meta('one'), meta('two')], ['ksm', 'thp'], 1);
    expect(renderTable(part, { width: 80, color: false })).toMatch(/^thp +survives 1,234 +-$/m);
  });

  test('can be of nothing', () => {
    expect(renderTable(comparisonOf([], []), { width: 80, color: false })).toContain('fixture');
  });
});

test.each([
  { verdict: breaks('sigbus-loop'), word: 'SIGBUS' },
  { verdict: breaks('lost-event', 'unsafe-write', 'spurious'), word: 'unsafe+lost-ev' },
  { verdict: survives(), word: 'survives' },
  { verdict: survives({}, 'spurious'), word: 'survives*' },
  { verdict: verdicts[3]!, word: 'closed' },
  { verdict: verdicts[5]!, word: 'cut' },
  { verdict: verdicts[6]!, word: 'n/a' },
])('a cell reads $word', ({ verdict, word }) => expect(cellWord(verdict)).toBe(word));
