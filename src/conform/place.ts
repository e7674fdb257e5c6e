/** Folders and programs of this machine. */
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

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

/** Runs with a folder that is gone afterwards, whatever happens. */
export async function withTemporary<R>(work: (folder: string) => Promise<R>): Promise<R> {
  const folder = mkdtempSync(join(tmpdir(), `faultline-${process.pid}-`));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    return await work(folder);
  } finally {
    process.removeListener('exit', remove);
    remove();
  }
}
