import { runAll } from '../../src/conform/attempts';
import { CannotRunError } from '../../src/conform/cannot_run';
import type { RunEnd } from '../../src/conform/observation';
import { ReportReader } from '../../src/conform/report_reader';
import type { Job } from '../../src/conform/steps';
import { hello, job, jobEnd, line, turn, withoutUffd } from './sample';

const jobs = ['a', 'b', 'c'].map(job);
const panic: RunEnd = { kind: 'kernel', what: 'panic', lines: ['Kernel panic - not syncing'] };

/** A kernel on which these fixtures never end. */
const kernel =
  (deadly: readonly string[], starts: string[][] = []) =>
  async (left: readonly Job[]) => {
    const reader = new ReportReader(left);
    starts.push(left.map(({ name }) => name));
    reader.push(hello());
    for (const { name } of left) {
      reader.push(line({ k: 'job', name }) + turn(0));
      if (deadly.includes(name)) break;
      reader.push(jobEnd());
    }
    return { reader, end: panic, reason: 'it ended' };
  };

test('a panic in the middle is a result, and the rest is run by a fresh start', async () => {
  const starts: string[][] = [];
  const { runs } = await runAll(jobs, kernel(['b'], starts));
  expect(runs.map(({ fixture, end }) => `${fixture} ${end.kind}`)).toEqual([
    'a through',
    'b kernel',
    'c through',
  ]);
  expect(starts).toEqual([['a', 'b', 'c'], ['c']]);
});

test('each of several that bring it down is started once', async () => {
  const starts: string[][] = [];
  await runAll(jobs, kernel(['a', 'b', 'c'], starts));
  expect(starts.map((names) => names[0])).toEqual(['a', 'b', 'c']);
});

test('a kernel that says nothing is an error with the reason', async () => {
  const mute = async (left: readonly Job[]) => ({
    reader: new ReportReader(left),
    end: panic,
    reason: 'not a word',
  });
  await expect(runAll(jobs, mute)).rejects.toThrow(new CannotRunError('not a word'));
});

test('one that does not start again keeps what it had', async () => {
  let starts = 0;
  const { runs } = await runAll(jobs, async (left) => {
    const first = starts++ === 0;
    return first ? kernel(['a'])(left) : { reader: new ReportReader(left), end: panic, reason: 'gone' };
  });
  expect(runs.map(({ fixture, end }) => `${fixture} ${end.kind}`)).toEqual([
    'a kernel',
    'b stopped',
    'c stopped',
  ]);
});

test('without userfaultfd, fixtures that use it cannot be run', async () => {
  const refused = async (left: readonly Job[]) => {
    const reader = new ReportReader(left);
    reader.push(hello({ userfaultfd: 0, userfaultfdErrno: 1 }));
    for (const { name } of left) reader.push(line({ k: 'job', name }) + jobEnd());
    return { reader, end: panic, reason: '' };
  };
  await expect(runAll(jobs, refused)).rejects.toThrow(
    'not permitted: be root, or set vm.unprivileged_userfaultfd',
  );
});

test('without userfaultfd, what the others come to is kept, and no step of those that need it counts', async () => {
  const { runs } = await runAll([job('a'), withoutUffd('plain')], async (left) => {
    const reader = new ReportReader(left);
    reader.push(hello({ userfaultfd: 0, userfaultfdErrno: 1 }));
    for (const { name } of left) reader.push(line({ k: 'job', name }) + turn(0) + jobEnd({ waits: [] }));
    return { reader, end: panic, reason: '' };
  });
  expect(runs.map(({ observations, end }) => [observations.length, end.kind])).toEqual([
    [0, 'skipped'],
    [1, 'through'],
  ]);
});

/** A kernel whose starts fail, except for some. */
function failing(isGood: (start: number) => boolean, more: object = {}) {
  let starts = 0;
  const start = async (left: readonly Job[]) =>
    isGood(++starts)
      ? kernel(['a'])(left)
      : { reader: new ReportReader(left), end: panic, reason: `start ${starts} failed`, ...more };
  return { start, count: () => starts };
}

describe('a start that fails', () => {
  test('is tried again', async () => {
    const { start, count } = failing((at) => at === 2);
    const { runs } = await runAll([job('b')], start);
    expect(runs.map(({ end }) => end.kind)).toEqual(['through']);
    expect(count()).toBe(2);
  });

  test('is tried again after each that succeeded', async () => {
    const { start, count } = failing((at) => at % 2 === 0);
    const { runs } = await runAll([job('a'), job('b')], start);
    expect(runs.map(({ end }) => end.kind)).toEqual(['kernel', 'through']);
    expect(count()).toBe(4);
  });

  test('is tried twice, not for ever', async () => {
    const { start, count } = failing(() => false);
    await expect(runAll(jobs, start)).rejects.toThrow('start 2 failed');
    expect(count()).toBe(2);
  });

  test('is not waited for a second time where nothing has started before', async () => {
    const { start, count } = failing(() => false, { isHang: true });
    await expect(runAll(jobs, start)).rejects.toThrow('start 1 failed');
    expect(count()).toBe(1);
  });

  test('is not tried again after an interrupt', async () => {
    const interrupt = new AbortController();
    const { start, count } = failing(() => false);
    const interrupted = runAll(
      jobs,
      (left) => {
        interrupt.abort();
        return start(left);
      },
      { signal: interrupt.signal },
    );
    await expect(interrupted).rejects.toThrow(CannotRunError);
    expect(count()).toBe(1);
  });
});
