/** Slips of the model that a real kernel has shown: each fixture as it was shrunk, and what the kernel did at its end. */

import { loadVariants } from '../../src/compare/load';
import { runModel } from '../../src/conform/model_run';
import type { PageRun } from '../../src/conform/observation';
import { compile, parseFixture } from '../../src/workload/index';
import { features } from './sample';

/** Errors as errno; `pages` as the runs of the region's view. */
const mended = [
  {
    slip: 'of a private mapping of shared memory a missing page is for the monitor',
    file: 'shmem',
    steps: ['a: uffd_register guest missing', 'b: read guest[0]'],
    last: 'waits',
    pages: '[0..1] -------',
  },
  {
    slip: 'and what the monitor fills in is a page of its own',
    file: 'shmem',
    steps: ['a: uffd_register guest', 'a: uffd_copy guest[0]'],
    last: 'ended 0',
    pages: '[0..0] p-x----, [1..1] -------',
  },
  {
    slip: 'UFFDIO_COPY marks a page of shared memory',
    file: 'shmem, share',
    steps: ['a: uffd_register guest', 'a: uffd_copy guest[0] wp'],
    last: 'ended 0',
    pages: '[0..0] pfx-w--, [1..1] -------',
  },
  {
    slip: 'populating stops at a hole',
    file: null,
    steps: ['a: munmap guest[0]', 'a: madvise guest populate_write'],
    last: 'ended -12',
    pages: '[1..1] -------',
  },
  {
    slip: 'without swap MADV_PAGEOUT leaves private pages of a file where they are',
    file: 'shmem',
    steps: ['a: write guest', 'a: madvise guest pageout'],
    last: 'ended 0',
    pages: '[0..1] p-x----',
  },
  {
    slip: 'MADV_PAGEOUT takes what another thread has read a moment ago: all run on one CPU',
    file: 'fs',
    steps: ['b: read guest[0]', 'a: madvise guest[0] pageout'],
    last: 'ended 0',
    pages: '[0..0] -------, [1..1] pfx----',
  },
  {
    slip: 'mremap() moves several mappings',
    file: null,
    steps: ['a: mprotect guest[1] r', 'a: mremap guest to spare'],
    last: 'ended',
    pages: 'not mapped',
  },
  {
    slip: 'MADV_COLLAPSE of a mapping with no room for a huge page is an error',
    file: null,
    steps: ['a: write guest', 'a: madvise guest collapse'],
    last: 'ended -22',
    pages: '[0..1] p-x----',
  },
  {
    slip: 'and so is that of a range without one',
    file: null,
    steps: ['a: write guest', 'a: madvise guest[1] collapse'],
    last: 'ended -22',
    pages: '[0..1] p-x----',
  },
] as const;

test.each(mended)('$slip', ({ file, steps, last, pages }) => {
  expect(endOf(fixture('{ size: 8KiB', file, steps))).toEqual({
    last: expect.stringMatching(`^${last}`),
    pages,
  });
});

describe('advice on a part of a huge page splits it, and what held nothing is zeroes', () => {
  const steps = ['a: write guest[5]', 'a: madvise guest[0] cold'];
  test.each([
    { variant: 'linux-6.18', pages: '[0..4] p-----z, [5..5] p-x----, [6..511] p-----z' },
    { variant: 'linux-6.1', pages: '[0..511] p-x----' },
  ])('$variant', ({ variant, pages }) => {
    expect(endOf(fixture('{ size: 2MiB, thp: true', null, steps), variant).pages).toBe(pages);
  });
});

describe('of a huge page that PTEs map alike and that lies within the range nothing is split off', () => {
  const parted = ['a: write guest[5]', 'a: mprotect guest[0] r'];
  const whole = [...parted, 'a: mprotect guest[0] rw'];
  test.each([
    {
      steps: [...parted, 'a: madvise guest cold'],
      pages: '[0..4] p-----z, [5..5] p-x----, [6..511] p-----z',
    },
    { steps: [...whole, 'a: madvise guest cold'], pages: '[0..511] p-x----' },
    {
      steps: [...whole, 'a: madvise guest[1..511] cold'],
      pages: '[0..4] p-----z, [5..5] p-x----, [6..511] p-----z',
    },
    {
      steps: [...parted, 'a: madvise guest free'],
      pages: '[0..4] p-----z, [5..5] p-x----, [6..511] p-----z',
    },
    { steps: [...whole, 'a: madvise guest free'], pages: '[0..511] p-x----' },
  ])('$steps', ({ steps, pages }) => {
    expect(endOf(fixture('{ size: 2MiB, thp: true', null, steps)).pages).toBe(pages);
  });
});

describe('a part of a mapping that becomes what its neighbour behind it is merges with it, from 6.5 on', () => {
  test.each([
    { variant: 'linux-6.18', steps: ['a: uffd_register guest[2]', 'a: uffd_register guest[1..2]'], vmas: 2 },
    { variant: 'linux-6.1', steps: ['a: uffd_register guest[2]', 'a: uffd_register guest[1..2]'], vmas: 3 },
    {
      variant: 'linux-6.18',
      steps: ['a: uffd_register guest[0..1]', 'a: uffd_unregister guest[1]'],
      vmas: 2,
    },
    { variant: 'linux-6.1', steps: ['a: uffd_register guest[0..1]', 'a: uffd_unregister guest[1]'], vmas: 3 },
  ])('$variant: $steps', ({ variant, steps, vmas }) => {
    expect(vmasAtEnd(fixture('{ size: 12KiB', null, steps), variant)).toBe(vmas);
  });
});

describe('MADV_DONTNEED gives back a table of PTEs that it leaves empty, from 6.14 on', () => {
  const steps = [
    'a: read guest[5]',
    'a: madvise guest[0] dontneed',
    'a: madvise guest dontneed',
    'a: read guest[5]',
  ];
  test.each([
    { variant: 'linux-6.18', pages: '[0..511] pf---hz' },
    { variant: 'linux-6.12', pages: '[0..4] -------, [5..5] p-----z, [6..511] -------' },
  ])('$variant', ({ variant, pages }) => {
    expect(endOf(fixture('{ size: 2MiB, thp: true', null, steps), variant).pages).toBe(pages);
  });
});

test('a huge zero entry becomes a huge page even where the mapping wants none any more', () => {
  const steps = ['a: read guest', 'a: madvise guest nohugepage', 'a: write guest[5]'];
  expect(endOf(fixture('{ size: 2MiB, thp: true', null, steps)).pages).toBe('[0..511] p-x--h-');
});

test.each(['linux-6.18', 'linux-6.12', 'linux-6.1'])('MADV_COLLAPSE of %s ends at an empty range', (id) => {
  const steps = ['a: madvise guest nohugepage', 'a: write guest[517]', 'a: madvise guest hugepage'];
  const collapse = (part: string) =>
    endOf(fixture('{ size: 4MiB, thp: true', null, [...steps, `a: madvise guest${part} collapse`]), id).pages;
  expect(collapse('')).toBe('[0..516] -------, [517..517] p-x----, [518..1023] -------');
  expect(collapse('[512..1023]')).toBe('[0..511] -------, [512..1023] p-x--h-');
});

test('in an armed mapping with holes MADV_COLLAPSE is EBUSY in 6.18.44, EINVAL in 6.1', () => {
  const few = ['a: madvise guest nohugepage', 'a: write guest[1]', 'a: madvise guest hugepage'];
  const steps = [...few, 'a: uffd_register guest', 'a: madvise guest collapse'];
  const last = (variant: string) => endOf(fixture('{ size: 2MiB, thp: true', null, steps), variant).last;
  expect(['linux-6.18', 'linux-6.1'].map(last)).toEqual(['ended -16', 'ended -22']);
});

test('of a huge entry the first page tells whether all of it is exclusive', () => {
  const steps = ['a: write guest', 'a: fork child', 'a: munmap guest[0]'];
  const { views } = run(fixture('{ size: 2MiB, thp: true', null, steps), 'linux-6.18');
  expect(views.map(({ process, pages }) => `${process} ${pages[0]!.bits.replaceAll('?', '-')}`)).toEqual([
    'program p------',
    'child p-x--h-',
  ]);
});

// Helpers

const fixture = (guest: string, file: string | null, steps: readonly string[]): string => {
  const [kind, share] = file?.split(', ') ?? [];
  return [
    'name: mended\nasks: Does the model do what the kernel did?\nsource: conform',
    ...(kind ? [`files:\n  file1: { kind: ${kind}, pages: 2 }`] : []),
    `memory:\n  guest: ${guest}${kind ? `, file: file1${share ? ', share: true' : ''}` : ''} }`,
    '  spare: { size: 8KiB, mapped: false }',
    'start:',
    ...steps.map((step) => `  - ${step}`),
  ].join('\n');
};

/** Runs that look alike but for what they hold are one; what cannot be told is not there. */
function joined(pages: readonly PageRun[]): string {
  const runs: { first: number; last: number; bits: string }[] = [];
  for (const { first, last, bits } of pages) {
    const told = bits.replaceAll('?', '-');
    const before = runs.at(-1);
    if (before?.bits === told && before.last === first - 1) before.last = last;
    else runs.push({ first, last, bits: told });
  }
  return runs.map(({ first, last, bits }) => `[${first}..${last}] ${bits}`).join(', ');
}

function run(text: string, variant: string) {
  const workload = compile(parseFixture(`${text}\n`, 'mended.yaml'), { entries: 512 });
  const model = runModel(workload, loadVariants([variant])[0]!.variant, { features, skips: new Map() });
  const end = model.observations.at(-1)!;
  return { model, end, views: end.memory.filter(({ region }) => region === 'guest') };
}

const vmasAtEnd = (text: string, variant: string): number => run(text, variant).views[0]?.vmas.length ?? 0;

function endOf(text: string, variant = 'linux-6.18'): { last: string; pages: string } {
  const { end, views } = run(text, variant);
  const outcome = end.ends[0]?.outcome;
  const pages = views[0]?.pages ?? [];
  return {
    last: outcome?.kind === 'done' ? `${end.how} ${outcome.result}` : end.how,
    pages: pages.length > 0 ? joined(pages) : 'not mapped',
  };
}
