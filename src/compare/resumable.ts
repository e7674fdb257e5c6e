/**
 * Makes generators resumable (core/frame.ts): TypeScript's own translation of generators into state machines for old
 * engines, with the calls of its runtime library replaced by ours. Each function keeps its body as it was beside the
 * machine, in its place, for whoever needs the engine's own stack (`natively`). A function that uses `try`, which
 * those of the kernel never do, is left a generator.
 */
import type ts from 'typescript';
import { runtime } from '../core/frame';
import { liveAt } from './liveness';

const compiler = (): typeof ts => require('typescript') as typeof ts;

/**
 * makeResumable() for a CommonJS module. Lines above the first generator stay where they are.
 * @param path what it has to require for core/frame.ts
 */
export function resumableModule(code: string, path: string): string {
  const made = makeResumable(code);
  if (made === code) return code;
  const load = `const { ${Object.keys(runtime).join(', ')} } = require(${JSON.stringify(path)});`;
  return made.startsWith('"use strict";')
    ? made.replace('"use strict";', `"use strict"; ${load}`)
    : `${load} ${made}`;
}

/** Folders of the source, and of what is built from it, whose generators are made resumable. */
export const resumableFolders = ['core', 'variants', 'workload', 'conform'] as const;

/** A replacement of part of a text. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * @param code JavaScript
 * @returns the same with every generator function made resumable; the code itself where there is none
 */
export function makeResumable(code: string): string {
  if (!/function\s*\*|^\s*(?:\w+\s+)*\*\s*[\w[]/m.test(code) && !/[{,]\s*\*/.test(code)) return code;
  const source = parse(code);
  const edits: Edit[] = [];
  const visit = (node: ts.Node): void => {
    if (isGenerator(node)) {
      if (!usesTry(node)) edits.push({ ...rangeOf(node, source), text: resumable(node, source) });
    } else compiler().forEachChild(node, visit);
  };
  visit(source);
  return apply(code, edits);
}

/** Whether a function was written as a generator, be it compiled or not. */
export const takesSteps = (fn: unknown): boolean =>
  typeof fn === 'function' &&
  (isNative(fn) || /\breturn __frame\(/.test(Function.prototype.toString.call(fn)));
const isNative = (fn: unknown): boolean =>
  Object.prototype.toString.call(fn) === '[object GeneratorFunction]';

type Generator = ts.FunctionDeclaration | ts.FunctionExpression | ts.MethodDeclaration;

function isGenerator(node: ts.Node): node is Generator {
  const { isFunctionDeclaration, isFunctionExpression, isMethodDeclaration } = compiler();
  const isFunction = isFunctionDeclaration(node) || isFunctionExpression(node) || isMethodDeclaration(node);
  return isFunction && node.asteriskToken !== undefined && node.body !== undefined;
}

const usesTry = (node: ts.Node): boolean =>
  compiler().isTryStatement(node) ||
  (compiler().forEachChild(node, (child) => usesTry(child) || undefined) ?? false);

const parse = (code: string): ts.SourceFile =>
  compiler().createSourceFile(
    'code.js',
    code,
    compiler().ScriptTarget.ES2022,
    true,
    compiler().ScriptKind.JS,
  );

const rangeOf = (node: ts.Node, source: ts.SourceFile): { start: number; end: number } => ({
  start: node.getStart(source),
  end: node.getEnd(),
});

/** `function f(k, vmf) { if (__native.on) return (function* () { body }).call(this); the body as a state machine }`. */
function resumable(node: Generator, source: ts.SourceFile): string {
  const { text } = source;
  const start = node.getStart(source);
  const body = node.body!;
  const bodyText = body.getText(source);
  const head = text.slice(start, body.getStart(source)).replace('*', '');
  const lists = loopsOf(body).map(({ expression }): Edit => {
    const range = rangeOf(expression, source);
    const at = body.getStart(source);
    return {
      start: range.start - at,
      end: range.end - at,
      text: `__list(${text.slice(range.start, range.end)})`,
    };
  });
  const parameters = node.parameters.flatMap(({ name }) => namesIn(name));
  const id = `${node.name?.getText(source) ?? ''}@${start}+${bodyText.length}`;
  const compiled = ours(translated(`(function* () ${apply(bodyText, lists)})`), parameters, id);
  // On one line, so that what follows stays on its own.
  const machine = compiled.slice(compiled.indexOf('{') + 1).replace(/\s*\n\s*/g, ' ');
  return `${head}{ if (__native.on) return (function* () ${bodyText}).call(this); ${machine}`;
}

/** The variables that a parameter declares. */
function namesIn(name: ts.BindingName): string[] {
  const { isIdentifier, isBindingElement } = compiler();
  if (isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) => (isBindingElement(element) ? namesIn(element.name) : []));
}

/** Loops over anything but arrays would be misread by the translation. */
function loopsOf(node: ts.Node): ts.ForOfStatement[] {
  const found: ts.ForOfStatement[] = [];
  const visit = (child: ts.Node): void => {
    if (compiler().isForOfStatement(child)) found.push(child);
    compiler().forEachChild(child, visit);
  };
  visit(node);
  // A loop within the head of another would be cut twice; nobody writes that.
  return found;
}

/** `function f() { ... return __generator(this, function (_a) { switch (_a.label) { ... } }) }`. */
function translated(text: string): string {
  const { transpileModule, ScriptTarget } = compiler();
  const { outputText } = transpileModule(text, {
    compilerOptions: {
      target: ScriptTarget.ES5,
      noEmitHelpers: true,
      removeComments: true,
      ignoreDeprecations: '6.0',
    },
  });
  const start = outputText.indexOf('(function');
  return outputText.slice(start + 1, outputText.lastIndexOf(')'));
}

/** The same with our runtime in place of TypeScript's. */
function ours(text: string, parameters: readonly string[], id: string): string {
  const source = parse(`(${text})`);
  const edits: Edit[] = [];
  const visit = (node: ts.Node): void => {
    if (compiler().isReturnStatement(node)) onReturn(node, source, edits, { parameters, id });
    compiler().forEachChild(node, visit);
  };
  visit(source);
  return apply(source.text, edits).slice(1, -1);
}

/** The function that a machine is made for. */
interface Owner {
  readonly parameters: readonly string[];
  readonly id: string;
}

function onReturn(node: ts.ReturnStatement, source: ts.SourceFile, edits: Edit[], owner: Owner): void {
  const { isCallExpression, isArrayLiteralExpression, isFunctionExpression } = compiler();
  const value = node.expression;
  if (!value) return;
  if (isCallExpression(value) && value.expression.getText(source) === '__generator') {
    const [, body] = value.arguments;
    if (!body || !isFunctionExpression(body)) throw new Error('makeResumable(): __generator without a body');
    edits.push({ start: value.expression.getStart(source), end: value.expression.getEnd(), text: '__frame' });
    // A function within another has a place of its own.
    const own = JSON.stringify(`${owner.id}:${body.pos}`);
    const live = liveAt(body, variablesOf(node, source, owner.parameters), source);
    edits.push(insert(body.getEnd(), `, ${accessor(live)}, ${own}`));
    edits.push(insert(body.body.getStart(source) + 1, ' again: for (;;)'));
    return;
  }
  const frame = frameOf(node, source);
  if (!isArrayLiteralExpression(value) || frame === null) return;
  const [code, operand] = value.elements;
  const what = Number(code?.getText(source));
  // What is kept of the statement stands between the two edits, so that what is within can be edited as well.
  const around = (before: string, kept: ts.Node | undefined, after: string): void => {
    if (!kept) {
      edits.push({ ...rangeOf(node, source), text: before + after });
      return;
    }
    edits.push({ start: node.getStart(source), end: kept.getStart(source), text: before });
    edits.push({ start: kept.getEnd(), end: node.getEnd(), text: after });
  };
  if (what === 2) around(`return ${frame}.end(`, operand, ');');
  else if (what === 3) around(`{ ${frame}.label = `, operand, '; continue again; }');
  else if (what === 4) around(`return ${frame}.pause(`, operand, ');');
  else if (what === 5) around(`if (${frame}.enter(`, withoutValues(operand, source), ')) return 2;');
  else throw new Error(`makeResumable(): ${node.getText(source)} is not known`);
}

/** `__values(x)` is `x`: what is entered is always a run. */
function withoutValues(node: ts.Node | undefined, source: ts.SourceFile): ts.Node | undefined {
  const isCall = node !== undefined && compiler().isCallExpression(node);
  return isCall && node.expression.getText(source) === '__values' ? node.arguments[0] : node;
}

/** The name of the frame in the body that a statement stands in, not in a function within it; null elsewhere. */
function frameOf(node: ts.Node, source: ts.SourceFile): string | null {
  let at: ts.Node | undefined = node.parent;
  while (at && !compiler().isFunctionLike(at)) at = at.parent;
  const call = at?.parent;
  const isBody =
    call && compiler().isCallExpression(call) && call.expression.getText(source) === '__generator';
  return isBody ? (at as ts.FunctionExpression).parameters[0]!.name.getText(source) : null;
}

/** The parameters and variables around a body. */
function variablesOf(
  node: ts.ReturnStatement,
  source: ts.SourceFile,
  parameters: readonly string[],
): string[] {
  const outer = node.parent.parent as ts.FunctionLikeDeclaration;
  const isOutermost = compiler().isParenthesizedExpression(outer.parent) && outer.parent.pos === 0;
  const names = isOutermost ? [...parameters] : outer.parameters.map(({ name }) => name.getText(source));
  for (const statement of (node.parent as ts.Block).statements) {
    if (!compiler().isVariableStatement(statement)) continue;
    for (const { name } of statement.declarationList.declarations) names.push(name.getText(source));
  }
  return names;
}

/**
 * `function (__l, __v, __at) { ... }`, see Locals in core/frame.ts.
 * @param live variables by label
 */
function accessor(live: readonly (readonly string[])[]): string {
  const labels = new Map<string, number[]>();
  live.forEach((names, label) => {
    const known = labels.get(names.join());
    if (known) known.push(label);
    else labels.set(names.join(), [label]);
  });
  const cases = (told: (names: string[]) => string): string =>
    [...labels]
      .filter(([names]) => names !== '')
      .map(([names, at]) => `${at.map((n) => `case ${n}: `).join('')}${told(names.split(','))} break;`)
      .join(' ');
  const get = cases((names) => `__v.push(${names.join(', ')});`);
  const set = cases((names) => names.map((name, i) => `${name} = __v[__at + ${i}];`).join(' '));
  return `function (__l, __v, __at) { if (__at === undefined) switch (__l) { ${get} } else switch (__l) { ${set} } }`;
}

const insert = (at: number, text: string): Edit => ({ start: at, end: at, text });

/** Edits that do not overlap; of those at one place, in the order given. */
function apply(text: string, edits: readonly Edit[]): string {
  let result = '';
  let at = 0;
  for (const { start, end, text: replacement } of [...edits].sort(
    (a, b) => a.start - b.start || a.end - b.end,
  )) {
    result += text.slice(at, start) + replacement;
    at = end;
  }
  return result + text.slice(at);
}
