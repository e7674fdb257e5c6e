/** Worker threads that judge cells. Each loads the fixtures and variants itself, because functions cannot be sent. */
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import type { ExploreOptions } from '../explore/bounds';
import type { Verdict } from '../judge/verdict';
import type { LoadedFixture, LoadedVariant } from './load';
import { received, type SentError, startThread } from './thread';

/** What a worker is started with. */
export interface WorkerData {
  readonly fixtures: readonly string[];
  readonly variants: readonly string[];
  readonly bounds: ExploreOptions;
  readonly hardware: boolean;
}

/** What a worker answers; asked with the number of a cell. */
export type Answer = { readonly index: number } & (
  | { readonly verdict: Verdict }
  | { readonly error: SentError }
);

interface Run {
  readonly fixtures: readonly LoadedFixture[];
  readonly variants: readonly LoadedVariant[];
  readonly bounds: ExploreOptions;
  /** Numbers of the cells to be judged. */
  readonly wanted: readonly number[];
  readonly workers: number;
  readonly finish: (index: number, verdict: Verdict) => void;
  readonly signal: AbortSignal | undefined;
  readonly hardware: boolean;
}

/** Hands out the cells one by one; ends when all are finished, the first fails, or the signal says so. */
export function runInWorkers(run: Run): Promise<void> {
  const { fixtures, variants, bounds, wanted, workers: count, signal, hardware } = run;
  const of = wanted.length;
  const data: WorkerData = {
    fixtures: fixtures.map(({ argument }) => argument),
    variants: variants.map(({ argument }) => argument ?? ''),
    bounds,
    hardware,
  };
  return new Promise<void>((resolve, reject) => {
    const workers: Worker[] = [];
    let next = 0;
    let left = of;
    const end = (error?: unknown): void => {
      signal?.removeEventListener('abort', stop);
      Promise.all(workers.map((worker) => worker.terminate())).then(
        () => (error === undefined ? resolve() : reject(error)),
        reject,
      );
    };
    const stop = (): void => end();
    const give = (worker: Worker): void => {
      if (next < of) worker.postMessage(wanted[next++]!);
    };
    const take = (worker: Worker, answer: Answer): void => {
      if ('error' in answer) {
        end(received(answer.error));
        return;
      }
      run.finish(answer.index, answer.verdict);
      if (--left === 0) end();
      else give(worker);
    };
    signal?.addEventListener('abort', stop);
    if (of === 0 || signal?.aborted) return end();
    for (let i = 0; i < Math.min(count, of); i++) {
      const worker = startThread(join(__dirname, 'worker'), data);
      workers.push(worker);
      worker.on('message', (answer: Answer) => take(worker, answer));
      worker.on('error', end);
      give(worker);
    }
  });
}
