/** Threads of our own: how one starts, and how an error comes back from it. */
import { extname } from 'node:path';
import { isNativeError } from 'node:util/types';
import { Worker } from 'node:worker_threads';
import { ModelError } from '../core/assert';
import { FixtureError } from '../workload/fixture';
import { InputError } from './input';

export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly kind?: InputError['kind'];
  readonly place?: { readonly file: string; readonly line: number; readonly column: number };
}

/**
 * From the sources, too, where TypeScript has to be understood first.
 * @param module the file that the thread runs, without its ending
 */
export function startThread(module: string, workerData: object): Worker {
  const file = `${module}${extname(__filename)}`;
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

export function received({ name, message, stack, kind, place }: SentError): Error {
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
