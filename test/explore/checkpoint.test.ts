import { Execution } from '../../src/explore/index';
import { begin } from '../../src/judge/index';
import { kernelOf, workload } from '../judge/broken_kernel';
import { endState } from './end_state';

const guarded =
  'memory:\n  guest: { size: 4KiB }\nstart:\n  - vcpu: write guest\n  - monitor: uffd_register guest\n  - monitor: uffd_protect guest\n';

const rows: [what: string, base: string, body: string][] = [
  [
    'a fault that waits and is let go',
    'uffd-wp-2018',
    `${guarded}tasks:\n  vcpu: [write guest]\n  monitor: [uffd_serve]\n`,
  ],
  [
    'reclaim beside a writer',
    'linux-6.18',
    `${guarded}tasks:\n  vcpu: [write guest]\n  other: [madvise guest pageout]\n  monitor: [uffd_serve]\n`,
  ],
  [
    'a fork beside a writer',
    'uffd-wp-bit',
    `${guarded}tasks:\n  vcpu: [write guest]\n  monitor: [fork child, uffd_serve]\n`,
  ],
  [
    'a kernel that dies',
    'mkwrite-reuse',
    `${guarded}tasks:\n  vcpu: [write guest]\n  monitor: [uffd_serve]\n`,
  ],
];

/** Runs to the end, changing actors now and then. @returns all that can be told of the end */
function toEnd(run: Execution<object>): string {
  for (let able = run.enabled(); able.length > 0; able = run.enabled()) {
    const last = run.schedule.at(-1) ?? 0;
    run.take(able.includes(last) && run.schedule.length % 7 !== 0 ? last : able[able.length - 1]!);
  }
  const end = endState(run.machine);
  run.finish();
  return JSON.stringify([
    end,
    run.schedule,
    run.checksum,
    run.preemptions,
    run.machine.log,
    run.machine.cost,
  ]);
}

test.each(rows)('%s: a run goes on from every checkpoint as if nothing had been', (_, base, body) => {
  const begun = begin(workload(body), kernelOf(base));
  if ('reason' in begun) throw new Error(begun.reason);
  const expected = toEnd(new Execution(begun.start));
  const run = new Execution(begun.start);
  const schedule = JSON.parse(expected)[1] as number[];
  for (const actor of schedule) {
    const checkpoint = run.save()!;
    const state = run.state();
    expect(toEnd(run)).toBe(expected);
    run.restore(checkpoint);
    expect(run.state()).toBe(state);
    run.take(actor);
  }
});
