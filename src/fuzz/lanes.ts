/** Where the work of a campaign is done: in this thread or in threads of their own, one piece of work at a time each. */
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { received, type SentError, startThread } from '../compare/thread';
import type { ExploreOptions } from '../explore/index';
import { Bench, type BenchOptions, type Judged } from './bench';
import type { Finding } from './finding';
import type { Lead } from './lead';

/** With a lead, that is made small; without, the fixture of the seed is judged. */
export interface Job {
  readonly seed: number;
  readonly lead: Lead | null;
}

export type Answer = { readonly judged: Judged | null } | { readonly finding: Finding };

/** What a worker is started with. Functions cannot be sent, so it loads the variants itself. */
export interface WorkerData {
  /** What names the variants on the command line. */
  readonly variants: readonly string[];
  readonly differ: boolean;
  readonly without: readonly string[];
  readonly hardware: boolean;
  readonly bounds: ExploreOptions;
  /** One number; not 0: stop. Seen at once, where a message waits for the end of a search. */
  readonly stop: SharedArrayBuffer;
}

export type Reply = Answer | { readonly error: SentError };

export interface Lane {
  readonly work: (job: Job) => Promise<Answer>;
  readonly end: () => Promise<unknown>;
}

export async function answer(bench: Bench, { seed, lead }: Job): Promise<Answer> {
  return lead ? { finding: await bench.shrink(seed, lead) } : { judged: await bench.judge(seed) };
}

export function laneHere(options: Omit<BenchOptions, 'goesOn'>, signal: AbortSignal | undefined): Lane {
  const bench = new Bench({
    ...options,
    async goesOn() {
      // Gives an interrupt its turn.
      await new Promise((resolve) => setImmediate(resolve));
      return !signal?.aborted;
    },
  });
  return { work: (job) => answer(bench, job), end: async () => {} };
}

/** Whoever interrupts waits no longer than that for a search to come to its end. */
const PATIENCE = 3000;

export function lanesInThreads(
  options: Omit<BenchOptions, 'goesOn'>,
  names: readonly string[],
  count: number,
  signal: AbortSignal | undefined,
): Lane[] {
  const stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const raise = (): void => void Atomics.store(new Int32Array(stop), 0, 1);
  if (signal?.aborted) raise();
  signal?.addEventListener('abort', raise);
  const { differ, without, hardware, bounds } = options;
  const workerData: WorkerData = { variants: names, differ, without, hardware, bounds, stop };
  // Answers with what is known before anything is searched.
  const stopped = new Bench({ ...options, goesOn: async () => false });
  return Array.from({ length: count }, () => {
    const worker = startThread(join(__dirname, 'worker'), workerData);
    let isLost = false;
    const withoutIt = (job: Job): Promise<Answer> => {
      isLost = true;
      return answer(stopped, job);
    };
    return {
      work: (job) => (isLost ? withoutIt(job) : soonAfter(signal, asked(worker, job), () => withoutIt(job))),
      end() {
        signal?.removeEventListener('abort', raise);
        return worker.terminate();
      },
    };
  });
}

function asked(worker: Worker, job: Job): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const take = (reply: Reply): void => {
      worker.off('error', reject);
      if ('error' in reply) reject(received(reply.error));
      else resolve(reply);
    };
    worker.once('error', reject);
    worker.once('message', take);
    worker.postMessage(job);
  });
}

/** What comes, but not much later than the signal; then `otherwise`. */
function soonAfter<T>(
  signal: AbortSignal | undefined,
  coming: Promise<T>,
  otherwise: () => Promise<T>,
): Promise<T> {
  if (!signal) return coming;
  return new Promise<T>((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const wait = (): void => {
      timer = setTimeout(() => otherwise().then(resolve, reject), PATIENCE);
    };
    if (signal.aborted) wait();
    signal.addEventListener('abort', wait);
    coming.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wait);
    });
  });
}
