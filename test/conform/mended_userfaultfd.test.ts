/** What a real kernel has shown of programs that use userfaultfds: each as it was shrunk, and what its last turn came to. */

import { loadVariants } from '../../src/compare/load';
import { runModel } from '../../src/conform/model_run';
import type { Observation } from '../../src/conform/observation';
import { compile, parseFixture } from '../../src/workload/index';
import { features } from './sample';

const { variant } = loadVariants(['linux-6.18'])[0]!;

const mended = [
  {
    slip: 'a userfaultfd stays for as long as somebody polls it',
    steps: ['monitor: uffd_wait', 'a: uffd_close'],
    serve: null,
    ends: ['a ended 0'],
    flags: 'rd wr uw',
  },
  {
    slip: 'a message ends the poll, which releases it, and there is no descriptor to read',
    steps: ['monitor: uffd_wait', 'a: uffd_close', 'a: write guest'],
    serve: null,
    ends: ['a ended 0', 'monitor ended -9'],
    flags: 'rd wr',
  },
  {
    slip: 'where another one has been opened in its place, the one who polls asks that and sleeps again',
    steps: ['monitor: uffd_wait', 'a: uffd_close', 'a: uffd_open second', 'a: write guest'],
    serve: null,
    ends: [],
    flags: 'rd wr uw',
  },
  {
    slip: 'who serves and looks at what it may not read gets a signal, and the message no answer',
    steps: ['b: write guest', 'a: mprotect guest none'],
    serve: 'uffd_serve snapshot',
    ends: ['monitor SIGSEGV'],
    flags: 'uw',
  },
];

test.each(mended)('$slip', ({ steps, serve, ends, flags }) => {
  const text = [
    'name: mended\nasks: Does the model do what the kernel did?\nsource: conform',
    'memory:\n  guest: { size: 4KiB }',
    'start:\n  - a: write guest\n  - a: uffd_register guest\n  - a: uffd_protect guest',
    ...steps.map((step) => `  - ${step}`),
    ...(serve ? [`tasks:\n  monitor: [${serve}]`] : []),
  ].join('\n');
  const workload = compile(parseFixture(`${text}\n`, 'mended.yaml'), { entries: 512 });
  const last = runModel(workload, variant, { features }).observations.at(-1)!;
  expect({
    ends: last.ends.map(({ actor, outcome }) =>
      outcome.kind === 'done'
        ? `${actor} ended ${outcome.result}`
        : `${actor} ${outcome.kind === 'signal' ? outcome.signal : outcome.kind}`,
    ),
    flags: last.memory[0]!.vmas[0]!.flags.filter((flag) => flag !== 'nh').join(' '),
  }).toEqual({ ends, flags });
});

/** What the kernel shows after each step. */
function observed(
  memory: string,
  steps: readonly string[],
  id = 'linux-6.18',
  tasks = 'a: [read guest]',
): readonly Observation[] {
  const text = [
    'name: mended\nasks: Does the model do what the kernel did?\nsource: conform',
    memory,
    'start:',
    ...steps.map((step) => `  - ${step}`),
    `tasks:\n  ${tasks}\n`,
  ].join('\n');
  const workload = compile(parseFixture(text, 'mended.yaml'), { entries: 512 });
  return runModel(workload, loadVariants([id])[0]!.variant, { features }).observations;
}

test('the mapping of a child that nobody watches is as writable as if nobody had watched its parent', () => {
  const shared =
    'files:\n  file: { kind: shmem, pages: 4 }\nmemory:\n  guest: { size: 16KiB, file: file, share: true }';
  const steps = [
    ...['a: write guest', 'a: uffd_register guest', 'a: fork child'],
    ...['child: read guest[1]', 'child: write guest'],
  ];
  // Reading one page maps those around it, too, and with RW.
  expect(observed(shared, steps)[4]!.ends).toMatchObject([
    { actor: 'child', minorFaults: 0, majorFaults: 0 },
  ]);
});

test('a fork that waits for whoever reads its message keeps copies of all descriptors: closing ends nothing', () => {
  const own = 'memory:\n  guest: { size: 4KiB }';
  const steps = [
    ...['a: write guest', 'a: uffd_open features=fork', 'a: uffd_register guest'],
    ...['b: fork child', 'c: uffd_close'],
  ];
  const closing = observed(own, steps)[4]!;
  expect(closing.ends.map(({ actor }) => actor)).toEqual(['c']);
});

test('unregistering a range that it refuses changes nothing of it', () => {
  const mapped =
    'files:\n  file: { kind: fs, pages: 4 }\nmemory:\n  guest: { size: 4KiB, file: file, share: true }\n  heap: { size: 16KiB }';
  const steps = [
    ...['a: write heap', 'a: uffd_register heap', 'a: mremap guest to heap'],
    ...['a: uffd_unregister heap', 'a: write heap[1..3]'],
  ];
  const observations = observed(mapped, steps, 'linux-6.1');
  expect(observations[3]!.ends).toMatchObject([{ outcome: { kind: 'done', result: -22 } }]);
  expect(observations[4]!.ends).toMatchObject([{ minorFaults: 0, majorFaults: 0 }]);
});

test('MADV_DONTNEED that waits for its message goes on behind a mapping that was split meanwhile (6.17 and later)', () => {
  const own = 'memory:\n  guest: { size: 8KiB }';
  const steps = [
    ...['a: write guest', 'a: uffd_open features=remove', 'a: uffd_register guest'],
    ...['c: madvise guest dontneed', 'a: uffd_unregister guest[0]'],
  ];
  const messages = (id: string): number =>
    observed(own, steps, id, 'a: [uffd_serve]').flatMap((observation) => observation.messages).length;
  expect([messages('linux-6.12'), messages('linux-6.18')]).toEqual([1, 2]);
});

test('whoever serves answers a descriptor that another process has closed: it has a copy', () => {
  const own = 'memory:\n  guest: { size: 4KiB }';
  const steps = [
    'a: write guest',
    'a: fork child',
    'child: uffd_register guest',
    'child: uffd_protect guest',
  ];
  const tasks = 'monitor: [uffd_serve snapshot]\n  child: [uffd_close, write guest]';
  const last = observed(own, steps, 'linux-6.18', tasks).at(-1)!;
  expect(last.messages).toMatchObject([{ actor: 'monitor', answer: 0 }]);
  expect(last.ends).toMatchObject([{ actor: 'child', outcome: { kind: 'done', result: 0 } }]);
});
