/** What PAGEMAP_SCAN says of the pages of the model, and that a category which is wrong is noticed. */

import { loadVariants } from '../../src/compare/load';
import { compareRuns } from '../../src/conform/agreement';
import { runModel } from '../../src/conform/model_run';
import { scanCategories } from '../../src/conform/model_scan';
import type { KernelFeatures, ObservedRun, PageRun } from '../../src/conform/observation';
import { compile, parseFixture } from '../../src/workload/index';
import { features } from './sample';

const debian: KernelFeatures = {
  ...features,
  ...{ release: '6.12.117', softDirty: true, ksmFlag: false, scanCategories: 0xff, swap: true, nodes: 2 },
};
const async = ['uffd_open features=wp_async', 'uffd_register guest'];
const shared = '{ size: 8KiB, file: file1, share: true }';
const huge = '{ size: 2MiB, thp: true }';

/** Of 6.18.44, as it was seen to say. */
const told = [
  {
    what: 'nothing was touched, and there is no table',
    guest: '{ size: 8KiB }',
    steps: [],
    is: '[0..1] ---------',
  },
  {
    what: 'an empty entry beside a page counts as written',
    guest: '{ size: 8KiB }',
    steps: ['write guest[0]'],
    is: '[0..0] -w-p-----, [1..1] -w-------',
  },
  {
    what: 'of an armed mapping so does what there is no table for',
    guest: '{ size: 8KiB }',
    steps: ['uffd_register guest'],
    is: '[0..1] -w-------',
  },
  {
    what: 'a page of zeroes',
    guest: '{ size: 8KiB }',
    steps: ['read guest[0]'],
    is: '[0..0] -w-p-z---, [1..1] -w-------',
  },
  { what: 'a huge page', guest: huge, steps: ['write guest[0]'], is: '[0..511] -w-p--h--' },
  {
    what: 'a huge page of zeroes, which belongs to no file as pagemap has it',
    guest: huge,
    steps: ['read guest[0]'],
    is: '[0..511] -w-p-zh--',
  },
  {
    what: 'a protected page',
    guest: '{ size: 8KiB }',
    steps: ['write guest', 'uffd_register guest', 'uffd_protect guest[0]'],
    is: '[0..0] ---p-----, [1..1] -w-p-----',
  },
  {
    what: 'shared memory',
    guest: shared,
    steps: ['write guest[0]'],
    is: '[0..0] -wfp-----, [1..1] -w-------',
  },
  {
    what: 'a marker looks as if it were in swap',
    guest: shared,
    steps: ['write guest[0]', 'uffd_register guest', 'uffd_protect guest'],
    is: '[0..0] --fp-----, [1..1] ----s----',
  },
  {
    what: 'asynchronous protection, where it is and where a write has taken it away',
    guest: '{ size: 8KiB }',
    steps: ['write guest', ...async, 'uffd_protect guest', 'write guest[1]'],
    is: '[0..0] a--p-----, [1..1] aw-p-----',
  },
  {
    what: 'which memory of any kind may have',
    guest: '{ size: 8KiB, file: file2, share: true }',
    steps: async,
    is: '[0..1] aw-------',
  },
  {
    what: 'but not together with missing pages',
    guest: '{ size: 8KiB, file: file2, share: true }',
    steps: ['uffd_open features=wp_async', 'uffd_register guest missing wp'],
    is: '[0..1] ---------',
  },
] as const;

test.each(told)('$what', ({ guest, steps, is }) => expect(scanOf(guest, steps, features)).toBe(is));

describe("Debian's 6.12 knows no guard regions, and has swap and soft-dirty", () => {
  test.each([
    { what: 'swap', steps: ['write guest', 'madvise guest pageout'], is: '[0..1] -w--s--d?' },
    {
      what: 'protected in swap',
      steps: ['write guest', 'uffd_register guest', 'uffd_protect guest', 'madvise guest pageout'],
      is: '[0..1] ----s--d?',
    },
    {
      what: 'written since soft-dirty was cleared',
      steps: ['write guest', 'clear_refs 4', 'write guest[1]'],
      is: '[0..0] -w-p----?, [1..1] -w-p---d?',
    },
  ])('$what', ({ steps, is }) => expect(scanOf('{ size: 8KiB }', steps, debian)).toBe(is));
});

test('before the mends of 2026 what is empty was not said to be written', () => {
  const older = { ...features, emptyWritten: false, holesWritten: false };
  expect(scanOf('{ size: 8KiB }', ['write guest[0]'], older)).toBe('[0..0] -w-p-----, [1..1] ---------');
  expect(scanOf('{ size: 8KiB }', ['uffd_register guest'], older)).toBe('[0..1] ---------');
});

test('a kernel without the call is asked nothing', () => {
  const older = { ...features, scanCategories: 0 };
  expect(scanOf('{ size: 8KiB }', ['write guest'], older)).toBe('[0..1] ?????????');
});

describe('a category that the kernel tells differently is noticed', () => {
  const model = run('{ size: 8KiB }', ['write guest[0]', 'read guest[1]'], features);
  test.each(scanCategories.map(([letter, name], bit) => ({ letter, name, bit })))(
    'PAGE_IS_$name',
    ({ letter, name, bit }) => {
      const wrong = changed(model, (scan) => replaced(scan, bit, scan[bit] === letter ? '-' : letter));
      expect(compareRuns(wrong, model)).toMatchObject({ agreed: 0, first: { at: 0 } });
      expect(compareRuns(wrong, model).first!.differences.map(({ about }) => about)).toEqual([
        `PAGE_IS_${name}`,
      ]);
      const unknown = changed(model, (scan) => replaced(scan, bit, '?'));
      expect(compareRuns(unknown, model).first).toBeNull();
    },
  );

  test('in words', () => {
    const wrong = changed(model, (scan) => scan.replace('w', '-'));
    expect(compareRuns(wrong, model).first!.differences).toEqual([
      {
        about: 'PAGE_IS_WRITTEN',
        real: 'program guest [0..0] p-x?--- PAGEMAP_SCAN: PRESENT',
        model: 'program guest [0..0] p-x?--- PAGEMAP_SCAN: WRITTEN PRESENT',
      },
    ]);
  });
});

// Helpers

function run(guest: string, steps: readonly string[], on: KernelFeatures): ObservedRun {
  const text = [
    'name: scanned\nasks: What does the kernel say of each page?\nsource: conform',
    'machine: { nodes: 1 }',
    'files:\n  file1: { kind: shmem, pages: 2 }\n  file2: { kind: fs, pages: 2 }',
    `memory:\n  guest: ${guest}`,
    'start:',
    ...(steps.length > 0 ? steps : ['madvise guest nohugepage']).map((step) => `  - a: ${step}`),
  ].join('\n');
  const workload = compile(parseFixture(`${text}\n`, 'scanned.yaml'), { entries: 512 });
  const variant = loadVariants([on === debian ? 'linux-6.12' : 'linux-6.18'])[0]!.variant;
  return runModel(workload, variant, { features: on, skips: new Map() });
}

function scanOf(guest: string, steps: readonly string[], on: KernelFeatures): string {
  const { memory } = run(guest, steps, on).observations.at(-1)!;
  const runs: Pick<PageRun, 'first' | 'last' | 'scan'>[] = [];
  for (const { first, last, scan } of memory.flatMap(({ pages }) => pages)) {
    const before = runs.at(-1);
    if (before?.scan === scan) runs[runs.length - 1] = { ...before, last };
    else runs.push({ first, last, scan });
  }
  return runs.map(({ first, last, scan }) => `[${first}..${last}] ${scan}`).join(', ');
}

const replaced = (scan: string, bit: number, letter: string): string =>
  scan.slice(0, bit) + letter + scan.slice(bit + 1);

/** The same run, with something else said of every page. */
const changed = (of: ObservedRun, scan: (of: string) => string): ObservedRun => ({
  ...of,
  observations: of.observations.map((observation) => ({
    ...observation,
    memory: observation.memory.map((view) => ({
      ...view,
      pages: view.pages.map((page) => ({ ...page, scan: scan(page.scan) })),
    })),
  })),
});
