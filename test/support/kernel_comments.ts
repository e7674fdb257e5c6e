import ts from 'typescript';
import { parse, place, type Source } from './source';

/** A kernel function and where its comment stands. */
interface KernelFunction {
  readonly name: string;
  readonly node: ts.Node;
}

/** Kernel functions carry the kernel's names; a name in camelCase is ours and may be commented as we like. */
const isOurs = (name: string): boolean => /[a-z][A-Z]/.test(name);

/** Functions that a file exports: declared, assigned to a constant, or methods of an exported object. */
function exportedFunctions(source: Source): KernelFunction[] {
  return parse(source)
    .statements.filter(isExported)
    .flatMap((statement): KernelFunction[] => {
      if (ts.isFunctionDeclaration(statement) && statement.name) {
        return [{ name: statement.name.text, node: statement }];
      }
      if (!ts.isVariableStatement(statement)) return [];
      return statement.declarationList.declarations.flatMap((one) => {
        const value = bare(one.initializer);
        if (value && isFunction(value)) return [{ name: one.name.getText(), node: statement }];
        return value && ts.isObjectLiteralExpression(value) ? methodsOf(value) : [];
      });
    })
    .filter(({ name }) => !isOurs(name));
}

const isExported = (node: ts.Statement): boolean =>
  ts.canHaveModifiers(node) &&
  !!ts.getModifiers(node)?.some((one) => one.kind === ts.SyntaxKind.ExportKeyword);

const isFunction = (node: ts.Node): boolean => ts.isFunctionExpression(node) || ts.isArrowFunction(node);

const bare = (node: ts.Expression | undefined): ts.Expression | undefined =>
  node && (ts.isSatisfiesExpression(node) || ts.isAsExpression(node)) ? bare(node.expression) : node;

const methodsOf = (object: ts.ObjectLiteralExpression): KernelFunction[] =>
  object.properties.flatMap((one) =>
    ts.isMethodDeclaration(one) || (ts.isPropertyAssignment(one) && isFunction(one.initializer))
      ? [{ name: one.name.getText(), node: one }]
      : [],
  );

/** The lines of the last doc comment before a declaration, without stars. */
function docLines(node: ts.Node): string[] {
  const text = node.getSourceFile().text;
  const comment = ts
    .getLeadingCommentRanges(text, node.getFullStart())
    ?.map(({ pos, end }) => text.slice(pos, end))
    .filter((one) => one.startsWith('/**'))
    .at(-1);
  return (comment ?? '')
    .replace(/^\/\*\*/, '')
    .replace(/\*\/$/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\*?\s?/, '').trim())
    .filter((line) => line !== '');
}

const citation = /^[\w./-]+\.[chS]:(\w+)\(\)(, [^.]+)?\. (Faithful[.;]|Simplified: \S|Stubbed: \S)/;

/**
 * Kernel functions whose comment does not say where they come from, how faithful they are and which locks they want:
 *
 *     mm/memory.c:wp_page_copy(). Simplified: never out of memory.
 *     Enters with the PTE locked; returns with it unlocked.
 *
 * A part of a kernel function, or several in one, has words after the name:
 *
 *     mm/memory.c:do_wp_page(), the test for reuse. Faithful.
 */
export function wrongKernelComments(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    exportedFunctions(source).flatMap(({ name, node }) => {
      const wrong = wrongComment(name, docLines(node));
      return wrong ? [`${place(node)}: ${name}(): ${wrong}`] : [];
    }),
  );
}

function wrongComment(name: string, lines: readonly string[]): string | undefined {
  const locks = lines.findIndex((line) => line.startsWith('Enters '));
  const cited = citation.exec(lines.slice(0, locks < 0 ? undefined : locks).join(' '));
  if (!cited) {
    return `its comment must begin with "<path>.c:${name}(). Faithful." or "Simplified: ..." or "Stubbed: ..."`;
  }
  if (cited[1] !== name && !cited[2])
    return `its comment cites ${cited[1]}(); for a part of it, say which part`;
  if (locks < 0 || !lines.slice(locks).join(' ').includes('; returns ')) {
    return 'its comment needs a line on locks, "Enters with ...; returns with ..."';
  }
  return undefined;
}
