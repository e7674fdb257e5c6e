import { resolveVariant } from '../../src/core/index';
import { judge } from '../../src/judge/index';
import { variants } from '../../src/variants/index';
import { compile, leastEntries, parseFixture } from '../../src/workload/index';

/** Slips of the model that `faultline fuzz` has found: each workload as it was shrunk, and what it must not show. */
const mended = [
  {
    slip: 'a mapping is counted when memory grows between the announcement and the count',
    variant: 'linux-4.19',
    never: 'mapcount',
    memory: '{ guest: { size: 4KiB } }',
    start: ['a: write guest', 'a: fork child1'],
    tasks: { a: ['sys_read guest[0]'], child1: ['fork child2'] },
  },
  {
    slip: 'and so is a mapping of a huge page',
    variant: 'linux-4.19',
    never: 'mapcount',
    memory: '{ guest: { size: 2MiB, thp: true } }',
    start: [],
    tasks: { a: ['write guest[0]'], b: ['fork child1'], child1: ['fork child2'] },
  },
  {
    slip: 'a userfaultfd has its name before UFFDIO_API has returned',
    variant: 'uffd-wp-bit',
    never: 'model',
    memory: '{ guest: { size: 4KiB } }',
    start: [],
    tasks: { a: ['uffd_register guest'], monitor: ['uffd_serve'] },
  },
];

test.each(mended)('$slip', ({ variant, never, memory, start, tasks }) => {
  const text = [
    'name: found\nasks: Does it hold?\nsource: fuzz',
    `memory: ${memory}`,
    ...(start.length > 0 ? ['start:', ...start.map((step) => `  - ${step}`)] : []),
    'tasks:',
    ...Object.entries(tasks).map(([actor, steps]) => `  ${actor}: ${JSON.stringify(steps)}`),
  ].join('\n');
  const fixture = parseFixture(text, 'found.yaml');
  const workload = compile(fixture, { entries: Math.max(4, leastEntries(fixture)) });
  const resolved = resolveVariant(variants.find(({ meta }) => meta.id === variant)!, variants);
  const verdict = judge(workload, resolved, { maxExecutions: 200, maxSteps: 20_000 });
  const broken = 'broken' in verdict ? verdict.broken.map(({ invariant }) => invariant) : [];
  expect(['survives', 'cut-short', 'breaks', 'closed']).toContain(verdict.kind);
  expect(broken).not.toContain(never);
});
