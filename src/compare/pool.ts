/** Worker threads that judge cells. Each loads the fixtures and variants itself, because functions cannot be sent. */
import { extname, join } from 'node:path';
import { isNativeError } from 'node:util/types';
import { Worker } from 'node:worker_threads';
import { ModelError } from '../core/assert';
import type { ExploreOptions } from '../explore/bounds';
import type { Verdict } from '../judge/verdict';
import { FixtureError } from '../workload/fixture';
import { InputError } from './input';
import type { LoadedFixture, LoadedVariant } from './load';

/** What a worker is started with. */
export interface WorkerData {
  readonly fixtures: readonly string[];
  readonly variants: readonly string[];
  readonly bounds: ExploreOptions;
}

export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly kind?: InputError['kind'];
  readonly place?: { readonly file: string; readonly line: number; readonly column: number };
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
}

/** Hands out the cells one by one; ends when all are finished, the first fails, or the signal says so. */
export function runInWorkers(run: Run): Promise<void> {
  const { fixtures, variants, bounds, wanted, workers: count, signal } = run;
  const of = wanted.length;
  const data: WorkerData = {
    fixtures: fixtures.map(({ argument }) => argument),
    variants: variants.map(({ argument }) => argument ?? ''),
    bounds,
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
      const worker = start(data);
      workers.push(worker);
      worker.on('message', (answer: Answer) => take(worker, answer));
      worker.on('error', end);
      give(worker);
    }
  });
}

/** From the sources, too, where TypeScript has to be understood first. */
function start(workerData: WorkerData): Worker {
  const file = join(__dirname, `worker${extname(__filename)}`);
  if (extname(file) === '.js') return new Worker(file, { workerData });
  const boot = `require('ts-node/register/transpile-only'); require(${JSON.stringify(file)});`;
  return new Worker(boot, { eval: true, workerData });
}

/** An error as it can be sent to another thread. */
export function sent(error: unknown): SentError {
  if (!isNativeError(error)) return { name: 'Error', message: String(error), stack: '' };
  const { name, message, stack = '' } = error;
  if (error instanceof InputError) return { name, message, stack, kind: error.kind };
  if (error instanceof FixtureError) {
    const { file, line, column } = error;
    return { name, message, stack, place: { file, line, column } };
  }
  return { name, message, stack };
}

function received({ name, message, stack, kind, place }: SentError): Error {
  const error =
    kind !== undefined
      ? new InputError(kind, message)
      : place
        ? new FixtureError(place.file, place.line, place.column, message)
        : name === 'ModelError'
          ? new ModelError(message)
          : new Error(message);
  error.stack = stack;
  return error;
}
