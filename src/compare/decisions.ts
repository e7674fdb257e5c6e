/** The conditions that decided where a kernel function went: read from its source between two of its steps. */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type ts from 'typescript';
import type { Site, Sites } from './call_sites';

export interface Condition {
  /** `file:line`. */
  readonly where: string;
  readonly text: string;
}

const top = join(__dirname, '..', '..');
const compiler = (): typeof ts => require('typescript') as typeof ts;

/** From the top of the project for what is shipped, from here for what is below, else in full. */
export function shownFile(file: string): string {
  if (file.startsWith(`${top}/src/`)) return relative(top, file);
  const fromHere = relative('', file);
  return fromHere.startsWith('..') ? file : fromHere;
}

/** `src/core/kernel/memory_wp.ts:85`. */
export const placeOf = ({ file, line }: Pick<Site, 'file' | 'line'>): string => `${shownFile(file)}:${line}`;

interface Parsed {
  readonly source: ts.SourceFile;
}
const files = new Map<string, Parsed | null>();

function parsed(file: string): ts.SourceFile | null {
  let known = files.get(file);
  if (known === undefined) {
    const { createSourceFile, ScriptTarget } = compiler();
    known = existsSync(file)
      ? { source: createSourceFile(file, readFileSync(file, 'utf8'), ScriptTarget.ES2022, true) }
      : null;
    files.set(file, known);
  }
  return known?.source ?? null;
}

/** The line of the source at a place, without its indentation. */
export const lineAt = (site: Site): string =>
  parsed(site.file)?.text.split('\n')[site.line - 1]?.trim() ?? '';

/**
 * Conditions that stand between the step before and this step, in the functions that were left, in the one that went
 * on, and in those that were entered; then those around this step.
 */
export function decisionsBetween(before: Sites, now: Sites): Condition[] {
  const [outerBefore, outerNow] = [[...before].reverse(), [...now].reverse()];
  let common = 0;
  while (common < outerNow.length && same(outerBefore[common], outerNow[common])) common++;
  const left = outerBefore.slice(common + 1).flatMap((site) => conditionsIn(site, positionOf(site), null));
  const from = outerBefore[common];
  const goesOn = outerNow[common];
  const isSame = from && goesOn && from.file === goesOn.file && from.name === goesOn.name;
  const between = goesOn ? conditionsIn(goesOn, isSame ? positionOf(from) : 0, positionOf(goesOn)) : [];
  const entered = outerNow.slice(common + 1).flatMap((site) => conditionsIn(site, 0, positionOf(site)));
  const around = goesOn ? conditionsAround(goesOn) : [];
  const all = [...between, ...entered, ...around, ...left.reverse()];
  return all.filter((one, i) => all.findIndex((x) => x.where === one.where && x.text === one.text) === i);
}

const same = (a: Site | undefined, b: Site | undefined): boolean =>
  a !== undefined && b !== undefined && a.file === b.file && a.line === b.line && a.column === b.column;

function positionOf(site: Site): number {
  const source = parsed(site.file);
  if (!source || site.line > source.getLineStarts().length) return 0;
  return source.getPositionOfLineAndCharacter(site.line - 1, 0) + site.column - 1;
}

/** Every condition of the functions that are on the stack. */
export const conditionsOn = (sites: Sites): Condition[] =>
  sites.flatMap((site) => conditionsIn(site, -1, null));

/** The function around a place. */
function functionAround(site: Site): ts.Node | null {
  const source = parsed(site.file);
  return source && innermost(source, positionOf(site), (node) => compiler().isFunctionLike(node));
}

function innermost(root: ts.Node, at: number, wanted: (node: ts.Node) => boolean): ts.Node | null {
  let best: ts.Node | null = null;
  const see = (node: ts.Node): void => {
    if (node.getStart() > at || node.getEnd() < at) return;
    if (wanted(node)) best = node;
    node.forEachChild(see);
  };
  see(root);
  return best;
}

/** Conditions of the function around `site` that are asked from one position on up to another. */
function conditionsIn(site: Site, from: number, to: number | null): Condition[] {
  const owner = functionAround(site);
  const found: Condition[] = [];
  const see = (node: ts.Node): void => {
    const condition = conditionOf(node);
    const at = condition?.getStart() ?? 0;
    if (condition && at > from && (to === null || at < to)) found.push(told(condition, site));
    node.forEachChild(see);
  };
  owner?.forEachChild(see);
  return found.reverse();
}

/** Conditions on which a place depends, the innermost first. */
function conditionsAround(site: Site): Condition[] {
  const owner = functionAround(site);
  const at = positionOf(site);
  const found: Condition[] = [];
  const see = (node: ts.Node): void => {
    if (node.getStart() > at || node.getEnd() < at) return;
    const condition = conditionOf(node);
    if (condition) found.push(told(condition, site));
    node.forEachChild(see);
  };
  owner?.forEachChild(see);
  return found.reverse();
}

function conditionOf(node: ts.Node): ts.Node | null {
  const c = compiler();
  if (c.isIfStatement(node) || c.isWhileStatement(node)) return node.expression;
  if (c.isConditionalExpression(node)) return node.condition;
  return null;
}

function told(condition: ts.Node, { file }: Site): Condition {
  const source = condition.getSourceFile();
  const line = source.getLineAndCharacterOfPosition(condition.getStart()).line + 1;
  return { where: placeOf({ file, line }), text: condition.getText().replace(/\s+/g, ' ') };
}

/** In one and the same function: the condition of which the two took different branches. */
export function fork(a: Site | undefined, b: Site | undefined): Condition | null {
  if (!a || !b || a.file !== b.file || same(a, b)) return null;
  const [owner, other] = [functionAround(a), functionAround(b)];
  if (!owner || owner !== other) return null;
  const [atA, atB] = [positionOf(a), positionOf(b)];
  const branch = (node: ts.Node, at: number): number => {
    const parts: ts.Node[] = [];
    node.forEachChild((child) => void parts.push(child));
    return parts.findIndex((part) => part.getStart() <= at && at < part.getEnd());
  };
  const found: ts.Node[] = [];
  const see = (node: ts.Node): void => {
    if (conditionOf(node) && branch(node, atA) !== branch(node, atB)) found.push(node);
    node.forEachChild(see);
  };
  owner.forEachChild(see);
  const [first] = found;
  const condition = first && conditionOf(first);
  return condition ? told(condition, a) : null;
}
