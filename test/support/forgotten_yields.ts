import ts from 'typescript';
import { place, type Source, visit } from './source';

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts'],
  module: ts.ModuleKind.Node16,
  moduleResolution: ts.ModuleResolutionKind.Node16,
  strict: true,
  noUncheckedIndexedAccess: true,
  types: [],
  noEmit: true,
};

/**
 * Calls that make a `Run` which nobody runs: without `yield*` a generator's body never starts, silently. A run is
 * used when it is the operand of `yield*`, is returned as it is, or goes where a `Run` is expected by type.
 */
export function forgottenYields(sources: readonly Source[]): string[] {
  const program = programOf(sources);
  const checker = program.getTypeChecker();
  return sources.flatMap(({ file }) => {
    const found: string[] = [];
    const parsed = program.getSourceFile(file);
    if (parsed) {
      visit(parsed, (node) => {
        if (!ts.isCallExpression(node) || !isRun(checker.getTypeAtLocation(node), checker)) return;
        if (!isUsed(node, checker)) {
          found.push(`${place(node)}: ${node.expression.getText()}() is never run: write yield* before it`);
        }
      });
    }
    return found;
  });
}

/** Parsed once, because every program needs it. */
const library = new Map<string, ts.SourceFile>();

/** The sources from memory, the standard library from TypeScript's own folder; nothing else exists. */
function programOf(sources: readonly Source[]): ts.Program {
  const texts = new Map(sources.map(({ file, text }) => [file, text]));
  const host = ts.createCompilerHost(options, true);
  const { readFile, getSourceFile } = host;
  host.getCurrentDirectory = () => '';
  host.fileExists = (file) => texts.has(file);
  host.directoryExists = () => true;
  host.getDirectories = () => [];
  host.readFile = (file) =>
    texts.get(file) ?? (file.includes('/typescript/lib/') ? readFile(file) : undefined);
  host.getSourceFile = (file, ...rest) => {
    if (texts.has(file)) return getSourceFile(file, ...rest);
    const known = library.get(file) ?? getSourceFile(file, ...rest);
    if (known) library.set(file, known);
    return known;
  };
  return ts.createProgram([...texts.keys()], options, host);
}

/** A `Run`, or the generator of steps that an unannotated kernel function returns. */
function isRun(type: ts.Type, checker: ts.TypeChecker): boolean {
  if (type.isUnion()) return type.types.some((one) => isRun(one, checker));
  if (type.aliasSymbol?.name === 'Run' || type.symbol?.name === 'Run') return true;
  if (type.symbol?.name !== 'Generator') return false;
  const [step] = checker.getTypeArguments(type as ts.TypeReference);
  return step?.symbol?.name === 'Step' || step?.aliasSymbol?.name === 'Step';
}

function isUsed(call: ts.CallExpression, checker: ts.TypeChecker): boolean {
  let node: ts.Expression = call;
  while (ts.isExpression(node.parent) && passesThrough(node.parent, node)) node = node.parent;
  const { parent } = node;
  if (ts.isYieldExpression(parent)) return parent.asteriskToken !== undefined;
  if (ts.isArrowFunction(parent)) return parent.body === node;
  if (ts.isReturnStatement(parent) && !isInGenerator(parent)) return true;
  const expected = checker.getContextualType(node);
  return expected !== undefined && isRun(expected, checker);
}

const passesThrough = (outer: ts.Expression, inner: ts.Expression): boolean =>
  ts.isParenthesizedExpression(outer) ||
  ts.isAsExpression(outer) ||
  ts.isSatisfiesExpression(outer) ||
  ts.isNonNullExpression(outer) ||
  (ts.isConditionalExpression(outer) && outer.condition !== inner) ||
  (ts.isBinaryExpression(outer) && outer.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken);

function isInGenerator(node: ts.Node): boolean {
  const owner = ts.findAncestor(node, ts.isFunctionLike);
  return owner !== undefined && 'asteriskToken' in owner && owner.asteriskToken !== undefined;
}
