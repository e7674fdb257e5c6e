import { resolveVariant } from '../../src/core/index';
import { judge } from '../../src/judge/index';
import { variants } from '../../src/variants/index';
import { compile, leastEntries, parseFixture } from '../../src/workload/index';

interface Slip {
  readonly slip: string;
  readonly variant: string;
  readonly never: string;
  readonly machine?: string;
  readonly files?: string;
  readonly memory: string;
  readonly start: readonly string[];
  readonly tasks: Readonly<Record<string, readonly string[]>>;
  readonly last?: readonly string[];
}

/** Slips of the model that `faultline fuzz` has found: each workload as it was shrunk, and what it must not show. */
const mended: readonly Slip[] = [
  {
    slip: 'a page that cannot be unmerged is no reason to warn since 5.5',
    variant: 'linux-6.1',
    never: 'no-reachable-bug',
    memory: '{ guest: { size: 8KiB } }',
    start: [
      'a: write guest = 0',
      'a: uffd_register guest',
      'a: uffd_protect guest',
      'a: madvise guest mergeable',
    ],
    tasks: { a: ['ksm_run', 'ksm_unmerge'] },
  },
  {
    slip: 'a read of a file maps what is around it in the same table only',
    variant: 'uffd-wp-2018',
    never: 'model',
    files: '{ file1: { kind: fs, pages: 4 } }',
    memory: '{ guest: { size: 4KiB }, heap: { size: 8KiB, file: file1 } }',
    start: [],
    tasks: { a: ['read heap'] },
  },
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
  {
    slip: 'a userfaultfd is released under a call that is at work on it, and what that registers stays',
    variant: 'linux-6.18',
    never: 'bounded-refault',
    memory: '{ heap: { size: 4KiB } }',
    start: [],
    tasks: { a: ['uffd_register heap missing'], b: ['uffd_close'] },
    last: ['b: read heap'],
  },
  {
    slip: 'a thread that faults for ever in madvise() keeps mmap_sem from the others',
    variant: 'dirty-accountable-false',
    never: 'no-deadlock',
    memory: '{ guest: { size: 4KiB } }',
    start: ['a: write guest', 'a: uffd_register guest', 'a: uffd_protect guest'],
    tasks: { monitor: ['uffd_serve'] },
    last: ['a: madvise guest populate_write', 'monitor: mprotect guest[0] rx'],
  },
  {
    slip: 'a page that mremap() moves while it migrates is found at its new place',
    variant: 'linux-6.18',
    never: 'bounded-refault',
    memory: '{ guest: { size: 4KiB }, heap: { size: 4KiB } }',
    start: ['a: write guest'],
    tasks: { a: ['migrate guest'], b: ['mremap guest to heap'] },
    last: ['a: read heap'],
  },
  {
    slip: 'a huge page in the swap cache has a reference for each of its parts',
    variant: 'linux-6.18',
    never: 'refcount',
    memory: '{ guest: { size: 2MiB, thp: true } }',
    start: ['b: write guest[0]', 'b: madvise guest pageout'],
    tasks: { b: ['read guest[0]'] },
  },
  {
    slip: 'a kernel without soft-dirty bits tracks nothing',
    variant: 'linux-6.18',
    never: 'soft-dirty-kept',
    machine: '{ softdirty: false }',
    files: '{ file2: { kind: shmem, pages: 4 } }',
    memory: '{ guest: { size: 4KiB, file: file2, share: true } }',
    start: ['b: clear_refs 4', 'b: read guest[0]'],
    tasks: { b: ['poke guest[0]'] },
  },
  {
    slip: 'clear_refs takes mmap_sem for writing since 5.11',
    variant: 'linux-5.12',
    never: 'copy-has-no-writer',
    memory: '{ guest: { size: 4KiB } }',
    start: ['b: write guest'],
    tasks: { a: ['write guest'], b: ['clear_refs 4'] },
  },
];

test.each(mended)('$slip', ({ variant, never, memory, start, tasks, machine, files, last = [] }) => {
  const text = [
    'name: found\nasks: Does it hold?\nsource: fuzz',
    ...(machine ? [`machine: ${machine}`] : []),
    ...(files ? [`files: ${files}`] : []),
    `memory: ${memory}`,
    ...(start.length > 0 ? ['start:', ...start.map((step) => `  - ${step}`)] : []),
    'tasks:',
    ...Object.entries(tasks).map(([actor, steps]) => `  ${actor}: ${JSON.stringify(steps)}`),
    ...(last.length > 0 ? ['finally:', ...last.map((step) => `  - ${step}`)] : []),
  ].join('\n');
  const fixture = parseFixture(text, 'found.yaml');
  const workload = compile(fixture, { entries: Math.max(4, leastEntries(fixture)) });
  const resolved = resolveVariant(variants.find(({ meta }) => meta.id === variant)!, variants);
  const verdict = judge(workload, resolved, { maxExecutions: 200, maxSteps: 20_000 });
  const broken = 'broken' in verdict ? verdict.broken.map(({ invariant }) => invariant) : [];
  expect(['survives', 'cut-short', 'breaks', 'closed']).toContain(verdict.kind);
  expect(broken).not.toContain(never);
});

test('an access that is never served is found, and ends', () => {
  const text = [
    'name: found\nasks: Does it end?\nsource: fuzz\nmemory: { guest: { size: 4KiB } }',
    'start: [a: write guest, a: uffd_register guest, a: uffd_protect guest]',
    'tasks: { monitor: [uffd_serve] }',
    'finally: [a: madvise guest populate_write]',
  ].join('\n');
  const workload = compile(parseFixture(text, 'found.yaml'), { entries: 4 });
  const resolved = resolveVariant(
    variants.find(({ meta }) => meta.id === 'dirty-accountable-false')!,
    variants,
  );
  const verdict = judge(workload, resolved, { maxExecutions: 200, maxSteps: 20_000 });
  // Un-protecting leaves the page read-only there, and reading it only is an event again.
  const broken = 'broken' in verdict ? verdict.broken.map(({ invariant }) => invariant) : [];
  expect(broken).toContain('bounded-refault');
});
