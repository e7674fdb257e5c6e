/**
 * Hardware that acts on its own, which a fixture or --hardware asks for: broken kernels that are found only so, and that
 * the search with reduction finds what the plain one does.
 */

import fc from 'fast-check';
import { entry as e, mainline } from '../../src/core/index';
import { fixtureOf } from '../../src/fuzz/draft';
import { drafts, small as fit } from '../../src/fuzz/index';
import { type Override, original, workload } from '../judge/broken_kernel';
import { attempt, findings, lost, plain, random, reduced, within } from './searches';

/** The same with hardware that acts on its own. */
const unasked = (body: string): string =>
  body.includes('machine: {')
    ? body.replace('machine: {', 'machine: { hardware: true,')
    : `machine: { hardware: true }\n${body}`;

const one = 'memory:\n  guest: { size: 4KiB }\n';
const huge = 'memory:\n  guest: { size: 2MiB, thp: true }\n';
const file =
  'files:\n  data: { kind: fs, pages: 1 }\nmemory:\n  map: { size: 4KiB, file: data, share: true }\n';
const lines = (part: string, ...all: string[]): string =>
  `${part}:\n${all.map((line) => `  ${line}\n`).join('')}`;
const start = (...steps: string[]): string => lines('start', ...steps.map((step) => `- ${step}`));
/** Somebody changes a page that `main` has written; when that is done, `vcpu` writes, whose CPU never had it. */
const after = (change: string, ...rest: string[]): string =>
  lines('tasks', 'vcpu: [wait done, "write guest[0]"]', `other: [${change}, post done]`, ...rest);

/** Functions without the flushes that they call themselves. */
const withoutFlush = (base: string, name: string): Override => {
  const function_ = original(base, name);
  const none = function* (): Generator<never> {};
  const flushless: PropertyDescriptorMap = {
    flush_tlb_range: { value: none },
    flush_tlb_mm: { value: none },
    ptep_clear_flush: {
      value(this: { ptep_get_and_clear(slot: unknown): unknown }, _mm: unknown, slot: unknown) {
        return this.ptep_get_and_clear(slot);
      },
    },
    pmdp_invalidate: {
      value(
        this: { update(slot: unknown, label: string, change: unknown): unknown },
        _mm: unknown,
        slot: unknown,
      ) {
        return this.update(slot, 'invalidate', e.pmd_mknotpresent);
      },
    },
  };
  return { [name]: (k, ...args) => function_(Object.create(k, flushless), ...args) };
};

interface Row {
  kernel: string;
  base: string;
  body: string;
  broken: Override;
  /** What is found with hardware that acts on its own, and nothing without. */
  finds: string[];
}

const rows: Row[] = [
  {
    kernel: 'protects without a flush',
    base: 'uffd-wp-bit',
    body: `${one}${start('main: write guest', 'monitor: uffd_register guest')}${after('uffd_protect guest', 'monitor: [uffd_serve]')}`,
    broken: withoutFlush('uffd-wp-bit', 'change_protection_range'),
    finds: ['stale-store', 'armed-store'],
  },
  {
    kernel: 'protects a huge page without a flush',
    base: 'uffd-wp-bit',
    body: `${huge}${start('main: write guest', 'monitor: uffd_register guest')}${after('uffd_protect guest', 'monitor: [uffd_serve]')}`,
    broken: {
      ...withoutFlush('uffd-wp-bit', 'change_huge_pmd'),
      ...withoutFlush('uffd-wp-bit', 'change_protection_range'),
    },
    finds: ['stale-store', 'armed-store'],
  },
  {
    kernel: 'takes write access away without a flush',
    base: 'linux-4.19',
    body: `${one}${start('main: write guest')}${after('mprotect guest r')}`,
    broken: withoutFlush('linux-4.19', 'change_protection_range'),
    finds: ['stale-store', 'vm-write'],
  },
  {
    kernel: 'frees what is discarded before a flush',
    base: 'linux-4.19',
    body: `${one}${start('main: write guest')}${after('madvise guest dontneed')}`,
    broken: { *tlb_flush_mmu_tlbonly() {} },
    finds: ['contents-survive', 'stale-store'],
  },
  {
    kernel: 'moves a mapping without a flush',
    base: 'linux-4.19',
    body: `${one}  later: { size: 4KiB, mapped: false }\n${start('main: write guest')}${after('mremap guest to later')}`,
    broken: withoutFlush('linux-4.19', 'move_ptes'),
    finds: ['vm-write', 'stale-store', 'contents-survive'],
  },
  {
    kernel: 'forks without a flush',
    base: 'linux-4.19',
    // A store of the kernel's own, so that no CPU has the page.
    body: `${one}${start('main: poke guest[0]')}${after('fork child')}`,
    broken: withoutFlush('linux-4.19', 'dup_mmap'),
    finds: ['cow-isolation', 'stale-store', 'contents-survive'],
  },
  {
    kernel: 'swaps out without a flush',
    base: 'linux-4.19',
    // madvise() itself flushes at its end.
    body: `${one}${start('other: write guest')}${after('madvise guest pageout').replace('wait done, ', '')}`,
    broken: { *try_to_unmap_flush() {}, *try_to_unmap_flush_dirty() {} },
    finds: ['freed-page', 'contents-survive'],
  },
  {
    kernel: 'cleans entries for writeback without a flush',
    base: 'linux-4.19',
    body: `${file}${start('main: write map')}${after('fsync data').replace('guest[0]', 'map[0]')}`,
    broken: withoutFlush('linux-4.19', 'page_mkclean_one'),
    finds: ['stale-store', 'file-notified', 'file-dirty-seen'],
  },
  {
    kernel: 'puts a copy in the place of a page without a flush',
    base: 'uffd-wp-bit',
    body: `${one}${start('main: write guest', 'main: fork child')}${after('write guest').replace('"write guest[0]"', '"read guest[0]"')}`,
    broken: withoutFlush('uffd-wp-bit', 'wp_page_copy'),
    finds: ['load-sees-last-store'],
  },
  {
    kernel: 'takes an entry for unchanged that only its lock holder changes',
    base: 'linux-4.19',
    body: `${one}${start('main: write guest', 'main: madvise guest cold')}${after('mprotect guest r')}`,
    broken: {
      *change_pte_range(k, vma, pmd, addr, ...rest) {
        const slot = k.m.pte_offset(pmd, addr);
        const before = yield* k.pte_get(slot);
        k.BUG_ON((yield* k.pte_get(slot)) !== before, 'the entry has changed');
        return yield* original('linux-4.19', 'change_pte_range')(k, vma, pmd, addr, ...rest);
      },
    },
    finds: ['no-reachable-bug'],
  },
  {
    kernel: 'takes a write fault for proof that the entry is read-only',
    base: 'linux-4.19',
    body: `${one}${start('main: write guest', 'main: mprotect guest r', 'main: mprotect guest rw')}${after('write guest')}`,
    broken: {
      *handle_pte_fault(k, vmf) {
        if (vmf.pmd.table.child.has(vmf.pmd.index)) {
          const entry = yield* k.pte_get(k.m.pte_offset(vmf.pmd, vmf.address));
          k.BUG_ON(e.pte_write(entry), 'a write fault at a writable entry');
        }
        return yield* mainline.handle_pte_fault(k, vmf);
      },
    },
    finds: ['no-reachable-bug'],
  },
];

test.each(rows)('only so it is found that a kernel $kernel', ({ base, body, broken, finds }) => {
  const broke = (text: string, override: Override): string[] => {
    const [found] = findings(workload(text), base, override, reduced)!;
    expect(found!.explored!.complete).toBe(true);
    return [...found!.broken.keys()].sort();
  };
  expect(broke(body, broken)).toEqual([]);
  expect(broke(unasked(body), broken)).toEqual([...finds].sort());
  expect(broke(unasked(body), {})).toEqual([]);
});

/** What two-writers-one-page shows with --hardware, made small. */
test.each([
  { base: 'linux-5.9', finds: ['copy-has-no-writer'] },
  { base: 'linux-5.12', finds: [] },
  { base: 'wp-under-write-lock', finds: [] },
])('a page is copied before the flush of a second un-protect, 6ce64428d62: $base', ({ base, finds }) => {
  const body = `${one}${start('main: write guest', 'monitor: uffd_register guest', 'monitor: uffd_protect guest')}${lines('tasks', 'vcpu: [write guest, write guest]', 'late: [wait done, write guest]', 'monitor: [uffd_unprotect guest, uffd_unprotect guest, post done]')}`;
  const [without] = findings(workload(body), base, {}, reduced)!;
  expect([...without!.broken.keys()]).toEqual([]);
  const [found] = findings(workload(unasked(body)), base, {}, reduced)!;
  expect(found!.explored!.complete).toBe(true);
  expect([...found!.broken.keys()]).toEqual(finds);
});

interface Small {
  name: string;
  base: string;
  body: string;
  /** Runs of the search without reduction: more than it needs where they are few. */
  runs?: number;
}

const guarded = start('vcpu: write guest', 'monitor: uffd_register guest', 'monitor: uffd_protect guest');
const small: Small[] = [
  {
    name: 'a sleeper and whoever wakes it',
    base: 'uffd-wp-bit',
    body: `${one}${guarded}${lines('tasks', 'vcpu: [write guest]', 'monitor: [uffd_wait, uffd_unprotect guest]')}`,
    runs: 300,
  },
  {
    name: 'a daemon and an entry without A',
    base: 'uffd-wp-2018',
    body: `${one}${start('vcpu: write guest', 'vcpu: madvise guest cold', 'monitor: uffd_register guest', 'monitor: uffd_protect guest')}${lines('tasks', 'vcpu: [write guest]', 'monitor: [uffd_serve]')}`,
  },
  {
    name: 'a page that moves away',
    base: 'linux-4.19',
    body: `${one}  later: { size: 4KiB, mapped: false }\n${start('vcpu: write guest')}${lines('tasks', 'vcpu: [write guest]', 'other: [mremap guest to later]')}`,
    runs: 300,
  },
  {
    name: 'fork beside a writer',
    base: 'linux-4.19',
    body: `${one}${start('vcpu: write guest')}${lines('tasks', 'vcpu: [write guest]', 'other: [fork child]')}`,
    runs: 300,
  },
  {
    name: 'part of a huge page',
    base: 'uffd-wp-2018',
    body: `${huge}${guarded}${lines('tasks', 'vcpu: ["write guest[1]"]', 'monitor: [uffd_wait, "uffd_unprotect guest[1]"]')}`,
    runs: 300,
  },
  {
    name: 'writeback beside a dirty check',
    base: 'page-dirty-check',
    body: `${file}${start('main: write map', 'main: mprotect map r')}${lines('tasks', 'main: [mprotect map rw, write map]', 'flusher: [fsync data]')}`,
  },
  {
    name: 'migration, after which A is clear',
    base: 'linux-4.19',
    body: `machine: { nodes: 2 }\n${one}${start('vcpu: write guest')}${lines('tasks', 'vcpu: [write guest]', 'other: [migrate guest node 1]')}`,
  },
  {
    name: 'twins that write first',
    base: 'linux-4.19',
    body: `${one}${lines('tasks', 'a: [write guest]', 'b: [write guest]')}`,
  },
];

const compared = (body: string, base: string, override: Override, runs: number): void => {
  const [less, all, some] = findings(workload(body), base, override, reduced, plain(runs), random(150))!;
  expect(less!.explored!.complete).toBe(true);
  expect([...lost(all!, less!), ...lost(some!, less!)]).toEqual([]);
  if (runs > 150) expect(all!.explored!.complete).toBe(true);
  if (all!.explored!.complete) expect(lost(less!, all!)).toEqual([]);
};

test.each(small)('nothing is lost by the reduction: $name', ({ base, body, runs = 150 }) =>
  compared(unasked(body), base, {}, runs),
);
test.each(rows)('nothing is lost by the reduction, where a kernel $kernel', ({ base, body, broken }) =>
  compared(unasked(body), base, broken, 150),
);

const kernels = ['linux-4.19', 'uffd-wp-2018', 'uffd-wp-bit', 'linux-5.12', 'linux-6.18', 'page-dirty-check'];

test('nothing is lost by the reduction: random workloads', () => {
  const heading = { name: 'random', asks: 'Is anything lost?', source: 'this test' };
  const made = drafts({ without: new Set(), hardware: true });
  const property = fc.property(made, fc.constantFrom(...kernels), (draft, base) => {
    const fixture = fixtureOf(draft, heading);
    const fits = fixture && fixture.tasks.size > 1 ? fit(fixture) : null;
    const found = fits && attempt(() => findings(fits, base, {}, within(60), random(30)));
    const [less, some] = found ?? [];
    if (less?.explored?.complete) expect(lost(some!, less)).toEqual([]);
  });
  fc.assert(property, { seed: 20180904, numRuns: 40, endOnFailure: true });
});
