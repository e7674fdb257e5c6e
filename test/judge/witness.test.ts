import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { ResolvedVariant } from '../../src/core/index';
import { Execution, type Start } from '../../src/explore/index';
import { begin, judge, type Notes } from '../../src/judge/index';
import type { Workload } from '../../src/workload/index';
import { findings, random } from '../explore/searches';
import { bodyOf as bodyOfPrograms, kernelRunning, reads, under, writes } from '../kernels/programs';
import { tries } from '../support/tries';
import { kernelOf, workload } from './broken_kernel';

const file =
  'files:\n  data: { kind: fs, pages: 1 }\nmemory:\n  map: { size: 4KiB, file: data, share: true }\n';
/** A fixture of the project without its heading. */
const bodyOf = (name: string): string => {
  const text = readFileSync(join(__dirname, '..', '..', 'fixtures', `${name}.yaml`), 'utf8');
  return text.slice(text.search(/^(machine|files|memory):/m));
};

const rows = [
  {
    name: 'a dirty check beside writeback',
    base: 'page-dirty-check',
    body: `${file}start:\n  - main: write map\n  - main: mprotect map r\ntasks:\n  main: [mprotect map rw]\n  flusher: [fsync data]\nfinally:\n  - main: write map\n`,
    preemptions: { 'file-notified': 1 },
  },
  {
    name: 'copy-on-write beside a flush that is still to come',
    base: 'linux-5.9',
    body: bodyOf('unprotect-beside-stale-writer'),
    preemptions: { 'copy-has-no-writer': 1 },
  },
];

/** `a12b3` is three switches less one; those where the actor waited are no preemptions, so this is an upper bound. */
const switches = (schedule: string): number => (schedule.match(/[a-z]/g)?.length ?? 1) - 1;

test.each(rows)('$name', ({ base, body, preemptions }) => {
  const verdict = judge(workload(body), kernelOf(base));
  expect(judge(workload(body), kernelOf(base))).toEqual(verdict);
  const broken = 'broken' in verdict ? verdict.broken : [];
  expect(broken).toMatchObject(
    Object.entries(preemptions).map(([invariant, n]) => ({ invariant, preemptions: n })),
  );
  const [byChance] = findings(workload(body), base, {}, random(300))!;
  for (const [invariant, schedule] of byChance!.broken) {
    const found = broken.find((b) => b.invariant === invariant);
    expect(found!.preemptions).toBeLessThanOrEqual(switches(schedule));
  }
});

test.each([
  { name: 'all runs are known', maxExecutions: 1000, isShortest: true },
  { name: 'the search was stopped', maxExecutions: 8, isShortest: false },
])('whether it is the shortest is told: $name', ({ maxExecutions, isShortest }) => {
  const verdict = judge(workload(rows[0]!.body), kernelOf(rows[0]!.base), { maxExecutions, maxSteps: 1000 });
  const broken = 'broken' in verdict ? verdict.broken : [];
  expect(broken.map((one) => [one.invariant, one.mayBeShorter !== true])).toEqual([
    ['file-notified', isShortest],
  ]);
});

type Length = readonly [preemptions: number, steps: number];

/**
 * The shortest run that breaks each invariant, by another way than the project's: every actor may be stopped after every
 * step, every run is made from its beginning, and nothing is known of who touches what.
 */
function shortest(start: Start<Notes>, wanted: number): Map<string, Length> {
  const lengths = new Map<string, Length>();
  const levels: number[][][][] = [[[[]]]];
  const seen = new Set<string>();
  for (let preemptions = 0; preemptions < levels.length; preemptions++) {
    for (let steps = 0; steps < (levels[preemptions]?.length ?? 0); steps++) {
      for (const schedule of levels[preemptions]![steps] ?? []) {
        const execution = new Execution(start);
        for (const actor of schedule) execution.take(actor);
        const place = `${execution.state()} ${execution.lastActor}`;
        const enabled = execution.enabled();
        const { lastActor } = execution;
        if (enabled.length === 0) execution.finish();
        for (const id of execution.notes.found.keys())
          if (!lengths.has(id)) lengths.set(id, [preemptions, steps]);
        if (lengths.size >= wanted) return lengths;
        if (seen.has(place)) continue;
        seen.add(place);
        for (const actor of enabled) {
          const level = preemptions + Number(actor !== lastActor && enabled.includes(lastActor));
          ((levels[level] ??= [])[steps + 1] ??= []).push([...schedule, actor]);
        }
      }
    }
  }
  return lengths;
}

/** That no run breaks an invariant sooner than its witness. @returns how many are broken */
function expectShortest(body: Workload, kernel: ResolvedVariant): number {
  const verdict = judge(body, kernel);
  const broken = 'broken' in verdict ? verdict.broken : [];
  const begun = begin(body, kernel);
  if ('reason' in begun) throw new Error(begun.reason);
  const found = broken.length > 0 ? shortest(begun.start, broken.length) : new Map<string, Length>();
  expect(broken.map((one) => [one.invariant, [one.preemptions, one.schedule.length]])).toEqual(
    broken.map(({ invariant }) => [invariant, found.get(invariant)]),
  );
  return broken.length;
}

test.each([
  ...rows.map(({ name, base, body }) => ({ name, base, body })),
  { name: 'a wake-up that comes late', base: 'uffd-wp-2018', body: bodyOf('copy-late-wake') },
  { name: 'a protect beside a writer', base: 'uffd-wp-2018', body: bodyOf('protect-beside-writer') },
  { name: 'a walk ahead', base: 'linux-5.9', body: bodyOf('unprotect-beside-walk-ahead') },
  {
    name: 'a lock that the merging of pages forgets',
    base: 'mkwrite-reuse',
    body: bodyOf('unprotect-beside-ksm'),
  },
  { name: 'a pin beside fork', base: 'linux-4.19', body: bodyOf('gup-beside-fork') },
])('no run shows it sooner: $name', ({ base, body }) => {
  expect(expectShortest(workload(body), kernelOf(base))).toBeGreaterThan(0);
});

const access = fc.oneof(fc.nat(2).map(reads), fc.nat(2).map(writes));
const nested = fc
  .record({
    outer: fc.nat(1),
    before: fc.array(access, { maxLength: 1 }),
    inner: fc.array(access, { maxLength: 1 }),
  })
  .map(({ outer, before, inner }) => under(outer, ...before, under(1 - outer, ...inner)));

test('no run of random programs comes to a deadlock sooner', () => {
  const program = fc.array(fc.oneof(nested, access), { minLength: 1, maxLength: 3 });
  let deadlocks = 0;
  const property = fc.property(fc.array(program, { minLength: 2, maxLength: 3 }), (programs) => {
    const kernel = kernelOf('linux-4.19', kernelRunning(programs));
    deadlocks += expectShortest(workload(bodyOfPrograms(programs)), kernel);
  });
  fc.assert(property, tries(40));
  expect(deadlocks).toBeGreaterThan(0);
});
