/** The text of kernel functions as their authors wrote them: from the TypeScript that is shipped beside the program. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type ts from 'typescript';
import type { ResolvedVariant } from '../core/index';
import { shownFile } from './decisions';
import type { LoadedVariant } from './load';

/** One function, or a function beside them that only they call. */
export interface FunctionSource {
  readonly name: string;
  /** Where it stands, from the top of the project; a user's file as it was named. */
  readonly file: string;
  readonly line: number;
  /** Id of the variant that has it; null for the oldest kernel. */
  readonly owner: string | null;
  /** `*do_wp_page(k, vmf) {`: without types and indentation, so that two are compared by what they do. */
  readonly text: string;
}

/** A function that two variants have differently; null where one of them has none. */
export interface ChangedFunction {
  readonly name: string;
  readonly a: FunctionSource | null;
  readonly b: FunctionSource | null;
}

const top = join(__dirname, '..', '..');
const compiler = (): typeof ts => require('typescript') as typeof ts;

/** Names of the kernel functions that are not the same object in both kernels, in the order of the later one. */
export function namesThatDiffer(a: ResolvedVariant, b: ResolvedVariant): string[] {
  const [ofA, ofB] = [a, b].map(({ layers }) => Object.assign({}, ...layers) as Record<string, unknown>);
  const names = [...new Set([...Object.keys(ofB!), ...Object.keys(ofA!)])];
  return names.filter((name) => ofA![name] !== ofB![name]);
}

/** The kernel functions that differ in their text, then the functions of the same files that these call. */
export function changedFunctions(
  a: LoadedVariant,
  b: LoadedVariant,
  chainOf: (variant: LoadedVariant) => readonly Owner[],
): ChangedFunction[] {
  const [chainA, chainB] = [chainOf(a), chainOf(b)];
  const changed = namesThatDiffer(a.variant, b.variant).map((name) => ({
    name,
    a: sourceOf(name, chainA),
    b: sourceOf(name, chainB),
  }));
  const beside = [
    ...new Set(changed.flatMap((one) => [...localsOf(one.a, chainA), ...localsOf(one.b, chainB)])),
  ].map((name) => ({ name, a: localOf(name, changed, 'a'), b: localOf(name, changed, 'b') }));
  return [...changed, ...beside].filter((one) => one.a?.text !== one.b?.text);
}

/** A variant of a lineage with the files that its functions are in. */
export interface Owner {
  /** Null for the oldest kernel. */
  readonly id: string | null;
  /** Its functions by name; null: all of them. */
  readonly names: ReadonlySet<string> | null;
  readonly files: readonly string[];
}

export const mainlineOwner = (): Owner => ({
  id: null,
  names: null,
  files: filesIn(join(top, 'src', 'core', 'kernel')),
});

/** @param file of a user's own variant; without it the variant is a built-in one */
export function ownerOf(id: string, names: Iterable<string>, file: string | null): Owner {
  const single = join(top, 'src', 'variants', `${id}.ts`);
  const files = file ? [resolve(file)] : existsSync(single) ? [single] : filesIn(single.slice(0, -3));
  return { id, names: new Set(names), files };
}

const filesIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((file) => file.endsWith('.ts'))
        .sort()
        .map((file) => join(folder, file))
    : [];

/**
 * The file that a kernel has a function from, and whose it is; null where the kernel has no such function.
 * @param chain the newest variant first
 */
export function fileOf(name: string, chain: readonly Owner[]): { file: string; owner: string | null } | null {
  const owner = chain.find(({ names }) => names === null || names.has(name));
  const file = owner?.files.find((one) => parsed(one).functions.has(name));
  return owner && file ? { file, owner: owner.id } : null;
}

/** @param chain the newest variant first */
function sourceOf(name: string, chain: readonly Owner[]): FunctionSource | null {
  const place = fileOf(name, chain);
  return place && { ...parsed(place.file).functions.get(name)!, owner: place.owner };
}

type Found = Omit<FunctionSource, 'owner'>;
interface ParsedFile {
  readonly functions: ReadonlyMap<string, Found>;
  /** Functions of the file that are no kernel functions. */
  readonly locals: ReadonlyMap<string, Found>;
}
const known = new Map<string, { changed: number; parsed: ParsedFile }>();

function parsed(file: string): ParsedFile {
  const changed = statSync(file).mtimeMs;
  const before = known.get(file);
  if (before?.changed === changed) return before.parsed;
  const made = parse(file);
  known.set(file, { changed, parsed: made });
  return made;
}

function parse(file: string): ParsedFile {
  const { createSourceFile, ScriptTarget, forEachChild } = compiler();
  const source = createSourceFile(file, readFileSync(file, 'utf8'), ScriptTarget.ES2022, true);
  const functions = new Map<string, Found>();
  const locals = new Map<string, Found>();
  const see = (node: ts.Node): void => {
    const one = functionAt(node, source);
    if (one) {
      const isLocal = one.atTop && !one.exported;
      (isLocal ? locals : functions).set(one.name, found(one.name, one.node, source));
      return;
    }
    forEachChild(node, see);
  };
  see(source);
  return { functions, locals };
}

interface Seen {
  readonly name: string;
  readonly node: ts.FunctionLikeDeclaration;
  readonly atTop: boolean;
  readonly exported: boolean;
}

/** A function with a name: declared, a constant, or a member of an object. */
function functionAt(node: ts.Node, source: ts.SourceFile): Seen | null {
  const c = compiler();
  const isFunction = (one: ts.Node | undefined): one is ts.FunctionExpression | ts.ArrowFunction =>
    one !== undefined && (c.isFunctionExpression(one) || c.isArrowFunction(one));
  const named = (name: ts.Node, fn: ts.FunctionLikeDeclaration, statement: ts.Node | null): Seen => ({
    name: name.getText(source),
    node: fn,
    atTop: statement?.parent === source,
    exported: /^export\b/.test(statement?.getText(source) ?? ''),
  });
  if (c.isFunctionDeclaration(node) && node.name) return named(node.name, node, node);
  if (c.isMethodDeclaration(node)) return named(node.name, node, null);
  if (c.isPropertyAssignment(node) && isFunction(node.initializer)) {
    return named(node.name, node.initializer, null);
  }
  if (c.isVariableDeclaration(node) && isFunction(node.initializer)) {
    return named(node.name, node.initializer, node.parent.parent);
  }
  return null;
}

function found(name: string, node: ts.FunctionLikeDeclaration, source: ts.SourceFile): Found {
  const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
  const file = shownFile(source.fileName);
  const star = 'asteriskToken' in node && node.asteriskToken ? '*' : '';
  const parameters = node.parameters.map((one) =>
    [one.dotDotDotToken ? '...' : '', one.name.getText(source), defaultOf(one, source)].join(''),
  );
  const body = node.body ? dedent(node.body.getText(source), indentAt(node, source)) : '{}';
  const arrow = compiler().isArrowFunction(node) ? ' =>' : '';
  return { name, file, line: line + 1, text: `${star}${name}(${parameters.join(', ')})${arrow} ${body}\n` };
}

const defaultOf = ({ initializer }: ts.ParameterDeclaration, source: ts.SourceFile): string =>
  initializer ? ` = ${initializer.getText(source)}` : '';

function indentAt(node: ts.Node, source: ts.SourceFile): number {
  const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
  return /^ */.exec(source.text.split('\n')[line]!)![0].length;
}

const dedent = (text: string, by: number): string =>
  text
    .split('\n')
    .map((line) => (/^ */.exec(line)![0].length >= by ? line.slice(by) : line))
    .join('\n');

/** Names of the functions beside a function that it calls, and that those call. */
function localsOf(of: FunctionSource | null, chain: readonly Owner[]): string[] {
  const owner = of && chain.find(({ id }) => id === of.owner);
  const file = owner?.files.find((one) => parsed(one).functions.get(of!.name)?.file === of!.file);
  if (!of || !file || owner?.id === null) return [];
  const { locals } = parsed(file);
  const called = new Set<string>();
  const texts = [of.text];
  for (let text = texts.pop(); text !== undefined; text = texts.pop()) {
    for (const [name, local] of locals) {
      if (called.has(name) || !new RegExp(`\\b${name}\\b`).test(text)) continue;
      called.add(name);
      texts.push(local.text);
    }
  }
  return [...called];
}

/** A function of that name in a file that has one of the changed functions. */
function localOf(name: string, changed: readonly ChangedFunction[], side: 'a' | 'b'): FunctionSource | null {
  for (const one of changed) {
    const of = one[side];
    if (!of?.owner) continue;
    const path = of.file.startsWith('src/') ? join(top, of.file) : resolve(of.file);
    const local = existsSync(path) ? parsed(path).locals.get(name) : undefined;
    if (local) return { ...local, owner: of.owner };
  }
  return null;
}
