/** Folders and programs of this machine. */
import { accessSync, constants, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { reasonOf } from '../compare/input';
import { CannotRunError } from './cannot_run';

export type Env = Readonly<Record<string, string | undefined>>;

/** The user's cache, in the manner of the XDG folders. */
export const cacheDirectory = (env: Env): string =>
  join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'faultline');

/** The first of these programs that is in PATH. */
export function findProgram(env: Env, ...names: string[]): string | null {
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  // Tools of the administrator are often left out of a user's PATH.
  for (const name of names) {
    for (const folder of [...folders, ...(env.PATH === undefined ? [] : ['/usr/sbin', '/sbin'])]) {
      const file = join(folder, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Not in this folder.
      }
    }
  }
  return null;
}

/** Process ids mean something in their own namespace only, and containers may share a temporary folder. */
function namespaceOf(): string {
  try {
    return String(statSync('/proc/self/ns/pid').ino);
  } catch {
    return '0';
  }
}

const NAME = /^faultline-(\d+)-(\d+)-/;

/** Folders of processes that were killed before they could remove them. */
function removeStale(): void {
  for (const name of readdirSync(tmpdir())) {
    const [, pid, namespace] = NAME.exec(name) ?? [];
    if (pid === undefined || namespace !== namespaceOf() || isAlive(Number(pid))) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // It is another user's.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Runs with a folder that is gone afterwards, whatever happens. */
export async function withTemporary<R>(work: (folder: string) => Promise<R>): Promise<R> {
  const folder = makeFolder();
  // What is killed with us may be in the middle of writing a file.
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  process.once('exit', remove);
  try {
    return await work(folder);
  } finally {
    process.removeListener('exit', remove);
    remove();
  }
}

function makeFolder(): string {
  try {
    removeStale();
    return mkdtempSync(join(tmpdir(), `faultline-${process.pid}-${namespaceOf()}-`));
  } catch (error) {
    throw new CannotRunError(
      `cannot make a folder in ${tmpdir()} (TMPDIR names another): ${reasonOf(error)}`,
    );
  }
}
