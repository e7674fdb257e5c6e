/** Kernel functions copied into a file of one's own: with what they use, so that the copy compiles as it is. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type ts from 'typescript';

const compiler = (): typeof ts => require('typescript') as typeof ts;

/** Something that a function uses has no name outside of its file. */
export class Uncopyable extends Error {
  override name = 'Uncopyable';
}

/** What the copied functions need above them. */
export class Surroundings {
  /** What is imported from the core, each as it is written there. */
  readonly imports = new Set<string>();
  /** `const { VM_WRITE } = flags;`: names by the object that has them. */
  readonly names = new Map<string, Set<string>>();
  /** Declarations by name, in the order in which they must stand. */
  readonly declarations = new Map<string, string>();

  take(object: string, name: string): void {
    this.names.set(object, (this.names.get(object) ?? new Set()).add(name));
  }
  declare(name: string, text: string): void {
    const known = this.declarations.get(name);
    if (known !== undefined && known !== text) throw new Uncopyable(`two files have a ${name}`);
    this.declarations.set(name, text);
  }
  merge(other: Surroundings): void {
    for (const [name, text] of other.declarations) {
      const known = this.declarations.get(name);
      if (known !== undefined && known !== text) throw new Uncopyable(`two files have a ${name}`);
    }
    for (const one of other.imports) this.imports.add(one);
    for (const [object, names] of other.names) for (const name of names) this.take(object, name);
    for (const [name, text] of other.declarations) this.declarations.set(name, text);
  }
}

/**
 * The text of a function as a method of `kernel`, without its types, which defineVariant() gives it.
 * @returns null for one that is not called through `k`, and so cannot be replaced
 * @throws Uncopyable
 */
export function copyFunction(file: string, name: string): { text: string; needs: Surroundings } | null {
  const c = compiler();
  const source = c.createSourceFile(file, readFileSync(file, 'utf8'), c.ScriptTarget.ES2022, true);
  const node = findFunction(source, name);
  if (node?.parameters[0]?.name.getText() !== 'k') return null;
  if (!node.body || !c.isBlock(node.body)) throw new Uncopyable(`${name}() has no body of its own`);
  const needs = new Surroundings();
  const resolver = new Resolver(source, needs);
  resolver.resolveAll(node.body);
  for (const parameter of node.parameters)
    if (parameter.initializer) resolver.resolveAll(parameter.initializer);
  const star = node.asteriskToken ? '*' : '';
  const parameters = node.parameters.map(
    (one) => one.name.getText() + (one.initializer ? ` = ${one.initializer.getText()}` : ''),
  );
  const indentation = /^ */.exec(lineOf(node, source))![0].length;
  const body = node.body.getText().replaceAll('\n', `\n${' '.repeat(Math.max(0, 4 - indentation))}`);
  return { text: `    ${star}${name}(${parameters.join(', ')}) ${body},`, needs };
}

function lineOf(node: ts.Node, source: ts.SourceFile): string {
  return source.text.split('\n')[source.getLineAndCharacterOfPosition(node.getStart()).line]!;
}

type Found = ts.FunctionDeclaration | ts.MethodDeclaration;

function findFunction(source: ts.SourceFile, name: string): Found | null {
  const c = compiler();
  let found: Found | null = null;
  const see = (node: ts.Node): void => {
    const isFunction = c.isFunctionDeclaration(node) || c.isMethodDeclaration(node);
    if (isFunction && node.name?.getText() === name) found ??= node;
    else node.forEachChild(see);
  };
  see(source);
  return found;
}

/** Finds where the names of one file come from. */
class Resolver {
  private readonly seen = new Set<string>();
  private readonly isMainline: boolean;

  constructor(
    private readonly source: ts.SourceFile,
    private readonly needs: Surroundings,
  ) {
    this.isMainline = basename(dirname(source.fileName)) === 'kernel';
  }

  resolveAll(node: ts.Node): void {
    const c = compiler();
    const see = (one: ts.Node): void => {
      const { parent } = one;
      const isMember =
        (c.isPropertyAccessExpression(parent) && parent.name === one) ||
        (c.isPropertyAssignment(parent) && parent.name === one);
      if (c.isIdentifier(one) && !isMember) this.resolve(one.text);
      one.forEachChild(see);
    };
    see(node);
  }

  private resolve(name: string): void {
    if (this.seen.has(name)) return;
    this.seen.add(name);
    const c = compiler();
    for (const statement of this.source.statements) {
      if (c.isImportDeclaration(statement)) this.fromImport(statement, name);
      else if (declares(statement, name)) this.fromStatement(statement, name);
    }
  }

  private fromImport(statement: ts.ImportDeclaration, name: string): void {
    const c = compiler();
    const bindings = statement.importClause?.namedBindings;
    const from = (statement.moduleSpecifier as ts.StringLiteral).text;
    if (!bindings) return;
    if (c.isNamespaceImport(bindings)) {
      if (bindings.name.text === name) this.fromNamespace(from, name);
      return;
    }
    const one = bindings.elements.find((element) => element.name.text === name);
    if (!one) return;
    const isType = statement.importClause!.isTypeOnly || one.isTypeOnly;
    const written = one.propertyName ? `${one.propertyName.text} as ${name}` : name;
    const where = basename(from);
    if (!this.isMainline && from.startsWith('./') && !one.propertyName) this.fromSibling(from, name);
    else if (/^(\.\.\/)+core$/.test(from) || !this.isMainline) {
      if (!/(^|\/)core(\/index)?$/.test(from)) throw new Uncopyable(`${name} is from ${from}`);
      this.needs.imports.add(isType ? `type ${written}` : written);
    } else if (from.startsWith('./')) this.fromMainline(name, isType);
    else if (where === 'flags' || where === 'entry') this.takeFrom(where, name);
    else if (starExports().has(where)) this.needs.imports.add(isType ? `type ${written}` : written);
    else throw new Uncopyable(`${name} is from ${from}`);
  }

  /** From another file of the same variant, whose declaration comes along. */
  private fromSibling(from: string, name: string): void {
    const file = join(dirname(this.source.fileName), `${from}.ts`);
    if (!existsSync(file)) throw new Uncopyable(`${name} is from ${from}`);
    const { createSourceFile, ScriptTarget } = compiler();
    const sibling = createSourceFile(file, readFileSync(file, 'utf8'), ScriptTarget.ES2022, true);
    new Resolver(sibling, this.needs).resolve(name);
  }

  private fromNamespace(from: string, name: string): void {
    const where = basename(from);
    const exported = from.startsWith('./') ? 'mainline' : where;
    if (!['mainline', 'flags', 'entry', 'mmu'].includes(exported)) throw new Uncopyable(`${name} is ${from}`);
    this.needs.imports.add(exported === name ? name : `${exported} as ${name}`);
  }

  private takeFrom(object: string, name: string): void {
    this.needs.imports.add(object);
    this.needs.take(object, name);
  }

  private fromMainline(name: string, isType: boolean): void {
    this.needs.imports.add('mainline');
    if (isType) this.needs.declare(name, `type ${name} = mainline.${name};`);
    else this.needs.take('mainline', name);
  }

  private fromStatement(statement: ts.Statement, name: string): void {
    const c = compiler();
    const isExported = /^export\b/.test(statement.getText());
    const isType = c.isInterfaceDeclaration(statement) || c.isTypeAliasDeclaration(statement);
    if (this.isMainline && isExported) {
      this.fromMainline(name, isType);
      return;
    }
    if (c.isVariableStatement(statement)) {
      for (const one of statement.declarationList.declarations) this.fromVariable(one, name);
      return;
    }
    this.resolveAll(statement);
    this.needs.declare(name, withComment(statement, this.source));
  }

  private fromVariable(one: ts.VariableDeclaration, name: string): void {
    const c = compiler();
    if (c.isObjectBindingPattern(one.name) && one.initializer) {
      const taken = one.name.elements.find((element) => element.name.getText() === name);
      if (!taken) return;
      this.resolveAll(one.initializer);
      this.needs.take(one.initializer.getText(), taken.getText());
    } else if (one.name.getText() === name) {
      this.resolveAll(one);
      this.needs.declare(name, withComment(one.parent.parent, this.source));
    }
  }
}

/** In the copy nothing is exported. */
const withComment = (statement: ts.Node, source: ts.SourceFile): string =>
  source.text.slice(statement.getFullStart(), statement.getStart(source)).trimStart() +
  source.text.slice(statement.getStart(source), statement.getEnd()).replace(/^export /, '');

function declares(statement: ts.Statement, name: string): boolean {
  const c = compiler();
  if (c.isVariableStatement(statement)) {
    return statement.declarationList.declarations.some((one) =>
      c.isObjectBindingPattern(one.name)
        ? one.name.elements.some((element) => element.name.getText() === name)
        : one.name.getText() === name,
    );
  }
  const isNamed =
    c.isFunctionDeclaration(statement) ||
    c.isInterfaceDeclaration(statement) ||
    c.isTypeAliasDeclaration(statement) ||
    c.isEnumDeclaration(statement) ||
    c.isClassDeclaration(statement);
  return isNamed && statement.name?.text === name;
}

let exported: ReadonlySet<string> | null = null;

/** Files of the core whose names its index exports as they are. */
function starExports(): ReadonlySet<string> {
  const index = join(__dirname, '..', '..', 'src', 'core', 'index.ts');
  exported ??= new Set(
    [...readFileSync(index, 'utf8').matchAll(/^export \* from '\.\/(\w+)';$/gm)].map(([, file]) => file!),
  );
  return exported;
}
