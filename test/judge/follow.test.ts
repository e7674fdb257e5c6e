import { type Execution, explore, Execution as Run } from '../../src/explore/index';
import { begin, type Notes } from '../../src/judge/index';
import { viewKey } from '../../src/judge/notes';
import { has } from '../../src/judge/ranges';
import { allowedAt } from '../../src/judge/world';
import { random } from '../explore/searches';
import { found, kernelOf, workload } from './broken_kernel';

const one = 'memory:\n  guest: { size: 4KiB }\n  later: { size: 4KiB, mapped: false }\n';
const N = (content: number): number => 1_000_000 + content;

/** The notes when the tasks have ended, of every run or of the first one. */
function ends(
  body: string,
  base = 'linux-4.19',
): { at: (region: string) => number; runs: Execution<Notes>[] } {
  const w = workload(body);
  const begun = begin(w, kernelOf(base));
  if ('reason' in begun) throw new Error(begun.reason);
  const schedules: number[][] = [];
  const take = (execution: Execution<Notes>): void => {
    // Others stop at a state from which an earlier one went on.
    if (execution.enabled().length === 0) schedules.push([...execution.schedule]);
  };
  explore(begun.start, take, { maxExecutions: 200, maxSteps: 10_000 });
  const runs = schedules.map((schedule) => {
    const run = new Run(begun.start);
    for (const position of schedule) run.take(position);
    return run;
  });
  return { at: (region) => w.regions.get(region)!.start, runs };
}
const seenAt = (run: Execution<Notes>, process: number, va: number): number[] =>
  [...new Set(allowedAt(run.notes, run.machine.mm(process), va))].sort();
/** The mm of a process by its name. */
const mmOf = (run: Execution<Notes>, name: string): number => run.machine.user.processes.get(name)!.id;
const armed = (run: Execution<Notes>, mm: number, va: number): boolean => {
  const ranges = run.notes.armed.get(mm);
  return ranges !== undefined && has(ranges, va);
};

describe('what a load may see', () => {
  test('is what was stored last', () => {
    const { at, runs } = ends(`${one}tasks:\n  vcpu: ["write guest = 1", "write guest = 2"]`);
    expect(runs.map((run) => seenAt(run, 0, at('guest')))).toEqual([[N(2)]]);
  });

  test('is zeroes after MADV_DONTNEED', () => {
    const { at, runs } = ends(`${one}tasks:\n  vcpu: ["write guest = 1", madvise guest dontneed]`);
    expect(runs.map((run) => seenAt(run, 0, at('guest')))).toEqual([[0]]);
  });

  test('is zeroes where a mapping took the place of another, although its advice met a hole', () => {
    const body = `memory:
  guest: { size: 8KiB, thp: true }
start:
  - vcpu: write guest = 1
tasks:
  vcpu: [mmap guest]
  other: ["munmap guest[0]"]
`;
    expect(found('linux-4.19', body)).toEqual([]);
  });

  test('is either where a store ran beside MADV_DONTNEED, and never what was there before', () => {
    const { at, runs } = ends(
      `${one}start:\n  - vcpu: write guest = 1\ntasks:\n  vcpu: [madvise guest dontneed]\n  other: ["write guest = 2"]`,
    );
    const seen = new Set(runs.map((run) => seenAt(run, 0, at('guest')).join()));
    expect(seen).toContain(`0,${N(2)}`);
    for (const one of seen) expect(one.split(',')).not.toContain(String(N(1)));
  });

  test('is what it was or zeroes after MADV_FREE, until the next store', () => {
    const body = `${one}start:\n  - vcpu: write guest = 1\ntasks:\n  vcpu: [madvise guest free`;
    const { at, runs } = ends(`${body}]`);
    expect(seenAt(runs[0]!, 0, at('guest'))).toEqual([0, N(1)]);
    expect(seenAt(ends(`${body}, "write guest = 2"]`).runs[0]!, 0, at('guest'))).toEqual([N(2)]);
  });

  test('moves with mremap()', () => {
    const { at, runs } = ends(
      `${one}start:\n  - vcpu: write guest = 1\ntasks:\n  vcpu: [mremap guest to later]`,
    );
    expect(seenAt(runs[0]!, 0, at('later'))).toEqual([N(1)]);
    expect(runs[0]!.notes.view.has(viewKey(0, at('guest')))).toBe(false);
  });

  test('is for a child what the parent had, and then its own', () => {
    const { at, runs } = ends(
      `${one}start:\n  - parent: write guest = 1\n  - parent: fork child\n  - child: write guest = 2\ntasks:\n  parent: ["write guest = 3"]`,
    );
    expect(seenAt(runs[0]!, mmOf(runs[0]!, 'child'), at('guest'))).toEqual([N(2)]);
    expect(seenAt(runs[0]!, 0, at('guest'))).toEqual([N(3)]);
  });

  test('is for a child whatever the parent held while it forked', () => {
    const { at, runs } = ends(
      `${one}start:\n  - other: write guest = 1\ntasks:\n  parent: [fork child]\n  other: ["write guest = 2", "write guest = 3"]`,
    );
    const seen = runs.map((run) => seenAt(run, mmOf(run, 'child'), at('guest')).join());
    expect(seen).toContain([N(1), N(2), N(3)].join());
  });
});

describe('what is armed', () => {
  const registered =
    'start:\n  - vcpu: write guest\n  - monitor: uffd_register guest\n  - monitor: uffd_protect guest\n';

  test('is what was protected and is mapped', () => {
    const { at, runs } = ends(
      `memory:\n  guest: { size: 8KiB }\nstart:\n  - vcpu: write guest[0]\n  - monitor: uffd_register guest\ntasks:\n  monitor: [uffd_protect guest]`,
      'uffd-wp-bit',
    );
    expect(armed(runs[0]!, 0, at('guest'))).toBe(true);
    expect(armed(runs[0]!, 0, at('guest') + 4096)).toBe(false);
  });

  test.each([
    'uffd_unprotect guest',
    'uffd_unregister guest',
    'uffd_close',
    'munmap guest',
    'madvise guest dontneed',
  ])('is no longer after %s', (step) => {
    const { at, runs } = ends(`${one}${registered}tasks:\n  monitor: ["${step}"]`, 'uffd-wp-bit');
    expect(armed(runs[0]!, 0, at('guest'))).toBe(false);
  });

  test('is open where protecting and un-protecting ran at the same time', () => {
    const { at, runs } = ends(
      `${one}${registered}tasks:\n  monitor: [uffd_protect guest]\n  other: [uffd_unprotect guest]`,
      'uffd-wp-bit',
    );
    const overlapping = runs.filter((run) => run.preemptions > 0);
    expect(overlapping.length).toBeGreaterThan(0);
    for (const run of overlapping) expect(armed(run, 0, at('guest'))).toBe(false);
  });

  test('stays with the parent and goes to the child only with UFFD_FEATURE_EVENT_FORK', () => {
    const { at, runs } = ends(`${one}${registered}tasks:\n  vcpu: [fork child]`, 'uffd-wp-bit');
    expect(armed(runs[0]!, 0, at('guest'))).toBe(true);
    expect(armed(runs[0]!, mmOf(runs[0]!, 'child'), at('guest'))).toBe(false);
    const withEvent = registered.replace(
      '  - monitor: uffd_register',
      '  - monitor: uffd_open features=fork\n  - monitor: uffd_register',
    );
    const told = ends(`${one}${withEvent}tasks:\n  vcpu: [fork child]\n  monitor: [uffd_wait]`, 'uffd-wp-bit')
      .runs[0]!;
    expect(armed(told, mmOf(told, 'child'), at('guest'))).toBe(true);
  });

  test('goes where something else is moved over it', () => {
    const { at, runs } = ends(
      `${one.replace(', mapped: false', '')}${registered}  - vcpu: write later\ntasks:\n  vcpu: [mremap later to guest]`,
      'uffd-wp-bit',
    );
    expect(armed(runs[0]!, 0, at('guest'))).toBe(false);
  });

  test('is what UFFDIO_COPY brought in write-protected', () => {
    const { at, runs } = ends(
      `${one}start:\n  - monitor: uffd_register guest missing wp\ntasks:\n  monitor: ["uffd_copy guest[0] = 1 wp"]`,
      'uffd-wp-bit',
    );
    expect(armed(runs[0]!, 0, at('guest'))).toBe(true);
  });
});

describe('a program that is right is not blamed', () => {
  const two =
    'files:\n  dev: { kind: device, pages: 1 }\n' +
    'memory:\n  guest: { size: 8KiB }\n  pad: { size: 4KiB }\n  mmio: { size: 4KiB, file: dev, share: true }\n';
  test.each([
    { when: 'it maps anew over what it stored', steps: ['write guest', 'mmap guest', 'read guest'] },
    {
      when: 'it discards a range with a hole',
      steps: ['write guest', 'munmap guest[0]', 'madvise guest dontneed'],
    },
    {
      when: 'what was soft-dirty is gone',
      steps: ['clear_refs 4', 'write guest', 'madvise guest dontneed', 'read guest'],
    },
    {
      when: 'it registers anew without write-protection',
      base: 'uffd-wp-bit',
      steps: [
        ...['write guest', 'uffd_register guest', 'uffd_protect guest'],
        ...['uffd_register guest missing', 'write guest'],
      ],
      but: ['stray-mark'],
    },
    { when: 'it stores to a device and looks for soft-dirty', steps: ['clear_refs 4', 'write mmio'] },
    { when: 'the kernel refuses to pin pages of a device', steps: ['gup_write mmio'] },
  ])('when $when', ({ base = 'linux-4.19', steps, but = [] }) => {
    const start = steps.map((step) => `  - vcpu: ${step}`).join('\n');
    expect(found(base, `${two}start:\n${start}\ntasks:\n  vcpu: [read pad]`)).toEqual(but);
  });

  test.each([
    {
      when: "a child writes to its parent's memory that the parent may not use",
      base: 'linux-4.19',
      body: 'start:\n  - a: fork child\n  - a: mprotect guest none\n  - child: gup_write guest\ntasks:\n  a: [fork other]\n',
    },
    {
      when: 'whoever lets go of a userfaultfd last releases it after its own call',
      base: 'linux-6.18',
      body: 'start:\n  - a: write guest\ntasks:\n  a: [uffd_close, write guest]\n  b: [uffd_register guest]\n',
    },
    {
      when: 'pages are written to that are held and no longer mapped',
      base: 'linux-4.19',
      body: '  other: { size: 4KiB }\ntasks:\n  a: [mremap other to guest]\n  b: [gup_write guest]\n  c: [write guest]\n',
    },
    {
      when: 'a page goes that was stored to since clear_refs',
      base: 'linux-4.19',
      body: 'start:\n  - a: clear_refs 4\ntasks:\n  a: [write guest]\n  b: [munmap guest]\nfinally:\n  - a: pagemap guest\n',
    },
    {
      when: 'one thread moves something to where another one stores',
      base: 'linux-4.19',
      body: '  other: { size: 4KiB }\ntasks:\n  a: [write guest]\n  b: [mremap other to guest]\n',
    },
    {
      when: 'the mapping under a store goes because something moves there',
      base: 'linux-4.19',
      body: '  other: { size: 4KiB }\nstart:\n  - a: sys_read guest\ntasks:\n  a: [write guest]\n  b: [mremap other to guest]\n',
    },
    {
      when: 'the first of two mappings has moved before the move of the second fails',
      base: 'linux-6.18',
      body: '  heap: { size: 8KiB }\n  pair: { size: 8KiB }\nstart:\n  - a: uffd_register pair\n  - a: write heap[0]\n  - a: mremap heap[1] to pair\n  - a: mremap pair[0..1] to heap\ntasks:\n  a: [read guest]\n',
    },
  ])('when $when', ({ base, body }) => {
    expect(found(base, `memory:\n  guest: { size: 4KiB }\n${body}`)).toEqual([]);
  });
});

describe('what comes to a page beside another call', () => {
  test.each([
    {
      name: 'a page that is mapped while a protection runs need not be protected',
      base: 'uffd-wp-bit',
      body: `${one}start:\n  - a: uffd_register guest\ntasks:\n  a: [write guest]\n  b: [uffd_protect guest]\n`,
    },
    {
      name: 'nor one that is mapped by the kernel',
      base: 'uffd-wp-bit',
      body: `${one}start:\n  - a: uffd_register guest\ntasks:\n  a: [gup_write guest]\n  b: [uffd_protect guest]\n`,
    },
    {
      name: 'what is stored to a held page that is to move is there when it cannot',
      base: 'linux-4.19',
      body: `${one}start:\n  - a: write guest = 0\ntasks:\n  a: [gup_write guest]\n  b: [migrate guest]\n`,
    },
  ])('$name', ({ base, body }) => {
    const begun = begin(workload(body), kernelOf(base));
    if ('reason' in begun) throw new Error(begun.reason);
    const broken = new Set<string>();
    const visit = ({ notes }: Execution<Notes>): void => {
      for (const id of notes.found.keys()) broken.add(id);
    };
    // Also at moments that the search of all orders has no need to tell apart.
    random(400)(begun.start, visit);
    explore(begun.start, visit);
    expect([...broken]).toEqual([]);
  });
});
