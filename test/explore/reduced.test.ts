import fc from 'fast-check';
import { mainline } from '../../src/core/index';
import { fixtureOf } from '../../src/fuzz/draft';
import { drafts, small } from '../../src/fuzz/index';
import { type Override, workload } from '../judge/broken_kernel';
import { attempt, findings, lost, plain, random, reduced, within } from './searches';

interface Row {
  name: string;
  base: string;
  body: string;
  override?: Override;
  /** Runs of the search without reduction: more than it needs where they are few. */
  runs?: number;
}

const one = 'memory:\n  guest: { size: 4KiB }\n';
const huge = 'memory:\n  guest: { size: 2MiB, thp: true }\n';
const written = 'start:\n  - vcpu: write guest\n';
const guarded = `${written}  - monitor: uffd_register guest\n  - monitor: uffd_protect guest\n`;
const file =
  'files:\n  data: { kind: fs, pages: 1 }\nmemory:\n  map: { size: 4KiB, file: data, share: true }\n';
const tasks = (...lines: string[]): string => `tasks:\n${lines.map((line) => `  ${line}\n`).join('')}`;

const rows: Row[] = [
  {
    name: 'twins that read',
    base: 'linux-4.19',
    body: `${one}${written}${tasks('a: [read guest]', 'b: [read guest]')}`,
  },
  {
    name: 'twins that write first',
    base: 'linux-4.19',
    body: `${one}${tasks('a: [write guest]', 'b: [write guest]')}`,
  },
  {
    name: 'stores to one page, of which each is as good as the other',
    base: 'linux-4.19',
    body: `${one}${written}${tasks('a: [write guest]', 'b: [write guest]', 'c: [write guest]')}`,
    runs: 400,
  },
  {
    name: 'stores to one page that can be told apart',
    base: 'linux-4.19',
    body: `${one}${written}${tasks('a: [write guest = 1]', 'b: [write guest = 2]')}`,
    runs: 300,
  },
  {
    name: 'stores to one page beside its copy',
    base: 'linux-4.19',
    body: `${one}${written}${tasks('a: [write guest]', 'b: [write guest]', 'c: [fork child, read guest]')}finally:\n  - child: read guest\n`,
  },
  {
    name: 'stores to one page of a file by two mappings',
    base: 'linux-4.19',
    body: `files:\n  data: { kind: fs, pages: 1 }\nmemory:\n  map: { size: 4KiB, file: data, share: true }\n  own: { size: 4KiB, file: data }\nstart:\n  - a: write map\n${tasks('a: [write map]', 'b: [write map, read own]')}`,
    runs: 400,
  },
  {
    name: 'a copy beside a thread that ends and has a translation of the page',
    base: 'linux-5.9',
    body: `${one}  two: { size: 4KiB }\n${written}  - vcpu: write two\n  - monitor: uffd_register guest\n${tasks('vcpu: [write two]', 'other: [write guest]', 'monitor: [uffd_unprotect guest]')}`,
  },
  {
    name: 'a sleeper and whoever wakes it',
    base: 'uffd-wp-bit',
    body: `${one}${guarded}${tasks('vcpu: [write guest]', 'monitor: [uffd_wait, uffd_unprotect guest]')}`,
    runs: 300,
  },
  {
    name: 'a daemon',
    base: 'uffd-wp-2018',
    body: `${one}${guarded}${tasks('vcpu: [write guest]', 'monitor: [uffd_serve]')}`,
    runs: 300,
  },
  {
    name: 'a daemon and a second protection',
    base: 'uffd-wp-bit',
    body: `${one}${guarded}${tasks('vcpu: [write guest]', 'other: [uffd_protect guest]', 'monitor: [uffd_serve]')}`,
  },
  {
    name: 'fork beside a writer',
    base: 'linux-4.19',
    body: `${one}${written}${tasks('vcpu: [write guest]', 'other: [fork child]')}`,
    runs: 300,
  },
  {
    name: 'a mapping that goes away below a sleeper',
    base: 'uffd-wp-2018',
    body: `${one}${guarded}${tasks('vcpu: [write guest]', 'other: ["madvise guest dontneed"]', 'monitor: [uffd_serve]')}`,
  },
  {
    name: 'page locks and writeback',
    base: 'linux-4.19',
    body: `${file}start:\n  - main: write map\n${tasks('main: [write map]', 'flusher: [fsync data]')}`,
  },
  {
    name: 'a dirty check beside writeback',
    base: 'page-dirty-check',
    body: `${file}start:\n  - main: write map\n  - main: mprotect map r\n${tasks('main: [mprotect map rw]', 'flusher: [fsync data]')}finally:\n  - main: write map\n`,
    runs: 1500,
  },
  {
    name: 'swapping beside a sleeper',
    base: 'uffd-wp-2018',
    body: `${one}${guarded}${tasks('vcpu: [write guest]', 'other: ["madvise guest pageout"]', 'monitor: [uffd_serve]')}`,
  },
  {
    name: 'migration beside a writer',
    base: 'linux-4.19',
    body: `machine: { nodes: 2 }\n${one}${written}${tasks('vcpu: [write guest]', 'other: [migrate guest node 1]')}`,
  },
  {
    name: 'part of a huge page',
    base: 'uffd-wp-2018',
    body: `${huge}${guarded}${tasks('vcpu: ["write guest[1]"]', 'monitor: [uffd_wait, "uffd_unprotect guest[1]"]')}`,
    runs: 300,
  },
  {
    name: 'semaphores',
    base: 'linux-4.19',
    body: `memory:\n  guest: { size: 8KiB }\n${tasks('a: ["write guest[0]", post x, wait y, "read guest[1]"]', 'b: [wait x, "write guest[1]", post y]')}`,
    runs: 300,
  },
  {
    name: 'moving a mapping away from a writer',
    base: 'linux-4.19',
    body: `${one}  later: { size: 4KiB, mapped: false }\n${written}${tasks('vcpu: [write guest]', 'other: [mremap guest to later]')}`,
    runs: 300,
  },
  {
    name: 'a userfaultfd that opens while others use it',
    base: 'mkwrite-reuse',
    body: `${one}${tasks('a: [uffd_protect guest]', 'b: [uffd_register guest missing wp]', 'c: ["uffd_wait"]')}`,
    runs: 1500,
  },
  {
    name: 'a userfaultfd that closes below a sleeper',
    base: 'uffd-wp-2018',
    body: `${one}${guarded}${tasks('vcpu: [write guest]', 'b: [uffd_close]')}`,
  },
  {
    name: "pages that wait in another CPU's pagevec",
    base: 'linux-4.19',
    body: `machine: { nodes: 2 }\nmemory:\n  guest: { size: 8KiB }\nstart:\n  - a: write guest[0]\n${tasks('a: ["write guest[1]"]', 'b: ["migrate guest[0] node 1"]')}`,
  },
  {
    name: 'a reader who lets mmap_sem go with the reference to a page',
    base: 'linux-6.18',
    body: `memory:\n  guest: { size: 2MiB, thp: true }\n  heap: { size: 4KiB }\nstart:\n  - a: write guest\n  - a: write heap\n${tasks('a: [numa_scan, "peek guest[1]"]', 'b: ["peek guest[1]", write heap]')}`,
  },
  {
    name: 'the first page of a table beside whoever walks it',
    base: 'linux-4.19',
    body: `${huge}${tasks('a: ["madvise guest free"]', 'b: [write guest]')}`,
  },
];

test.each(rows)('$name', ({ base, body, override = {}, runs = 150 }) => {
  const found = findings(workload(body), base, override, reduced, plain(runs), random(150));
  const [less, all, some] = found!;
  expect(less!.explored!.complete).toBe(true);
  expect([...lost(all!, less!), ...lost(some!, less!)]).toEqual([]);
  if (runs > 150) expect(all!.explored!.complete).toBe(true);
  if (all!.explored!.complete) expect(lost(less!, all!)).toEqual([]);
});

/** A deadlock, which no page tells of. */
test('a deadlock', () => {
  const body = `memory:\n  guest: { size: 8KiB }\nstart:\n  - a: write guest\n${tasks('a: ["mprotect guest[0] r"]', 'b: ["madvise guest[1] dontneed"]')}`;
  const override: Override = {
    *do_mprotect_pkey(k, ...rest) {
      const page = k.m.pages.count - 1;
      yield* k.lock_page(page as never);
      const result = yield* mainline.do_mprotect_pkey(k, ...(rest as [never, never, never]));
      yield* k.unlock_page(page as never);
      return result;
    },
    *zap_page_range(k, ...rest) {
      const page = k.m.pages.count - 1;
      yield* k.lock_page(page as never);
      yield* mainline.zap_page_range(k, ...(rest as [never, never, never]));
      yield* k.unlock_page(page as never);
    },
  };
  const [less, all] = findings(workload(body), 'linux-4.19', override, reduced, plain(400))!;
  expect([...less!.broken.keys()]).toContain('no-deadlock');
  expect(lost(all!, less!)).toEqual([]);
});

/** Dropping a reference commutes with dropping another, but not for the last one, and not for who was left out before. */
test('whoever drops the last reference', () => {
  const body = `${one}start:\n  - a: write guest\n  - a: mprotect guest r\n${tasks('a: [mprotect guest r]', 'b: [mprotect guest rw]', 'c: [mprotect guest none]')}`;
  const override: Override = {
    *do_mprotect_pkey(k) {
      const { pages } = k.m;
      const page = pages.count - 1;
      // In the start step, so that there is one reference for each.
      if (k.m.solo) pages.refcount[page] = 3;
      else yield* k.put_page(page as never);
      // The end tells of the stores of each task.
      if (pages.refcount[page] === 0) k.task.stores += 10;
      return 0;
    },
  };
  const [less, all] = findings(workload(body), 'linux-4.19', override, reduced, plain(400))!;
  expect(all!.explored!.complete).toBe(true);
  expect(all!.ends.size).toBe(3);
  expect(lost(all!, less!)).toEqual([]);
});

const kernels = ['linux-4.19', 'uffd-wp-2018', 'uffd-wp-bit', 'linux-5.12', 'linux-6.18', 'page-dirty-check'];

test('random workloads', () => {
  const heading = { name: 'random', asks: 'Is anything lost?', source: 'this test' };
  const property = fc.property(drafts({ without: new Set() }), fc.constantFrom(...kernels), (draft, base) => {
    const fixture = fixtureOf(draft, heading);
    const made = fixture && fixture.tasks.size > 1 ? small(fixture) : null;
    const found = made && attempt(() => findings(made, base, {}, within(60), random(30)));
    const [less, some] = found ?? [];
    if (less?.explored?.complete) expect(lost(some!, less)).toEqual([]);
  });
  fc.assert(property, { seed: 20180904, numRuns: 60, endOnFailure: true });
});
