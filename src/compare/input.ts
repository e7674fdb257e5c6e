/** Fixtures and variants that a user names, before anything is loaded from them. */

/** Something that a user wrote cannot be used. `usage`: the command line; `input`: a file. */
export class InputError extends Error {
  override name = 'InputError';
  constructor(
    readonly kind: 'usage' | 'input',
    message: string,
  ) {
    super(message);
  }
}

/** Whether an argument names a file: it has a slash or one of these endings. */
export const namesFile = (argument: string, endings: readonly string[]): boolean =>
  argument.includes('/') || endings.some((ending) => argument.endsWith(ending));

/** The text of a user's file, or the reason why not. */
export function readInput(file: string, read: (file: string) => string): string {
  try {
    return read(file);
  } catch (error) {
    throw new InputError('input', `${file}: ${reasonOf(error)}`);
  }
}

const reasons: Record<string, string> = {
  ENOENT: 'no such file',
  EISDIR: 'is a directory, not a file',
  EACCES: 'permission denied',
  ENOTDIR: 'no such file',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left',
  ENAMETOOLONG: 'name too long',
};

/** What the system says about a file, in words. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code && reasons[code]) ?? message;
}
