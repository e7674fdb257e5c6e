/** A user's own variant: run, and checked before it is used, so that a slip is told with its place. */
import { mainline, type Variant } from '../core/index';
import { functionNames } from '../workload/kernel_names';
import { didYouMean } from '../workload/suggestion';
import { InputError } from './input';
import { takesSteps } from './resumable';
import { placeOfWord, runUserFile } from './user_file';

/**
 * @param known the built-in variants, whose ids are taken
 * @param onFile called with every file that it is made of, also where loading fails later
 */
export function loadVariantFile(
  file: string,
  known: readonly Variant[],
  onFile?: (path: string) => void,
): Variant {
  // A variant is kernel functions over the core: of this very program, not of another copy beside the file.
  const variant = runUserFile(file, () => require('../core/index'), onFile);
  return checked(variant, file, known);
}

/** What is wrong with the default export of a variant's file, told where it stands. */
function checked(value: unknown, file: string, known: readonly Variant[]): Variant {
  const refuse = (word: string | null, message: string): InputError =>
    new InputError('input', `${word === null ? `${file}:1:1` : placeOfWord(file, word)}: ${message}`);
  if (!isRecord(value) || Object.keys(value).length === 0) {
    throw refuse(
      null,
      'exports no variant; write: export default defineVariant({ meta: {...}, kernel: {...} })',
    );
  }
  const { meta, kernel } = value;
  if (!isRecord(meta)) throw refuse(null, 'the variant has no "meta"');
  if (!isRecord(kernel))
    throw refuse(null, 'the variant has no "kernel" with the functions that it replaces');
  const id = meta.id;
  if (typeof id !== 'string' || !/^[\w.-]+$/.test(id)) {
    throw refuse('id', `meta.id must be a name of letters, digits, ".", "_" and "-", found ${show(id)}`);
  }
  if (known.some((one) => one.meta.id === id)) throw refuse('id', `"${id}" is the id of a built-in variant`);
  if (meta.base !== null && typeof meta.base !== 'string') {
    throw refuse('base', `meta.base must be the id of a variant or null, found ${show(meta.base)}`);
  }
  checkFunctions(kernel, refuse);
  return { meta: { ...defaults(id), ...meta }, kernel } as Variant;
}

function checkFunctions(
  kernel: Record<string, unknown>,
  refuse: (word: string | null, message: string) => InputError,
): void {
  const names = functionNames();
  for (const [name, fn] of Object.entries(kernel)) {
    if (!names.has(name)) {
      const hint = didYouMean(name, names) || '; faultline list functions shows those there are';
      throw refuse(name, `there is no kernel function "${name}" to replace${hint}`);
    }
    if (typeof fn !== 'function') throw refuse(name, `"${name}" must be a function, found ${show(fn)}`);
    const shouldTakeSteps = takesSteps(mainline[name as keyof typeof mainline]);
    if (takesSteps(fn) !== shouldTakeSteps) {
      const wanted = shouldTakeSteps
        ? `takes steps: write *${name}`
        : `takes no steps: write ${name} without *`;
      throw refuse(name, `"${name}" ${wanted}`);
    }
  }
}

/** What a user who only tries something out may leave away. */
const defaults = (id: string): Variant['meta'] => ({
  id,
  title: id,
  author: 'unknown',
  subject: '',
  messageId: '',
  date: '',
  base: null,
  supersedes: [],
  touches: [],
  reported: [],
  builds: true,
});

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

const show = (value: unknown): string =>
  value === undefined ? 'nothing' : typeof value === 'function' ? 'a function' : JSON.stringify(value);
