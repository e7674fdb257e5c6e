/**
 * A user's own file: compiled by ts-node, run with `faultline` standing for what the caller hands in, with every slip
 * told at its place.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { isNativeError } from 'node:util/types';
import { compileFunction } from 'node:vm';
import { runtime } from '../core/frame';
import { InputError, readInput } from './input';
import { makeResumable } from './resumable';
import { placeInSource, remember } from './source_places';
import { compileTypeScript } from './transpile';

const top = join(__dirname, '..', '..');

interface Running {
  /** What `faultline` is to the file. */
  readonly faultline: () => unknown;
  readonly modules: Map<string, { exports: unknown }>;
  readonly onFile: (path: string) => void;
}

/** @returns what the file exports by default, or all of it */
export function runUserFile(
  file: string,
  faultline: () => unknown,
  onFile: (path: string) => void = () => {},
): unknown {
  const exported = runFile(resolve(file), file, { faultline, modules: new Map(), onFile });
  return (exported as { default?: unknown }).default ?? exported;
}

/** Runs a file and those that it requires by relative path; `shown` is how messages name it. */
function runFile(path: string, shown: string, running: Running): unknown {
  const known = running.modules.get(path);
  if (known) return known.exports;
  running.onFile(path);
  const text = readInput(shown, () => readFileSync(path, 'utf8'));
  const module = { exports: {} as unknown };
  running.modules.set(path, module);
  const fromNode = createRequire(path);
  const load = (specifier: string): unknown => {
    if (specifier === 'faultline') return running.faultline();
    const local = specifier.startsWith('.') ? resolveLocal(join(dirname(path), specifier)) : null;
    return local ? runFile(local, local, running) : fromNode(specifier);
  };
  const code = isTypeScript(path) || usesImport(text) ? compileTypeScript(text, path, shown, top) : text;
  remember(path, shown, code);
  try {
    const names = ['exports', 'require', 'module', '__filename', '__dirname', ...Object.keys(runtime)];
    const run = compileFunction(makeResumable(code), names, { filename: path });
    run(module.exports, load, module, path, dirname(path), ...Object.values(runtime));
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
