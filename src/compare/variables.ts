/**
 * The variables of a state machine as places in a list, so that the code of the machine closes over nothing: whoever
 * calls the function makes a list and no code, and what was kept of a list can be put back.
 */
import type ts from 'typescript';
import type { Edit } from './edits';

const compiler = (): typeof ts => require('typescript') as typeof ts;

/**
 * Every mention of a variable, as a place of the list.
 * @param within where mentions are looked for; what is before that makes the list, from the variables by their names
 */
export function asPlaces(
  within: readonly ts.Node[],
  names: readonly string[],
  list: string,
  source: ts.SourceFile,
): Edit[] {
  const c = compiler();
  const edits: Edit[] = [];
  const visit = (node: ts.Node, hidden: ReadonlySet<string>): void => {
    if (c.isIdentifier(node)) {
      const place = hidden.has(node.text) || !isReference(node) ? -1 : names.indexOf(node.text);
      if (place < 0) return;
      const text = `${list}[${place}]`;
      // A function that is called must not be handed the list as `this`.
      const isCalled = c.isCallExpression(node.parent) && node.parent.expression === node;
      edits.push({
        start: node.getStart(source),
        end: node.getEnd(),
        text: isCalled ? `(0, ${text})` : text,
      });
      return;
    }
    const own = c.isFunctionLike(node) || c.isCatchClause(node) ? declaredIn(node) : [];
    const hiddenWithin = own.length > 0 ? new Set([...hidden, ...own]) : hidden;
    c.forEachChild(node, (child) => visit(child, hiddenWithin));
  };
  for (const node of within) visit(node, new Set());
  return edits;
}

/** Whether an identifier stands for a variable, and is no name of a property or a label. */
function isReference(node: ts.Identifier): boolean {
  const c = compiler();
  const { parent } = node;
  if (c.isPropertyAccessExpression(parent)) return parent.name !== node;
  if (c.isPropertyAssignment(parent)) return parent.name !== node;
  return !c.isLabeledStatement(parent) && !c.isBreakOrContinueStatement(parent);
}

/** What a function, or the handler of an error, calls by a name of its own. */
function declaredIn(node: ts.Node): string[] {
  const c = compiler();
  const found: string[] = [];
  const visit = (child: ts.Node): void => {
    const isNamed = c.isParameter(child) || c.isVariableDeclaration(child) || c.isFunctionDeclaration(child);
    if (isNamed && child.name && c.isIdentifier(child.name)) found.push(child.name.text);
    if (!c.isFunctionLike(child)) c.forEachChild(child, visit);
  };
  if (c.isFunctionExpression(node) && node.name) found.push(node.name.text);
  c.forEachChild(node, visit);
  return found;
}

/** Whether nothing but modules is around a function: what it closes over is there wherever the module is. */
export function isOfModule(node: ts.Node): boolean {
  const c = compiler();
  for (let at = node.parent; !c.isSourceFile(at); at = at.parent) {
    if (c.isFunctionLike(at) || c.isBlock(at) || c.isIterationStatement(at, false) || c.isCaseBlock(at))
      return false;
    // A name that is known within the class alone.
    if (c.isClassExpression(at) && at.name) return false;
  }
  return !namesItself(node) && !isOfClassAlone(node);
}

const namesItself = (node: ts.Node): boolean =>
  compiler().isFunctionExpression(node) && node.name !== undefined;

/** `super` and `#names`. */
const isOfClassAlone = (node: ts.Node): boolean =>
  node.kind === compiler().SyntaxKind.SuperKeyword ||
  compiler().isPrivateIdentifier(node) ||
  (compiler().forEachChild(node, (child) => isOfClassAlone(child) || undefined) ?? false);
