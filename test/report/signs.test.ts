import * as e from '../../src/core/entry';
import { show_pte } from '../../src/core/entry_text';
import type { Pfn, Pgprot, Pte } from '../../src/core/units';
import type { SoloLine } from '../../src/explore/index';
import { changeText, toldText } from '../../src/report/lanes';
import { signs } from '../../src/report/signs';
import { classes, classWords, notRun, verdictWords } from '../../src/report/words';

const idsOf = (name: keyof typeof signs): string[] => signs[name].entries.map(({ id }) => id);
const bits = (...all: number[]): Pte =>
  e.pfn_pte(515 as Pfn, all.reduce((sum, bit) => sum | bit, 0) as Pgprot);

describe('the legend of an entry', () => {
  test.each([
    { bit: '_PAGE_PRESENT', entry: bits(e._PAGE_PRESENT), letter: 'P' },
    { bit: '_PAGE_PROTNONE', entry: bits(e._PAGE_PROTNONE), letter: 'N' },
    { bit: '_PAGE_PSE', entry: bits(e._PAGE_PSE), letter: 'H' },
    { bit: '_PAGE_RW', entry: bits(e._PAGE_PRESENT, e._PAGE_RW), letter: 'W' },
    { bit: '_PAGE_DIRTY', entry: bits(e._PAGE_PRESENT, e._PAGE_DIRTY), letter: 'D' },
    { bit: '_PAGE_ACCESSED', entry: bits(e._PAGE_PRESENT, e._PAGE_ACCESSED), letter: 'A' },
    { bit: '_PAGE_SOFT_DIRTY', entry: bits(e._PAGE_PRESENT, e._PAGE_SOFT_DIRTY), letter: 'S' },
    { bit: '_PAGE_UFFD_WP', entry: bits(e._PAGE_PRESENT, e._PAGE_UFFD_WP), letter: 'U' },
    { bit: '_PAGE_SPECIAL', entry: bits(e._PAGE_PRESENT, e._PAGE_SPECIAL), letter: 'Z' },
  ])('says where $letter of $bit stands', ({ entry, letter }) => {
    const place = show_pte(entry).replace('515 ', '').indexOf(letter) + 1;
    expect(signs.places.entries).toContainEqual(
      expect.objectContaining({ id: letter, beside: `place ${place}` }),
    );
  });

  test('has no letter that no bit has', () => {
    const all = bits(...[...Array(12).keys()].map((bit) => 1 << bit));
    const withHint = bits(e._PAGE_PROTNONE);
    const letters = new Set([...show_pte(all), ...show_pte(withHint)].filter((c) => /[A-Z]/.test(c)));
    expect(new Set(idsOf('places'))).toEqual(letters);
  });
});

test.each([
  { what: 'nothing', entry: e.NONE, form: 'none' },
  { what: 'a page table', entry: e.PMD_TABLE, form: 'table' },
  {
    what: 'a swap entry that is soft-dirty',
    entry: e.pte_swp_mksoft_dirty(e.swp_entry(e.SwapType.swap, 3)),
    form: 'swap 3 S-',
  },
  {
    what: 'a page that moves, read-only',
    entry: e.swp_entry(e.SwapType.migrationRead, 515),
    form: 'migr-r 515 --',
  },
  {
    what: 'a page that moves, writable',
    entry: e.swp_entry(e.SwapType.migrationWrite, 515),
    form: 'migr-w 515 --',
  },
  {
    what: 'a page that moves, exclusive',
    entry: e.swp_entry(e.SwapType.migrationReadExclusive, 515),
    form: 'migr-x 515 --',
  },
  { what: 'a lost page', entry: e.swp_entry(e.SwapType.hwpoison, 515), form: 'poison 515 --' },
  { what: 'a marker', entry: e.make_pte_marker(), form: 'marker 0 -U' },
])('the legend has $what as it is written', ({ entry, form }) => {
  expect(show_pte(entry)).toBe(form);
  expect(idsOf('others')).toContain(form);
});

test('the legend has every type of swap entry', () => {
  expect(idsOf('others')).toHaveLength(2 + Object.keys(e.SwapType).length);
});

describe('the legend of lines', () => {
  const kinds: { kind: SoloLine['kind'] | 'fault'; text: string }[] = [
    { kind: 'fixture', text: 'write guest[1]' },
    { kind: 'log', text: 'FAULT_FLAG_ALLOW_RETRY missing 71' },
    { kind: 'fault', text: 'page fault at guest[1], flags 55' },
    { kind: 'signal', text: 'SIGBUS at guest[1]' },
  ];
  test.each(kinds)('has a $kind as it is drawn', ({ kind, text }) => {
    const drawn = toldText({ kind, text }, (block) => [block], { width: 80, color: false });
    // What belongs together is tied by another space.
    expect(idsOf('lines')).toContain(drawn.join('').replaceAll('\u00a0', ' '));
  });
  test('has a change as it is drawn', () => {
    const change = { object: 'pte guest[1]', before: '515 P-WDAS--', after: '515 P--DAS--' };
    expect(idsOf('lines')).toContain(changeText(change).replaceAll('\u00a0', ' '));
  });
});

test('the legend has every word that stands in a cell', () => {
  const words = [...classes.map((one) => classWords[one]), ...Object.values(verdictWords), notRun];
  expect(idsOf('words')).toEqual(expect.arrayContaining(words.map(({ word }) => word)));
});
