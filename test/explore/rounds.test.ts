import { Execution } from '../../src/explore/index';
import { begin, judge } from '../../src/judge/index';
import { kernelOf, type Override, workload } from '../judge/broken_kernel';

/** Says that a write fault is handled, and leaves the entry read-only. */
const forgetsToWrite: Override = {
  *wp_page_reuse(k, vmf) {
    yield* k.pte_unmap_unlock(vmf.pte!);
  },
};

const readOnly = (pages: number): string =>
  `memory:\n  guest: { size: ${4 * pages}KiB }\nstart:\n  - vcpu: write guest\n  - vcpu: mprotect guest r\n  - vcpu: mprotect guest rw\n`;
const guarded =
  'memory:\n  guest: { size: 4KiB }\nstart:\n  - vcpu: write guest\n  - monitor: uffd_register guest\n  - monitor: uffd_protect guest\n';

interface Row {
  what: string;
  base: string;
  body: string;
  broken?: Override;
  /** Whose fault comes for ever. */
  forEver: readonly string[];
}

const rows: Row[] = [
  {
    what: 'alone',
    base: 'linux-4.19',
    body: `${readOnly(1)}tasks:\n  vcpu: [write guest]\n`,
    broken: forgetsToWrite,
    forEver: ['vcpu'],
  },
  {
    what: 'beside somebody who ends',
    base: 'linux-4.19',
    body: `${readOnly(1)}tasks:\n  vcpu: [write guest]\n  other: [read guest, read guest]\n`,
    broken: forgetsToWrite,
    forEver: ['vcpu'],
  },
  {
    what: 'two of them',
    base: 'linux-4.19',
    body: `${readOnly(2)}tasks:\n  a: ["write guest[0]"]\n  b: ["write guest[1]"]\n`,
    broken: forgetsToWrite,
    forEver: ['a', 'b'],
  },
  {
    what: 'not where it only waits for somebody who is in the kernel',
    base: 'linux-5.12',
    body: `${guarded}tasks:\n  vcpu: [write guest]\n  monitor: [uffd_wait, uffd_close]\n`,
    forEver: [],
  },
  {
    what: 'not where a monitor lets it go on',
    base: 'uffd-wp-bit',
    body: `${guarded}tasks:\n  vcpu: [write guest]\n  other: [uffd_protect guest]\n  monitor: [uffd_serve]\n`,
    forEver: [],
  },
];

test.each(rows)('a fault that comes for ever: $what', ({ base, body, broken = {}, forEver }) => {
  const verdict = judge(workload(body), kernelOf(base, broken));
  if (!('explored' in verdict)) throw new Error(verdict.kind);
  expect(verdict.explored.complete).toBe(true);
  const hangs = verdict.broken.filter(({ invariant }) => invariant === 'bounded-refault');
  expect(hangs.length).toBe(forEver.length > 0 ? 1 : 0);
});

test.each(rows.filter(({ forEver }) => forEver.length > 0))(
  'a run of it stops where its steps lead back, and names who goes round: $what',
  ({ base, body, broken = {}, forEver }) => {
    const begun = begin(workload(body), kernelOf(base, broken));
    if ('reason' in begun) throw new Error(begun.reason);
    const run = new Execution(begun.start);
    for (let able = run.enabled(); able.length > 0; able = run.enabled()) run.take(able[0]!);
    expect(run.stuck().map(({ actor }) => actor.name)).toEqual(forEver);
    run.finish();
    expect(run.notes.found.get('bounded-refault')?.saw).toMatch(/^refaults without end at /);
  },
);
