/** Slips of the model that Debian's 6.1, booted with swap space and soft-dirty, has shown: what it did at the end. */

import { loadVariants } from '../../src/compare/load';
import { runModel } from '../../src/conform/model_run';
import type { KernelFeatures, Observation } from '../../src/conform/observation';
import { compile, parseFixture } from '../../src/workload/index';

const features: KernelFeatures = {
  release: '6.1.0-56-cloud-amd64',
  userfaultfd: true,
  userfaultfdErrno: 0,
  userfaultfdFeatures: 0,
  softDirty: true,
  pagemapScan: false,
  scanCategories: 0,
  emptyWritten: false,
  holesWritten: false,
  kpageflags: true,
  ksmFlag: true,
  frames: true,
  ksm: true,
  swap: true,
  nodes: 2,
  fs: true,
  thp: true,
};

const huge = '{ size: 2MiB, thp: true }';
const shared = '{ size: 8KiB, file: file1, share: true }';

const tenPages = ['madvise guest nohugepage', 'write guest[0..9]'];

interface Row {
  readonly slip: string;
  readonly guest: string;
  readonly steps: readonly string[];
  readonly tasks?: string;
  readonly shows: (end: Observation) => string;
  readonly is: string;
}

/** `shows` picks what the row is about out of the last look at the region. */
const mended: readonly Row[] = [
  {
    slip: 'what was written does not merge into a neighbour that never was',
    guest: '{ size: 8KiB }',
    steps: ['mprotect guest[0] rwx', 'write guest[1]', 'mprotect guest[1] rwx'],
    shows: vmas,
    is: '[0..0] rwxp 0 0, [1..1] rwxp 4 0',
  },
  {
    slip: 'nor do neighbours of a child that have an anon_vma each',
    guest: '{ size: 8KiB }',
    steps: ['write guest', 'mprotect guest[0] r', 'fork child', 'child: mprotect guest[0] rw'],
    shows: vmasOfChild,
    is: '[0..0] rw-p 4 0, [1..1] rw-p 4 0',
  },
  {
    slip: 'a dirty page that has moved is dirty again, and soft-dirty with it',
    guest: '{ size: 4KiB }',
    steps: ['write guest', 'clear_refs 4', 'migrate guest'],
    shows: pages,
    is: '[0..0] p-xd---',
  },
  {
    slip: 'what PROT_NONE hides is not migrated: follow_page() does not see it',
    guest: '{ size: 4KiB }',
    steps: ['write guest', 'mprotect guest none', 'clear_refs 4', 'migrate guest'],
    shows: pages,
    is: '[0..0] p-x----',
  },
  {
    slip: 'nor does KSM see it',
    guest: '{ size: 8KiB, advice: [mergeable] }',
    steps: ['write guest = 5', 'mprotect guest none', 'ksm_run'],
    shows: pages,
    is: '[0..1] p-xd---',
  },
  {
    slip: 'a marker makes way for a page of its own',
    guest: '{ size: 4KiB, file: file1 }',
    steps: ['uffd_register guest', 'uffd_protect guest', 'uffd_copy guest'],
    shows: result,
    is: '0',
  },
  {
    slip: 'shared memory goes to swap, which smaps tells of and pagemap does not',
    guest: shared,
    steps: ['write guest', 'madvise guest pageout'],
    shows: vmas,
    is: '[0..1] rw-s 0 8',
  },
  {
    slip: 'and comes back as it was',
    guest: shared,
    steps: ['write guest', 'madvise guest pageout', 'read guest'],
    shows: reads,
    is: '1 2',
  },
  {
    slip: 'and when swap is turned off',
    guest: shared,
    steps: ['write guest', 'madvise guest pageout', 'swapoff'],
    shows: vmas,
    is: '[0..1] rw-s 0 0',
  },
  {
    slip: 'swap can be turned off once',
    guest: '{ size: 4KiB }',
    steps: ['swapoff', 'swapoff'],
    shows: result,
    is: '-22',
  },
  {
    slip: 'and then nothing goes there',
    guest: '{ size: 4KiB }',
    steps: ['swapoff', 'write guest', 'madvise guest pageout'],
    shows: pages,
    is: '[0..0] p-xd---',
  },
  {
    slip: '256 places share a KSM page, and the next page becomes another one',
    guest: '{ size: 2MiB, advice: [mergeable] }',
    steps: ['write guest = 0', 'uffd_register guest', 'uffd_protect guest', 'ksm_run'],
    shows: marked,
    is: '1, 257',
  },
  {
    slip: 'MADV_COLLAPSE takes what PTEs map of a huge page',
    guest: huge,
    steps: ['write guest', 'mprotect guest[0] r', 'mprotect guest[0] rw', 'madvise guest collapse'],
    shows: pages,
    is: '[0..511] p-xd-h-',
  },
  {
    slip: 'khugepaged empties the pagevecs before it looks, and one page that was used is enough',
    guest: '{ size: 2MiB }',
    steps: [...tenPages, 'madvise guest hugepage', 'khugepaged'],
    shows: pages,
    is: '[0..9] p-xd-h-, [10..511] p-xd-h-',
  },
  {
    slip: 'unless some are in swap: then half of them must have been used',
    guest: '{ size: 2MiB }',
    steps: [...tenPages, 'madvise guest[0..3] pageout', 'madvise guest hugepage', 'khugepaged'],
    shows: pages,
    is: '[0..3] s--d---, [4..9] p-xd---, [10..511] ---d---',
  },
  {
    slip: 'and they were',
    guest: '{ size: 2MiB }',
    steps: [
      'madvise guest nohugepage',
      'write guest',
      'madvise guest[0..3] pageout',
      'madvise guest hugepage',
      'khugepaged',
    ],
    shows: pages,
    is: '[0..511] p-xd-h-',
  },
  {
    slip: 'who answers with a snapshot of what is not mapped gets SIGSEGV',
    guest: '{ size: 8KiB }',
    steps: [
      'write guest',
      'uffd_register guest',
      'uffd_protect guest',
      'c: write guest[0]',
      'munmap guest[0]',
    ],
    tasks: '{ monitor: [uffd_serve snapshot] }',
    shows: signal,
    is: 'SIGSEGV',
  },
  {
    slip: 'smaps of 6.1 does not count a huge page that PROT_NONE hides',
    guest: huge,
    steps: ['write guest', 'mprotect guest none'],
    shows: vmas,
    is: '[0..511] ---p 0 0',
  },
  {
    slip: 'populating for writes makes a page dirty that its entry lets be written: it goes to swap',
    guest: shared,
    steps: ['read guest', 'madvise guest populate_write', 'madvise guest pageout'],
    shows: vmas,
    is: '[0..1] rw-s 0 8',
  },
  {
    slip: 'a place of a KSM page that is not mapped any more makes room for another one',
    guest: '{ size: 1028KiB, advice: [mergeable] }',
    steps: ['write guest = 1', 'ksm_run', 'munmap guest[0]', 'ksm_run'],
    shows: pages,
    is: '[1..256] p--d--k',
  },
];

test.each(mended)('$slip', ({ guest, steps, shows, is, tasks }) => {
  expect(shows(endOf(guest, steps, features.release, 'linux-6.1', tasks))).toBe(is);
});

test('from 6.6 on smaps counts it', () => {
  const end = endOf(huge, ['write guest', 'mprotect guest none'], '6.12.1');
  expect(vmas(end)).toBe('[0..511] ---p 2048 0');
});

test('from 6.16 on what was written merges into a neighbour that never was', () => {
  const steps = ['mprotect guest[0] rwx', 'write guest[1]', 'mprotect guest[1] rwx'];
  expect(vmas(endOf('{ size: 8KiB }', steps, '6.18.0', 'linux-6.18'))).toBe('[0..1] rwxp 4 0');
});

test('khugepaged is not there where huge pages are never wanted', () => {
  const steps = ['write guest', 'madvise guest hugepage', 'khugepaged'];
  expect(pages(endOf(huge, steps, features.release, 'linux-6.1', undefined, 'never'))).toBe(
    '[0..511] p-xd---',
  );
});

// Helpers

function endOf(
  guest: string,
  steps: readonly string[],
  release = features.release,
  variant = 'linux-6.1',
  tasks?: string,
  thp = 'always',
) {
  const text = [
    'name: mended\nasks: Does the model do what the kernel did?\nsource: conform',
    `machine: { thp: ${thp} }`,
    'files:\n  file1: { kind: shmem, pages: 2 }',
    `memory:\n  guest: ${guest}`,
    'start:',
    ...steps.map((step) => `  - ${/^\w+: /.test(step) ? step : `a: ${step}`}`),
    ...(tasks ? [`tasks: ${tasks}`] : []),
  ].join('\n');
  const workload = compile(parseFixture(`${text}\n`, 'mended.yaml'), { entries: 512 });
  const model = runModel(workload, loadVariants([variant])[0]!.variant, {
    features: { ...features, release },
    skips: new Map(),
  });
  return model.observations.at(-1)!;
}

const viewOf = (end: Observation, process = 'program') =>
  end.memory.find((view) => view.region === 'guest' && view.process === process);

function vmas(end: Observation, process?: string): string {
  const all = viewOf(end, process)?.vmas ?? [];
  return all
    .map((vma) => `[${vma.first}..${vma.last}] ${vma.permissions} ${vma.anonymous} ${vma.swap}`)
    .join(', ');
}

function vmasOfChild(end: Observation): string {
  return vmas(end, 'child');
}

function pages(end: Observation): string {
  const all = viewOf(end)?.pages ?? [];
  return all.map(({ first, last, bits }) => `[${first}..${last}] ${bits}`).join(', ');
}

function marked(end: Observation): string {
  const all = viewOf(end)?.pages ?? [];
  return all
    .filter(({ bits }) => bits[4] === 'w')
    .map(({ first }) => first)
    .join(', ');
}

function outcome(end: Observation) {
  return end.ends[0]!.outcome;
}

function result(end: Observation): string {
  const one = outcome(end);
  return one.kind === 'done' ? String(one.result) : one.kind;
}

function signal(end: Observation): string {
  const one = outcome(end);
  return one.kind === 'signal' ? one.signal : one.kind;
}

function reads(end: Observation): string {
  return end.ends[0]!.reads.flatMap(({ count, value, stride }) =>
    Array.from({ length: count }, (_, i) => value + stride * i),
  ).join(' ');
}
