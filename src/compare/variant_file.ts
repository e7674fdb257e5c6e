/**
 * A user's own variant: compiled by ts-node, run with `faultline` standing for the core that runs it, and checked before
 * it is used, so that a slip is told with its place.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { isNativeError } from 'node:util/types';
import { compileFunction } from 'node:vm';
import { mainline, type Variant } from '../core/index';
import { functionNames } from '../workload/kernel_names';
import { didYouMean } from '../workload/suggestion';
import { InputError, readInput } from './input';
import { placeInSource, remember } from './source_places';
import { compileTypeScript } from './transpile';

const top = join(__dirname, '..', '..');

/** @param known the built-in variants, whose ids are taken */
export function loadVariantFile(file: string, known: readonly Variant[]): Variant {
  const exported = runFile(resolve(file), file, new Map());
  const variant = (exported as { default?: unknown }).default ?? exported;
  return checked(variant, file, known);
}

/** Runs a file and those that it requires by relative path; `shown` is how messages name it. */
function runFile(path: string, shown: string, running: Map<string, { exports: unknown }>): unknown {
  const known = running.get(path);
  if (known) return known.exports;
  const text = readInput(shown, () => readFileSync(path, 'utf8'));
  const module = { exports: {} as unknown };
  running.set(path, module);
  const fromNode = createRequire(path);
  const load = (specifier: string): unknown => {
    // A variant is kernel functions over the core: of this very program, not of another copy beside the file.
    if (specifier === 'faultline') return require('../core/index');
    const local = specifier.startsWith('.') ? resolveLocal(join(dirname(path), specifier)) : null;
    return local ? runFile(local, local, running) : fromNode(specifier);
  };
  const code = isTypeScript(path) || usesImport(text) ? compileTypeScript(text, path, shown, top) : text;
  remember(path, shown, code);
  try {
    const run = compileFunction(code, ['exports', 'require', 'module', '__filename', '__dirname'], {
      filename: path,
    });
    run(module.exports, load, module, path, dirname(path));
  } catch (error) {
    throw error instanceof InputError ? error : new InputError('input', sayThrown(error, path, shown));
  }
  return module.exports;
}

const isTypeScript = (path: string): boolean => ['.ts', '.cts'].includes(extname(path));
const usesImport = (text: string): boolean => /^\s*(import|export)\s/m.test(text);

function resolveLocal(path: string): string | null {
  for (const ending of ['', '.ts', '.js', '.cjs', '.cts']) {
    if (isFile(path + ending)) return path + ending;
  }
  return null;
}

function isFile(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}

function sayThrown(error: unknown, path: string, shown: string): string {
  const what = isNativeError(error) ? `${error.name}: ${error.message}` : String(error);
  const place = placeInSource(error, path);
  if (place) return `${place}: ${what}`;
  // A syntax error has its line before the message: "/the/file.js:3".
  const line = isNativeError(error) ? /^.*:(\d+)\n(?:.*\n( *)\^)?/.exec(error.stack ?? '') : null;
  return line ? `${shown}:${line[1]}:${(line[2]?.length ?? 0) + 1}: ${what}` : `${shown}: ${what}`;
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
    const takesSteps = isGenerator(mainline[name as keyof typeof mainline]);
    if (isGenerator(fn) !== takesSteps) {
      const wanted = takesSteps ? `takes steps: write *${name}` : `takes no steps: write ${name} without *`;
      throw refuse(name, `"${name}" ${wanted}`);
    }
  }
}

const isGenerator = (fn: unknown): boolean =>
  Object.prototype.toString.call(fn) === '[object GeneratorFunction]';

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

/** The first place at which a word stands as a name. */
export function placeOfWord(file: string, word: string): string {
  const lines = readFileSync(file, 'utf8').split('\n');
  const name = new RegExp(`(^|[^\\w.])(${word.replace(/[^\w]/g, '\\$&')})['"]?\\s*[(:,]`);
  for (const [i, text] of lines.entries()) {
    const found = name.exec(text);
    if (found) return `${file}:${i + 1}:${found.index + found[1]!.length + 1}`;
  }
  return `${file}:1:1`;
}
