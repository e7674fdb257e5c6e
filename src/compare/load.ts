/** From what a user names, a built-in id or a file anywhere, to fixtures and variants. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import type { ResolvedVariant, Variant } from '../core/index';
import type { Fixture } from '../workload/fixture';
import { didYouMean } from '../workload/suggestion';
import { InputError, namesFile, readInput } from './input';

export interface LoadedFixture {
  readonly fixture: Fixture;
  /** What names it on the command line: its id, or its file. */
  readonly argument: string;
  /** From the top of the project for a built-in one, else as it was named. */
  readonly file: string;
}

export interface LoadedVariant {
  readonly variant: ResolvedVariant;
  /** What names it on the command line; null for one that exists in memory only. */
  readonly argument: string | null;
}

const top = join(__dirname, '..', '..');
const fixturesFolder = join(top, 'fixtures');
const yamlEndings = ['.yaml', '.yml'];
const codeEndings = ['.ts', '.js', '.cts', '.cjs'];

export const builtInFixtures = (): string[] =>
  existsSync(fixturesFolder)
    ? readdirSync(fixturesFolder)
        .filter((file) => file.endsWith('.yaml'))
        .map((file) => basename(file, '.yaml'))
        .sort()
    : [];

/** Modules are loaded when they are needed, because `faultline list` has to start at once. */
const builtInVariants = (): readonly Variant[] =>
  (require('../variants/index') as typeof import('../variants/index')).variants;

const parseFixture = (text: string, file: string): Fixture =>
  (require('../workload/parse') as typeof import('../workload/parse')).parseFixture(text, file);

/**
 * The question of every built-in fixture. For a list it would take too long to read the files as a whole, so only
 * this entry is parsed; a plain text on one line stands for itself.
 */
export function builtInQuestions(): { id: string; asks: string }[] {
  return builtInFixtures().map((id) => {
    const text = readFileSync(join(fixturesFolder, `${id}.yaml`), 'utf8');
    const entry = /^asks:.*\n(?:[ \t]+.*\n)*/m.exec(text)?.[0] ?? 'asks: ""\n';
    const plain = /^asks: +([A-Za-z](?:[^#:\n]|:(?! ))*)\n$/.exec(entry)?.[1];
    return { id, asks: plain?.trimEnd() ?? (require('yaml') as typeof import('yaml')).parse(entry).asks };
  });
}

/** The files of fixtures in the same order, whether they can be loaded or not. */
export function fixtureFiles(arguments_: readonly string[]): string[] {
  const known = builtInFixtures();
  return (arguments_.length > 0 ? arguments_ : known).map((argument) =>
    known.includes(argument) ? join(fixturesFolder, `${argument}.yaml`) : argument,
  );
}

/** @param arguments_ ids or files; none means every built-in fixture */
export function loadFixtures(arguments_: readonly string[]): LoadedFixture[] {
  const known = builtInFixtures();
  const loaded = (arguments_.length > 0 ? arguments_ : known).map((argument) => loadFixture(argument, known));
  refuseTwice(
    loaded.map(({ fixture }) => fixture.name),
    'fixture',
  );
  return loaded;
}

function loadFixture(argument: string, known: readonly string[]): LoadedFixture {
  const isBuiltIn = known.includes(argument);
  if (!isBuiltIn && !namesFile(argument, yamlEndings)) throw unknown('fixture', argument, known, '.yaml');
  const file = isBuiltIn ? join(fixturesFolder, `${argument}.yaml`) : argument;
  const text = readInput(file, (path) => readFileSync(path, 'utf8'));
  const shown = isBuiltIn ? relative(top, file) : argument;
  return { fixture: parseFixture(text, shown), argument, file: shown };
}

/**
 * @param arguments_ ids or files; none means every built-in variant
 * @param onFile called with every file of a user's variant, absolute, also where loading fails later
 */
export function loadVariants(
  arguments_: readonly string[],
  onFile?: (path: string, argument: string) => void,
): LoadedVariant[] {
  const known = builtInVariants();
  const ids = known.map(({ meta }) => meta.id);
  const all = [...known];
  const named = (arguments_.length > 0 ? arguments_ : ids).map((argument) => {
    const builtIn = known.find(({ meta }) => meta.id === argument);
    if (builtIn) return { variant: builtIn, argument };
    if (!namesFile(argument, codeEndings)) throw unknown('variant', argument, ids, '.ts or .js');
    const variant = fromFile(argument, (path) => onFile?.(path, argument));
    all.push(variant);
    return { variant, argument };
  });
  refuseTwice(
    named.map(({ variant }) => variant.meta.id),
    'variant',
  );
  return named.map(({ variant, argument }) => {
    refuseBase(variant, argument, all);
    return { variant: resolve(variant, all), argument };
  });
}

const fromFile = (file: string, onFile: (path: string) => void): Variant =>
  (require('./variant_file') as typeof import('./variant_file')).loadVariantFile(
    file,
    builtInVariants(),
    onFile,
  );

const resolve = (variant: Variant, all: readonly Variant[]): ResolvedVariant =>
  (require('../core/index') as typeof import('../core/index')).resolveVariant(variant, all);

function refuseBase({ meta }: Variant, argument: string, all: readonly Variant[]): void {
  const ids = all.map((one) => one.meta.id);
  if (meta.base === null || (ids.includes(meta.base) && meta.base !== meta.id)) return;
  const allowed = ids.filter((id) => id !== meta.id);
  const { placeOfWord } = require('./user_file') as typeof import('./user_file');
  throw new InputError(
    'input',
    `${placeOfWord(argument, 'base')}: base "${meta.base}" does not exist${didYouMean(meta.base, allowed)}; allowed: ${allowed.join(', ')}, or a file named with --variant`,
  );
}

function refuseTwice(ids: readonly string[], what: string): void {
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) throw new InputError('usage', `${what} "${twice}" is named twice`);
}

function unknown(what: string, argument: string, known: readonly string[], endings: string): InputError {
  const hint = didYouMean(argument, known);
  const rest = hint === '' ? `; faultline list ${what}s shows those there are` : hint;
  return new InputError(
    'usage',
    `unknown ${what} "${argument}"${rest} (a file is named with its ${endings})`,
  );
}
