/** Output into a file: all of it or nothing. */
import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
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

/** Beside the file, so that it can take its place. */
const temporaryOf = (file: string): string => join(dirname(file), `.${basename(file)}.${process.pid}.tmp`);

/** Asked before the work begins, because nobody wants to hear of it afterwards. */
export function checkOutput(file: string, option = '--output'): void {
  try {
    if (file === '') throw new Error('it has no name');
    const existing = statSync(file, { throwIfNoEntry: false });
    if (existing?.isDirectory()) throw new Error('is a directory, not a file');
    if (!existsSync(dirname(file))) throw new Error(`there is no folder ${dirname(file)}`);
    if (existing && !existing.isFile()) accessSync(file, constants.W_OK);
    else tryWriting(temporaryOf(file));
  } catch (error) {
    throw refuse(file, error, option);
  }
}

/** Like checkOutput, of a folder that is made only when there is something to put into it. */
export function checkFolderToBe(folder: string, option: string): void {
  try {
    if (folder === '') throw new Error('it has no name');
    let there = folder;
    while (!isThere(there)) there = dirname(there);
    const found = statSync(there, { throwIfNoEntry: false });
    if (!found?.isDirectory())
      throw new Error(`${there} is a ${found ? 'file' : 'link to nothing'}, not a directory`);
    tryWritingIn(there);
  } catch (error) {
    throw refuse(folder, error, option);
  }
}

/** Whether files can be made in a folder. */
export const tryWritingIn = (folder: string): void =>
  tryWriting(join(folder, `.faultline.${process.pid}.tmp`));

/** Only an attempt tells: to root and to some file systems everything seems to be allowed. */
function tryWriting(temporary: string): void {
  try {
    writeFileSync(temporary, '');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'no file can be made there' : reasonOf(error);
    throw new Error(`${dirname(temporary)}: ${reason}`);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Also a link to nothing is there: no folder can be made in its place. */
function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** A file that is there is replaced only when the new one is complete. A device or pipe is written as it is. */
export function writeOutput(file: string, text: string, option = '--output'): void {
  const existing = statSync(file, { throwIfNoEntry: false });
  const temporary = temporaryOf(file);
  try {
    if (existing && !existing.isFile()) {
      writeFileSync(file, text);
      return;
    }
    writeFileSync(temporary, text);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw refuse(file, error, option);
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
