/** Several files into a folder: none is touched until all are written. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError, reasonOf } from '../compare/input';
import { makeFolder, tryWritingIn } from './output';

const refuse = (folder: string, error: unknown): InputError =>
  new InputError('usage', `cannot write --output ${folder}: ${reasonOf(error)}`);

/** Asked before the work begins. The folder is made where there is none. */
export function checkFolder(folder: string): void {
  try {
    makeFolder(folder);
    tryWritingIn(folder);
  } catch (error) {
    const isFile = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw refuse(folder, isFile ? new Error('is a file, not a directory') : error);
  }
}

/** @param files their texts by name */
export function writeFolder(folder: string, files: ReadonlyMap<string, string>): void {
  const written: { temporary: string; file: string }[] = [];
  try {
    for (const [name, text] of files) {
      const temporary = join(folder, `.${name}.${process.pid}.tmp`);
      written.push({ temporary, file: join(folder, name) });
      writeFileSync(temporary, text);
    }
    for (const { temporary, file } of written) renameSync(temporary, file);
  } catch (error) {
    for (const { temporary } of written) rmSync(temporary, { force: true });
    throw refuse(folder, error);
  }
}
