/** What a real kernel has shown of programs that use userfaultfds: each as it was shrunk, and what its last turn came to. */

import { loadVariants } from '../../src/compare/load';
import { runModel } from '../../src/conform/model_run';
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
