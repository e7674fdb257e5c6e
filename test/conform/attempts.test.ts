import { runAll } from '../../src/conform/attempts';
import { CannotRunError } from '../../src/conform/cannot_run';
import type { RunEnd } from '../../src/conform/observation';
import { ReportReader } from '../../src/conform/report_reader';
import type { Job } from '../../src/conform/steps';
import { hello, job, jobEnd, line, turn } from './sample';

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
