/** The agent for real, on the kernel that runs this test, where that kernel lets it. */

import { loadFixtures } from '../../src/compare/load';
import { CannotRunError } from '../../src/conform/cannot_run';
import { runLive } from '../../src/conform/live';
import type { KernelRun, ObservedRun } from '../../src/conform/observation';
import { jobOf } from '../../src/conform/steps';
import { compile } from '../../src/workload/workload';

const names = ['base-dirty-4k', 'untouched-4k', 'fork-cow-4k', 'readonly-vma-4k', 'mprotect-plain-nouffd'];
let run: KernelRun | null = null;

beforeAll(async () => {
  const jobs = loadFixtures(names).map(({ fixture }) => jobOf(compile(fixture)));
  try {
    run = await runLive(jobs, process.env);
  } catch (error) {
    if (!(error instanceof CannotRunError)) throw error;
    process.stderr.write(`skipped, as the kernel here does not let us: ${error.message}\n`);
  }
}, 120_000);

const observed = (name: string): ObservedRun | undefined => run?.runs.find(({ fixture }) => fixture === name);
const messages = (name: string): string[] =>
  observed(name)!.observations.flatMap((one) => one.messages.map((m) => `${m.event} ${m.flags} ${m.answer}`));

test('every fixture comes to its end', () => {
  if (!run) return;
  expect(run.runs.map(({ fixture, end }) => `${fixture} ${end.kind}`)).toEqual(
    names.map((name) => `${name} through`),
  );
  expect(run.garbage).toEqual([]);
});

test('a store to a protected page is a message, and a store to an untouched one is none', () => {
  if (!run) return;
  expect(messages('base-dirty-4k')).toEqual(['pagefault 3 0', 'pagefault 3 0']);
  expect(messages('untouched-4k')).toEqual([]);
});

test('a forked child reads what was there at the fork', () => {
  if (!run) return;
  const reads = observed('fork-cow-4k')!.observations.flatMap(({ ends }) =>
    ends.filter(({ actor }) => actor === 'child').flatMap((end) => end.reads.map(({ value }) => value)),
  );
  expect(reads).toEqual([1, 1]);
});

test('a store to a read-only mapping is a SIGSEGV, un-protected or not', () => {
  if (!run) return;
  const ends = observed('readonly-vma-4k')!.observations.flatMap((one) => one.ends);
  const signals = ends.flatMap(({ outcome }) =>
    outcome.kind === 'signal' ? [`${outcome.signal} ${outcome.code}`] : [],
  );
  expect(signals).toEqual(['SIGSEGV 2']);
});
