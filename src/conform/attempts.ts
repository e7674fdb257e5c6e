/** A list of jobs on one kernel, which any of them may bring down: then the rest goes on with a fresh start. */
import { CannotRunError } from './cannot_run';
import type { Spawned } from './child';
import type { KernelFeatures, KernelRun, ObservedRun, RunEnd } from './observation';
import type { ReportReader } from './report_reader';
import type { Job } from './steps';

/** One start of the kernel or of the agent. */
export interface Attempt {
  readonly reader: ReportReader;
  /** What became of the job that was running when it ended. */
  readonly end: RunEnd;
  /** Why nothing was heard, for when nothing was. */
  readonly reason: string;
  /** It was given up after a long silence, which need not be heard a second time. */
  readonly isHang?: boolean;
}

export interface RunOptions {
  /** Interrupts; what was finished is kept. */
  readonly signal?: AbortSignal;
  /** After each fixture. */
  readonly onRun?: (run: ObservedRun) => void;
}

/** @throws CannotRunError where nothing could be run at all */
export async function runAll(
  jobs: readonly Job[],
  attempt: (jobs: readonly Job[]) => Promise<Attempt>,
  options: RunOptions = {},
): Promise<Pick<KernelRun, 'features' | 'runs' | 'garbage'>> {
  const runs: ObservedRun[] = [];
  const garbage: string[] = [];
  let features: KernelFeatures | null = null;
  let left = jobs;
  let hasFailed = false;
  while (left.length > 0 && !options.signal?.aborted) {
    const { reader, end, reason, isHang } = await attempt(left);
    reader.stop(end);
    // On a busy host a start may fail that succeeds the next time; what has started before deserves any patience.
    if (!reader.features && !hasFailed && (features || !isHang) && !options.signal?.aborted) {
      hasFailed = true;
      continue;
    }
    hasFailed = false;
    features ??= reader.features;
    garbage.push(...reader.garbage);
    if (!features) throw new CannotRunError(reason);
    runs.push(...reader.runs);
    left = left.filter((job) => !reader.runs.some((run) => run.fixture === job.name));
    if (reader.runs.length === 0) {
      runs.push(...left.map((job) => notRun(job, reason)));
      break;
    }
  }
  if (!features) throw new CannotRunError('interrupted before anything was run');
  return { features, runs: withoutUserfaultfd(features, runs), garbage };
}

const notRun = (job: Job, reason: string): ObservedRun => ({
  fixture: job.name,
  steps: job.steps,
  observations: [],
  end: { kind: 'stopped', reason },
});

const errors: Readonly<Record<number, string>> = {
  1: 'not permitted: be root, or set vm.unprivileged_userfaultfd to 1',
  38: 'not configured into this kernel',
};

/**
 * Without userfaultfd only fixtures that never open one can run: what others came to says nothing.
 * @throws CannotRunError where that is all of them
 */
function withoutUserfaultfd(
  { userfaultfd, userfaultfdErrno }: KernelFeatures,
  runs: readonly ObservedRun[],
): readonly ObservedRun[] {
  if (userfaultfd) return runs;
  const needs = (run: ObservedRun): boolean => run.steps.some(({ text }) => text.startsWith('uffd_'));
  const why = errors[userfaultfdErrno] ?? `error ${userfaultfdErrno}`;
  const reason = `the kernel does not let us use userfaultfd: ${why}`;
  if (runs.every(needs)) throw new CannotRunError(reason);
  return runs.map((run) =>
    needs(run) ? { ...run, observations: [], end: { kind: 'skipped', reason } } : run,
  );
}

export interface Heard {
  /** Milliseconds since anything was heard, when it was given up; null if it ended by itself. */
  readonly silent: number | null;
  readonly code: number | null;
}

/** Feeds a child's output to the reader until it is done, gone, silent for too long, or interrupted. */
export async function listen(
  { child, gone, kill }: Spawned,
  reader: ReportReader,
  limits: {
    /** Milliseconds of silence that are too many, now. */
    silence(): number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Heard> {
  let last = Date.now();
  let silent: number | null = null;
  child.stdout!.setEncoding('latin1').on('data', (text: string) => {
    last = Date.now();
    reader.push(text);
    if (reader.isDone) setTimeout(kill, 2000).unref();
  });
  const watch = setInterval(() => {
    const now = Date.now() - last;
    if (now < limits.silence() && !limits.signal?.aborted) return;
    silent ??= now;
    kill();
  }, 100);
  try {
    return { code: await gone, silent };
  } finally {
    clearInterval(watch);
    kill();
  }
}
