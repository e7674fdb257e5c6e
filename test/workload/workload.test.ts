import { compile, leastEntries, parseFixture, showItem, type Workload } from '../../src/workload/index';

const fixture = (memory: string, steps: string[] = []) =>
  parseFixture(
    ['name: a', 'asks: b', 'source: c', `memory: ${memory}`, 'start:', ...steps.map((s) => `  - v: ${s}`)]
      .slice(0, steps.length > 0 ? undefined : 4)
      .join('\n'),
    'a.yaml',
  );
const steps = (workload: Workload): string[] => workload.start.map(({ step }) => showItem(step));

describe('layout', () => {
  const starts = (memory: string, entries = 512): number[] =>
    [...compile(fixture(memory), { entries }).regions.values()].map(({ start }) => start);

  test.each([
    {
      shows: 'goes down with a page between',
      memory: '{ a: { size: 4KiB }, b: { size: 8KiB } }',
      at: [0x7effffffe000, 0x7effffffb000],
    },
    {
      shows: 'begins huge pages where they have to',
      memory: '{ a: { size: 4KiB }, b: { size: 2MiB, thp: true } }',
      at: [0x7effffffe000, 0x7effffc00000],
    },
    {
      shows: 'keeps clear of fixed addresses',
      memory: '{ a: { size: 4KiB, at: 0x7effffffe000 }, b: { size: 4KiB } }',
      at: [0x7effffffe000, 0x7effffffc000],
    },
  ])('$shows', ({ memory, at }) => expect(starts(memory)).toEqual(at));

  test('keeps what touches together on a small machine', () => {
    const [a, b] = starts(
      '{ b: { size: 8KiB, at: 0x7f0000200000 }, a: { size: 2MiB, thp: true, at: 0x7f0000000000 } }',
      4,
    );
    expect(a).toBe(b! + 4 * 4096);
    expect(b! % (4 * 4096)).toBe(0);
  });
});

describe('a small machine', () => {
  const huge = '{ g: { size: 4MiB, thp: true }, s: { size: 64KiB } }';
  test.each([
    { entries: 4, given: 'write g', becomes: 'write g', because: 'all is all' },
    { entries: 4, given: 'write g[0..511]', becomes: 'write g[0..3]', because: 'a huge page stays one' },
    { entries: 4, given: 'write g[512]', becomes: 'write g[4]', because: 'and so does its start' },
    { entries: 4, given: 'write g[127]', becomes: 'write g[1]', because: 'what lies between shrinks' },
    { entries: 8, given: 'write g[510..511]', becomes: 'write g[7]', because: 'longer runs get more room' },
    { entries: 4, given: 'write s[9]', becomes: 'write s[9]', because: 'small regions are as they are' },
    {
      entries: 512,
      given: 'write g[700]',
      becomes: 'write g[700]',
      because: 'a real machine changes nothing',
    },
  ])('$entries entries: $given becomes $becomes: $because', ({ entries, given, becomes }) => {
    expect(steps(compile(fixture(huge, [given]), { entries }))).toEqual([becomes]);
  });

  test('keeps the order of the pages that a fixture tells apart', () => {
    const pages = [0, 5, 6, 29, 100, 511];
    const small = compile(
      fixture(
        huge,
        pages.map((page) => `write g[${page}]`),
      ),
      { entries: 16 },
    );
    const indices = steps(small).map((text) => Number(/\d+/.exec(text)![0]));
    expect(indices).toEqual([...new Set(indices)].sort((a, b) => a - b));
  });

  test('refuses what it cannot tell apart, and says how many entries would do', () => {
    const crowded = fixture(
      huge,
      [1, 3, 5, 7].map((page) => `write g[${page}]`),
    );
    expect(() => compile(crowded, { entries: 4 })).toThrow(
      'more pages of one huge page than 4 entries per page table hold; allowed: 9 or more',
    );
    expect(leastEntries(crowded)).toBe(9);
    expect(() => compile(crowded, { entries: 9 })).not.toThrow();
  });

  test('refuses what has no room', () => {
    const big = fixture('{ g: { size: 1GiB, thp: true } }');
    expect(() => compile(big, { entries: 4 })).toThrow('region g does not fit into a machine with 4 entries');
    expect(leastEntries(big)).toBe(5);
  });
});
