/** Slips of the model that Debian's 6.12, booted with swap space and soft-dirty, has shown: what it did at the end. */

import { loadVariants } from '../../src/compare/load';
import { runModel } from '../../src/conform/model_run';
import type { Observation } from '../../src/conform/observation';
import { compile, parseFixture } from '../../src/workload/index';
import { features } from './sample';

const huge = '{ size: 2MiB, thp: true }';
const swappedOut = ['write guest', 'madvise guest pageout'];
const armed = ['uffd_register guest', 'uffd_protect guest'];

interface Row {
  readonly slip: string;
  readonly guest: string;
  readonly steps: readonly string[];
  readonly tasks?: string;
  readonly pages: string;
  /** Minor and major faults of the last step. */
  readonly faults?: readonly [number, number];
}

const mended: readonly Row[] = [
  {
    slip: 'pagemap asks of every page of a huge entry whether it is mapped once, from 6.11 to 6.14',
    guest: huge,
    steps: ['write guest', 'fork child', 'write guest[5]'],
    pages: '[0..4] p--d---, [5..5] p-xd---, [6..511] p--d---',
  },
  {
    slip: 'a write to a protected page in swap faults once, and waits in that fault',
    guest: '{ size: 4KiB }',
    steps: ['write guest', ...armed, 'madvise guest pageout', 'write guest'],
    tasks: '{ monitor: [uffd_serve] }',
    pages: '[0..0] p-xd---',
    faults: [1, 0],
  },
  {
    slip: 'a read makes a page from swap writable, and the next write does not fault',
    guest: '{ size: 4KiB }',
    steps: [...swappedOut, 'read guest', 'write guest'],
    pages: '[0..0] p-xd---',
    faults: [0, 0],
  },
  {
    slip: 'unless soft-dirty waits for that write',
    guest: '{ size: 4KiB }',
    steps: ['write guest', 'clear_refs 4', 'madvise guest pageout', 'read guest', 'write guest'],
    pages: '[0..0] p-xd---',
    faults: [1, 0],
  },
  {
    slip: 'a huge page in the swap cache is mapped whole by the first fault',
    guest: huge,
    steps: [...swappedOut, 'read guest[5]'],
    pages: '[0..511] p-xd---',
    faults: [1, 0],
  },
  {
    slip: 'unless its entries are not all alike',
    guest: huge,
    steps: [...swappedOut, ...armed, 'uffd_unprotect guest[511]', 'read guest[5]'],
    pages: '[0..4] s--dw--, [5..5] p-xdw--, [6..510] s--dw--, [511..511] s--d---',
  },
  {
    slip: 'or a part of it has been unmapped since',
    guest: huge,
    steps: [...swappedOut, 'madvise guest[0] dontneed', 'read guest[5]'],
    pages: '[0..0] ---d---, [1..4] s--d---, [5..5] p-xd---, [6..511] s--d---',
  },
  {
    slip: 'nor is one of zeroes, which is not written and leaves the swap cache at once',
    guest: huge,
    steps: ['write guest = 0', 'madvise guest pageout', 'read guest[5]'],
    pages: '[0..4] s--d---, [5..5] p-xd---, [6..511] s--d---',
  },
  {
    slip: 'a huge page of which a part has been unmapped is split before it goes to swap: zeroes stay',
    guest: huge,
    steps: ['write guest = 0', 'madvise guest[5] dontneed', 'write guest[5]', 'madvise guest pageout'],
    pages: '[0..4] p--d--z, [5..5] s--d---, [6..511] p--d--z',
  },
  {
    slip: 'a huge page that PTEs map is marked by its migration, and split by the next one',
    guest: huge,
    steps: ['write guest = 0', 'mprotect guest[5] r', 'migrate guest[5]'],
    pages: '[0..4] p--d--z, [5..5] p--d--z, [6..511] p--d--z',
  },
  {
    slip: 'but not by the first one',
    guest: huge,
    steps: ['write guest = 0', 'mprotect guest[5] r', 'migrate guest[5] node 1'],
    pages: '[0..4] p-xd---, [5..5] p-xd---, [6..511] p-xd---',
  },
  {
    slip: 'so is one of which the huge entry of the parent goes while the child maps most of its parts',
    guest: '{ size: 4MiB, thp: true }',
    steps: ['write guest[0..511] = 0', 'fork child', 'child: write guest[0] = 1', 'child: migrate guest'],
    pages: '[0..511] p--d--z, [512..1023] ---d---',
  },
  {
    slip: 'but not where new bounds have put the mapping of the parent behind that of the child',
    guest: '{ size: 4MiB, thp: true }',
    steps: [
      'write guest[0..511] = 0',
      'fork child',
      'mprotect guest[1023] r',
      'child: write guest[0] = 1',
      'child: migrate guest',
    ],
    pages: '[0..0] p-xd-h-, [1..511] p--d-h-, [512..1022] ---d---, [1023..1023] ---d---',
  },
  {
    slip: 'a dirty page that has moved is not soft-dirty for that',
    guest: '{ size: 4KiB }',
    steps: ['write guest', 'clear_refs 4', 'migrate guest'],
    pages: '[0..0] p-x----',
  },
  {
    slip: 'all parts of a huge page that is split are soft-dirty',
    guest: huge,
    steps: ['write guest', 'clear_refs 4', 'mprotect guest[5] r'],
    pages: '[0..4] p-xd---, [5..5] p-xd---, [6..511] p-xd---',
  },
  {
    slip: 'and none of those that are marked is writable: where no monitor asks for it, the mark outlives another split',
    guest: huge,
    steps: [
      ...['write guest = 0', ...armed, 'uffd_register guest missing', 'write guest[5]'],
      ...['mprotect guest[511] r', 'madvise guest cold'],
    ],
    pages: '[0..4] p--dw-z, [5..5] p-xdw--, [6..510] p--dw-z, [511..511] p--dw-z',
  },
];

test.each(mended)('$slip', ({ guest, steps, tasks, pages, faults }) => {
  const end = endOf(guest, steps, tasks);
  expect(pagesOf(end)).toBe(pages);
  const last = end.ends.find(({ actor }) => actor === 'a')!;
  if (faults) expect([last.minorFaults, last.majorFaults]).toEqual(faults);
});

// Helpers

function endOf(guest: string, steps: readonly string[], tasks?: string): Observation {
  const text = [
    'name: mended\nasks: Does the model do what the kernel did?\nsource: conform',
    'machine: { nodes: 2 }',
    `memory:\n  guest: ${guest}`,
    'start:',
    ...steps.map((step) => `  - ${/^\w+: /.test(step) ? step : `a: ${step}`}`),
    ...(tasks ? [`tasks: ${tasks}`] : []),
  ].join('\n');
  const workload = compile(parseFixture(`${text}\n`, 'mended.yaml'), { entries: 512 });
  const model = runModel(workload, loadVariants(['linux-6.12'])[0]!.variant, {
    features: { ...features, release: '6.12.117', softDirty: true, swap: true, nodes: 2 },
    skips: new Map(),
  });
  return model.observations.at(-1)!;
}

function pagesOf(end: Observation): string {
  const view = end.memory.find(({ region, process }) => region === 'guest' && process === 'program');
  return (view?.pages ?? []).map(({ first, last, bits }) => `[${first}..${last}] ${bits}`).join(', ');
}
