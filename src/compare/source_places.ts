/** Where in a user's file something was thrown, although what ran was compiled from it. */
import { SourceMap, type SourceMapPayload } from 'node:module';
import { isNativeError } from 'node:util/types';
import { natively } from '../core/index';
import { InputError } from './input';

interface Known {
  readonly shown: string;
  readonly map: SourceMap | null;
}
const files = new Map<string, Known>();

/** @param code what was run, with its source map as a comment if it was compiled */
export function remember(path: string, shown: string, code: string): void {
  const encoded = /\/\/# sourceMappingURL=data:[^,]*;base64,([\w+/=]+)/.exec(code)?.[1];
  const payload = encoded ? JSON.parse(Buffer.from(encoded, 'base64').toString()) : null;
  files.set(path, { shown, map: payload ? new SourceMap(payload as SourceMapPayload) : null });
}

/** `file:line:column` of the innermost frame of an error that is in `path`, or in any remembered file. */
export function placeInSource(error: unknown, path?: string): string | null {
  const stack = isNativeError(error) ? (error.stack ?? '') : '';
  for (const frame of stack.split('\n')) {
    const found = /\(?([^\s()]+):(\d+):(\d+)\)?$/.exec(frame);
    const known = found && (path === undefined || found[1] === path) ? files.get(found[1]!) : undefined;
    if (!found || !known) continue;
    const [line, column] = [Number(found[2]), Number(found[3])];
    const entry = known.map?.findEntry(line - 1, column - 1);
    return entry && 'originalLine' in entry
      ? `${known.shown}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
      : `${known.shown}:${line}:${column}`;
  }
  return null;
}

/** Runs a variant. A user's function that throws is the user's slip, not ours; other errors stay what they are. */
export function blaming<T>(variant: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isUsers(error)) throw error;
    throw blame(stackOf(work) ?? error, variant);
  }
}

const isUsers = (error: unknown): boolean =>
  isNativeError(error) &&
  !['ModelError', 'FixtureError', 'InputError'].includes(error.name) &&
  placeInSource(error) !== null;

/** What it throws when it runs once more as it is written, so that the stack names the line. */
function stackOf(work: () => unknown): Error | null {
  try {
    natively(work);
  } catch (error) {
    if (isUsers(error)) return error as Error;
  }
  return null;
}

function blame(error: unknown, variant: string): Error {
  const { name, message, stack } = error as Error;
  const told = new InputError(
    'input',
    `${placeInSource(error)}: variant ${variant} threw ${name}: ${message}`,
  );
  told.stack = stack ?? '';
  return told;
}
