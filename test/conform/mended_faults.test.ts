/** Faults that threads were charged for, and what reads of files mapped, on 6.18.44 and on Debian's 6.1. */

import { loadVariants } from '../../src/compare/load';
import { differencesOf } from '../../src/conform/agreement';
import { runModel } from '../../src/conform/model_run';
import type { Observation, StepEnd } from '../../src/conform/observation';
import { compile, parseFixture } from '../../src/workload/index';
import { features } from './sample';

const shared = 'file: file1, share: true';
const other = 'write other';
const monitor = 'uffd_serve';

interface Row {
  readonly what: string;
  readonly kind?: 'shmem' | 'fs';
  readonly pages?: number;
  readonly guest: string;
  readonly steps: readonly string[];
  readonly serves?: string;
  readonly faults: string;
  readonly present?: string;
}

const rows: readonly Row[] = [
  {
    what: 'a huge page is one fault',
    guest: '{ size: 2MiB, thp: true }',
    steps: ['write guest'],
    faults: '1 0',
  },
  { what: 'zero pages are charged for', guest: '{ size: 16KiB }', steps: ['read guest'], faults: '4 0' },
  {
    what: 'and to write to them once more',
    guest: '{ size: 16KiB }',
    steps: ['read guest', 'write guest'],
    faults: '4 0',
  },
  {
    what: 'nothing is charged for a fault that ends in a signal',
    guest: '{ size: 16KiB }',
    steps: ['mprotect guest r', 'write guest'],
    faults: '0 0',
  },
  {
    what: 'who waits with the lock of the VMA has not tried before',
    guest: '{ size: 16KiB }',
    steps: ['write guest', 'uffd_register guest', 'uffd_protect guest', 'write guest[1]'],
    serves: monitor,
    faults: '1 0',
  },
  {
    what: 'a fault that need not be tried again because the page has become writable is none',
    guest: '{ size: 16KiB }',
    steps: ['write guest', 'uffd_register guest', 'uffd_protect guest', 'madvise guest populate_write'],
    serves: monitor,
    faults: '0 0',
  },
  {
    what: 'a system call that makes a shared page dirty lets go of mmap_lock, and what it faults then was tried before',
    guest: `{ size: 16KiB, ${shared} }`,
    steps: [
      ...['write guest', 'uffd_open features=wp_unpopulated,wp_async', 'uffd_register guest'],
      ...['uffd_protect guest', 'madvise other remove', 'gup_write guest[1]'],
    ],
    faults: '1 1',
  },
  {
    what: 'a read maps the 64 KiB around it',
    guest: `{ size: 160KiB, ${shared} }`,
    pages: 40,
    steps: [other, 'munmap other[0]', 'read guest[20]'],
    faults: '1 0',
    present: '9..24',
  },
  {
    what: 'or what there is of it',
    guest: `{ size: 160KiB, ${shared} }`,
    pages: 40,
    steps: [other, 'mprotect guest[32..33] r', 'read guest[39]'],
    faults: '1 0',
    present: '34..39',
  },
  {
    what: 'as it is cached',
    guest: `{ size: 16KiB, ${shared} }`,
    steps: ['write other[1..2]', 'uffd_register guest missing', 'read guest[1]'],
    faults: '1 0',
    present: '1..2',
  },
  {
    what: 'but not where somebody may write-protect it',
    guest: `{ size: 16KiB, ${shared} }`,
    steps: [other, 'uffd_register guest', 'read guest[1]'],
    faults: '1 0',
    present: '1..1',
  },
  {
    what: 'what is not cached is read with what is around it, and all is mapped',
    kind: 'fs',
    guest: `{ size: 16KiB, ${shared} }`,
    steps: ['read guest', 'madvise guest pageout', 'read guest[1]'],
    faults: '0 1',
    present: '0..3',
  },
  {
    what: 'of a dirty page reclaim keeps what is cached',
    kind: 'fs',
    guest: `{ size: 16KiB, ${shared} }`,
    steps: ['read guest', 'write guest[2]', 'madvise guest pageout', 'read guest[2]'],
    faults: '1 0',
    present: '2..2',
  },
];

test.each(rows)('$what', (row) => {
  const end = endOf(row, '6.18.44', 'linux-6.18');
  const [{ minorFaults, majorFaults }] = end.ends.slice(-1) as [StepEnd];
  expect(`${minorFaults} ${majorFaults}`).toBe(row.faults);
  if (row.present) expect(presentPages(end)).toBe(row.present);
});

test('with mmap_lock whoever waits has tried before, and is charged for a major fault', () => {
  const row = rows.find(({ what }) => what.startsWith('who waits'))!;
  expect(endOf(row, '6.1.0', 'linux-6.1').ends.at(-1)).toMatchObject({ minorFaults: 0, majorFaults: 1 });
});

describe('what reclaim has left to writeback says where to read ahead', () => {
  const left = ['write guest[2]', 'madvise guest[2] pageout'];
  const row = (...more: string[]): Row => ({
    what: '',
    kind: 'fs',
    guest: `{ size: 16KiB, ${shared} }`,
    steps: ['read guest', ...left, ...more],
    faults: '',
  });
  test.each([
    ['a fault there is tried again', ['write guest[2]'], 0, 1],
    ['one that must not be is charged for as others', ['poke guest[2]'], 1, 0],
    ['write(2) to it takes nothing away', ['file_write file1[2]', 'read guest[2]'], 0, 1],
    ['after a fault it is as the others', ['write guest[2]', 'munmap other', 'write guest[2]'], 0, 0],
    ['nor is it after writeback', ['fsync file1', 'read guest[2]'], 1, 0],
  ])('%s', (_, more, minorFaults, majorFaults) => {
    expect(endOf(row(...more), '6.1.0', 'linux-6.1').ends.at(-1)).toMatchObject({ minorFaults, majorFaults });
  });

  test.each([
    ['6.1.0', 'linux-6.1', 1, 0],
    ['6.12.117', 'linux-6.12', 0, 1],
  ])(
    'populating on %s, %s: before 6.9 it forgets that the fault was tried before',
    (release, id, minorFaults, majorFaults) => {
      const end = endOf(row('madvise guest[2] populate_read'), release, id).ends.at(-1);
      expect(end).toMatchObject({ minorFaults, majorFaults });
    },
  );

  test('a fault beside it does not map it, too', () => {
    const last = ['write guest[3]', 'madvise guest[3] pageout', 'madvise guest dontneed', 'read guest[0]'];
    expect(presentPages(endOf({ ...row(), steps: ['read guest', ...last] }, '6.1.0', 'linux-6.1'))).toBe(
      '0..2',
    );
  });

  test('with the lock of the VMA the first try does not count', () => {
    const end = endOf(row('write guest[2]'), '6.18.44', 'linux-6.18').ends.at(-1);
    expect(end).toMatchObject({ minorFaults: 1, majorFaults: 0 });
  });
});

describe('what cannot be told of faults', () => {
  const base = endOf(rows[0]!, '6.18.44', 'linux-6.18');
  const charged = (
    minorFaults: number,
    majorFaults: number,
    faultsMay?: StepEnd['faultsMay'],
  ): Observation => ({
    ...base,
    ends: [{ ...base.ends[0]!, minorFaults, majorFaults, ...(faultsMay ? { faultsMay } : {}) }],
  });
  test.each([
    [1, 0, { beMajor: 1, come: 0 }, true],
    [0, 1, { beMajor: 1, come: 0 }, true],
    [0, 2, { beMajor: 1, come: 0 }, false],
    [3, 0, { beMajor: 0, come: 2 }, true],
    [4, 0, { beMajor: 0, come: 2 }, false],
    [0, 0, { beMajor: 1, come: 2 }, false],
  ])('%d minor, %d major where one is and %j: %s', (minor, major, may, agrees) => {
    expect(differencesOf(charged(minor, major), charged(1, 0, may)).length === 0).toBe(agrees);
  });
});

describe('a page that a system call has made writable, for which it waited, may be in a TLB as it was', () => {
  const guarded = ['write guest', 'uffd_register guest', 'uffd_protect guest[0]', 'fork child', 'read guest'];
  test.each([
    ['the next write of a program may fault for it', ['gup_write guest[0]', 'write guest[0]'], 1],
    ['not one elsewhere', ['gup_write guest[0]', 'write guest[1]'], 0],
    ['and only the next one', ['gup_write guest[0]', 'write guest[0]', 'write guest[0]'], 0],
  ])('%s', (_, more, come) => {
    const end = inTheEnd(guarded, more);
    expect(end.ends.at(-1)?.faultsMay?.come).toBe(come);
  });
});

// Helpers

/** The last step, where a monitor answers all that are taken after it has begun. */
function inTheEnd(first: readonly string[], more: readonly string[]): Observation {
  const text = [
    'name: mended\nasks: Does the model do what the kernel did?\nsource: conform',
    'memory:\n  guest: { size: 8KiB }\nstart:',
    ...first.map((step) => `  - a: ${step}`),
    'tasks:\n  monitor: [uffd_serve]\nfinally:',
    ...more.map((step) => `  - a: ${step}`),
  ].join('\n');
  return observed(text, '6.18.44', 'linux-6.18');
}

function observed(text: string, release: string, variant: string): Observation {
  const workload = compile(parseFixture(`${text}\n`, 'mended.yaml'), { entries: 512 });
  const model = runModel(workload, loadVariants([variant])[0]!.variant, {
    features: { ...features, release },
    skips: new Map(),
  });
  return model.observations.at(-1)!;
}

function endOf(row: Row, release: string, variant: string): Observation {
  const { kind = 'shmem', pages = 4, guest, steps } = row;
  const file = guest.includes('file1');
  const text = [
    'name: mended\nasks: Does the model do what the kernel did?\nsource: conform',
    ...(file ? [`files:\n  file1: { kind: ${kind}, pages: ${pages} }`] : []),
    `memory:\n  guest: ${guest}`,
    ...(file ? [`  other: { size: ${4 * pages}KiB, ${shared} }`] : []),
    ...(steps.length > 1 ? ['start:'] : []),
    ...steps.slice(0, -1).map((step) => `  - a: ${step}`),
    ...(row.serves ? [`tasks:\n  monitor: [${row.serves}]`] : []),
    `finally:\n  - a: ${steps.at(-1)!}`,
  ].join('\n');
  return observed(text, release, variant);
}

function presentPages(end: Observation): string {
  const view = end.memory.find(({ region }) => region === 'guest')!;
  const present = view.pages.filter(({ bits }) => bits.startsWith('p'));
  return `${present[0]?.first}..${present.at(-1)?.last}`;
}
