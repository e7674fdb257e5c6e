/** Output into a file: all of it or nothing. */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InputError, reasonOf } from '../compare/input';

const refuse = (file: string, error: unknown, option = '--output'): InputError =>
  new InputError('usage', `cannot write ${option} ${file}: ${reasonOf(error)}`);

/** Asked before the work begins, because nobody wants to hear of it afterwards. */
export function checkOutput(file: string, option = '--output'): void {
  try {
    if (file === '') throw new Error('it has no name');
    const existing = statSync(file, { throwIfNoEntry: false });
    if (existing?.isDirectory()) throw new Error('is a directory, not a file');
    if (!existsSync(dirname(file))) throw new Error(`there is no folder ${dirname(file)}`);
    accessSync(existing && !existing.isFile() ? file : dirname(file), constants.W_OK);
  } catch (error) {
    throw refuse(file, error, option);
  }
}

/** A file that is there is replaced only when the new one is complete. A device or pipe is written as it is. */
export function writeOutput(file: string, text: string): void {
  const existing = statSync(file, { throwIfNoEntry: false });
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}.tmp`);
  try {
    if (existing && !existing.isFile()) {
      writeFileSync(file, text);
      return;
    }
    writeFileSync(temporary, text);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw refuse(file, error);
  }
}

/**
 * A folder and those above it, as far as they are not there. Not Node's own way, which never returns where a file
 * system says of a new folder that its parent is missing, as /proc does.
 */
export function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(folder) !== folder) makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process may have been faster.
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}
