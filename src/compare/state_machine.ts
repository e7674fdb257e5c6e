/**
 * TypeScript's state machine of a generator as a body that core/frame.ts runs: its variables are places in a list, and
 * it stands before all code wherever it closes over nothing else.
 */
import type ts from 'typescript';
import { apply, type Edit, insert } from './edits';
import { liveAt } from './liveness';
import { asPlaces } from './variables';

const compiler = (): typeof ts => require('typescript') as typeof ts;

export const parse = (code: string): ts.SourceFile =>
  compiler().createSourceFile(
    'code.js',
    code,
    compiler().ScriptTarget.ES2022,
    true,
    compiler().ScriptKind.JS,
  );

export const rangeOf = (node: ts.Node, source: ts.SourceFile): { start: number; end: number } => ({
  start: node.getStart(source),
  end: node.getEnd(),
});

export const onOneLine = (text: string): string => text.replace(/\s*\n\s*/g, ' ');

/** The function that a machine is made for. */
export interface Owner {
  readonly parameters: readonly string[];
  readonly id: string;
  /** It closes over nothing but what is known everywhere in its module. */
  readonly isOfModule: boolean;
  readonly before: string[];
}

/** The same with our runtime in place of TypeScript's. */
export function ours(text: string, owner: Owner): string {
  const source = parse(`(${text})`);
  const edits: Edit[] = [];
  const machines: Machine[] = [];
  const visit = (node: ts.Node): void => {
    if (compiler().isReturnStatement(node)) {
      const body = bodyOf(node, source);
      if (body) machines.push(machineOf(node, body, source, owner, machines.length));
      else onReturn(node, source, edits);
    }
    compiler().forEachChild(node, visit);
  };
  visit(source);
  for (const machine of machines) edits.push(...machine.edits);
  const [machine] = machines;
  // The machine of a function within closes over the variables of the one around it.
  const mayMove = owner.isOfModule && machines.length === 1 && machine!.isPlain;
  const placed = mayMove
    ? moved(machine!, source, edits, owner.before)
    : [...edits, ...machines.flatMap((one) => inPlace(one, source, owner.before))];
  return apply(source.text, placed).slice(1, -1);
}

/** One that TypeScript has made, of the function or of one within it. */
interface Machine {
  readonly body: ts.FunctionExpression;
  readonly block: ts.Block;
  /** What its facts are called. */
  readonly facts: string;
  /** The list of the variables that matter at some label: its name, and what it holds at first. */
  readonly list: string;
  readonly initial: readonly string[];
  /** All others. */
  readonly passing: readonly string[];
  readonly live: readonly (readonly number[])[];
  /** Nothing but variables is declared before it. */
  readonly isPlain: boolean;
  /** Variables become places in the list. */
  readonly edits: readonly Edit[];
}

/** The body in `return __generator(this, body)`. */
function bodyOf({ expression }: ts.ReturnStatement, source: ts.SourceFile): ts.FunctionExpression | null {
  const { isCallExpression, isFunctionExpression } = compiler();
  if (!expression || !isCallExpression(expression)) return null;
  if (expression.expression.getText(source) !== '__generator') return null;
  const [, body] = expression.arguments;
  if (!body || !isFunctionExpression(body)) throw new Error('makeResumable(): __generator without a body');
  return body;
}

function machineOf(
  node: ts.ReturnStatement,
  body: ts.FunctionExpression,
  source: ts.SourceFile,
  owner: Owner,
  depth: number,
): Machine {
  const { isVariableStatement } = compiler();
  const block = node.parent as ts.Block;
  const all = variablesOf(node, source, owner.parameters);
  const live = liveAt(
    body,
    all.map(({ name }) => name),
    source,
  );
  const matters = new Set(live.flat());
  const variables = all.filter(({ name }) => matters.has(name));
  const names = variables.map(({ name }) => name);
  const others = block.statements.filter((statement) => !isVariableStatement(statement));
  const list = `__v${depth || ''}`;
  // A function within another has a place of its own.
  const id = `${owner.id}:${body.pos}`;
  return {
    body,
    block,
    facts: `__${id.replace(/\W/g, '_')}`,
    list,
    initial: variables.map(({ initial }) => initial),
    passing: all.flatMap(({ name }) => (matters.has(name) ? [] : [name])),
    live: live.map((at) => at.map((name) => names.indexOf(name))),
    isPlain: others.length === 1,
    edits: asPlaces(others, names, list, source),
  };
}

/**
 * Puts a machine before all code, together with its facts.
 * @param edits within its body
 */
function moved(
  { body, block, facts, list, initial, passing, live }: Machine,
  source: ts.SourceFile,
  edits: readonly Edit[],
  before: string[],
): Edit[] {
  const frame = body.parameters[0]!.name.getText(source);
  const code = apply(source.text, edits, body.body.getStart(source) + 1, body.getEnd());
  const variables = [`${list} = ${frame}.variables`, ...passing].join(', ');
  const whole = `function (${frame}) { var ${variables}; again: for (;;) ${code}`;
  before.push(`var ${facts} = __facts(${JSON.stringify(live)}, ${onOneLine(whole)});`);
  const text = ` return __frame(this, ${facts}.body, ${facts}, [${initial.join(', ')}]); `;
  return [{ start: block.getStart(source) + 1, end: block.getEnd() - 1, text }];
}

/** Leaves a machine where TypeScript has put it. */
function inPlace(
  { body, block, facts, list, initial, live }: Machine,
  source: ts.SourceFile,
  before: string[],
): Edit[] {
  before.push(`var ${facts} = __facts(${JSON.stringify(live)});`);
  const result = block.statements.at(-1)!;
  return [
    insert(block.getStart(source) + 1, ` var ${list} = [${initial.join(', ')}];`),
    { start: result.getStart(source), end: body.getStart(source), text: 'return __frame(this, ' },
    insert(body.body.getStart(source) + 1, ' again: for (;;)'),
    { start: body.getEnd(), end: result.getEnd(), text: `, ${facts}, ${list});` },
  ];
}

function onReturn(node: ts.ReturnStatement, source: ts.SourceFile, edits: Edit[]): void {
  const value = node.expression;
  const frame = frameOf(node, source);
  if (!value || !compiler().isArrayLiteralExpression(value) || frame === null) return;
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
): { name: string; initial: string }[] {
  const outer = node.parent.parent as ts.FunctionLikeDeclaration;
  const isOutermost = compiler().isParenthesizedExpression(outer.parent) && outer.parent.pos === 0;
  const names = isOutermost ? parameters : outer.parameters.map(({ name }) => name.getText(source));
  const variables = names.map((name) => ({ name, initial: name }));
  for (const statement of (node.parent as ts.Block).statements) {
    if (!compiler().isVariableStatement(statement)) continue;
    for (const { name, initializer } of statement.declarationList.declarations) {
      variables.push({ name: name.getText(source), initial: initializer?.getText(source) ?? 'void 0' });
    }
  }
  return variables;
}
