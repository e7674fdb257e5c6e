/**
 * Makes generators resumable (core/frame.ts): TypeScript's own translation of generators into state machines for old
 * engines, with the calls of its runtime library replaced by ours. The machines stand before all code; each function
 * keeps its body as it was, in its place, for whoever needs the engine's own stack (`natively`). A function that uses
 * `try`, which those of the kernel never do, is left a generator.
 */
import type ts from 'typescript';
import { runtime } from '../core/frame';
import { apply, type Edit } from './edits';
import { onOneLine, ours, parse, rangeOf } from './state_machine';
import { isOfModule } from './variables';

const compiler = (): typeof ts => require('typescript') as typeof ts;

/**
 * makeResumable() for a CommonJS module. All stays on its line.
 * @param path what it has to require for core/frame.ts
 */
export function resumableModule(code: string, path: string): string {
  const made = makeResumable(code);
  if (made === code) return code;
  const load = `const { ${Object.keys(runtime).join(', ')} } = require(${JSON.stringify(path)});`;
  return beforeAll([load], made);
}

/** Puts statements before a program, on its first line. */
function beforeAll(statements: readonly string[], code: string): string {
  const [directive] = /^"use strict";/.exec(code) ?? [''];
  return [directive, ...statements, code.slice(directive.length)].filter((part) => part !== '').join(' ');
}

/** Folders of the source, and of what is built from it, whose generators are made resumable. */
export const resumableFolders = ['core', 'variants', 'workload', 'conform'] as const;

/**
 * @param code JavaScript
 * @returns the same with every generator function made resumable; the code itself where there is none
 */
export function makeResumable(code: string): string {
  if (!/function\s*\*|^\s*(?:\w+\s+)*\*\s*[\w[]/m.test(code) && !/[{,]\s*\*/.test(code)) return code;
  const source = parse(code);
  const edits: Edit[] = [];
  const before: string[] = [];
  const visit = (node: ts.Node): void => {
    if (isGenerator(node)) {
      if (!usesTry(node)) edits.push({ ...rangeOf(node, source), text: resumable(node, source, before) });
    } else compiler().forEachChild(node, visit);
  };
  visit(source);
  return edits.length === 0 ? code : beforeAll(before, apply(code, edits));
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

/**
 * `function f(k, vmf) { if (__native.on) return (function* (k, vmf) { body }).call(this, k, vmf); return __frame(...) }`.
 * @param before receives what has to stand before all code
 */
function resumable(node: Generator, source: ts.SourceFile, before: string[]): string {
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
  const owner = { parameters, id, isOfModule: isOfModule(node), before };
  const compiled = ours(translated(`(function* () ${apply(bodyText, lists)})`), owner);
  // On one line, so that what follows stays on its own.
  const machine = onOneLine(compiled.slice(compiled.indexOf('{') + 1));
  // With parameters of its own, so that calls need not keep theirs where a function within could find them.
  const native = `(function* (${parameters.join(', ')}) ${bodyText}).call(${['this', ...parameters].join(', ')})`;
  return `${head}{ if (__native.on) return ${native}; ${machine}`;
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
