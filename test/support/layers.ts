import { posix } from 'node:path';
import ts from 'typescript';
import { parse, place, type Source, visit } from './source';

interface Layer {
  /** Folders, or single files, of src whose values it may import; itself is understood. */
  readonly from: readonly string[];
  /** Folders of which it may import types only. */
  readonly typesFrom?: readonly string[];
  /** Packages it may import; `node:` modules by name. */
  readonly packages: readonly string[] | 'any';
  /** Ends the message: the idea that an import would break. */
  readonly because: string;
}

/** The table of docs/design.md section 2. A new folder of src gets a row here. */
export const layers: Readonly<Record<string, Layer>> = {
  core: { from: [], packages: [], because: 'the machine knows nothing but itself' },
  variants: {
    from: ['core/index'],
    packages: [],
    because: 'a proposal is kernel functions over core/index.ts and stands alone',
  },
  workload: {
    from: ['core'],
    packages: ['yaml', 'ajv'],
    because: 'a fixture never knows who is tested, and its text is handed in',
  },
  explore: {
    from: ['core', 'workload'],
    packages: 'any',
    because: 'an explorer is handed its variant',
  },
  judge: {
    from: ['core', 'workload', 'explore'],
    packages: [],
    because: 'a judge must not know who is tested',
  },
  compare: {
    from: ['core', 'variants', 'workload', 'explore', 'judge', 'mail', 'version'],
    packages: 'any',
    because: 'no stage reaches back',
  },
  report: {
    // A schedule has one text form, which is a name like the others: explore/schedule.ts is pure text. So is what
    // two sides differ in, which findings of conform are saved with. Which cells a shard has is a remainder.
    from: ['version', 'explore/schedule', 'conform/brevity', 'compare/shard'],
    typesFrom: ['core', 'variants', 'workload', 'explore', 'judge', 'compare', 'conform'],
    packages: ['cli-table3', 'diff', 'node:zlib', 'picocolors'],
    because:
      'a report turns values into text: it imports types (import type), runs nothing, touches no files',
  },
  cli: {
    from: [
      'core',
      'variants',
      'workload',
      'explore',
      'judge',
      'compare',
      'report',
      'conform',
      'fuzz',
      'mail',
      'walk',
      'version',
    ],
    packages: 'any',
    because: 'commands stand at the end of the walk; cli.ts starts them',
  },
  fuzz: {
    from: ['core', 'workload', 'explore', 'judge', 'compare'],
    packages: ['fast-check', 'node:path', 'node:worker_threads'],
    because: 'a fuzzer starts threads and else touches nothing; its findings are handed back',
  },
  mail: {
    from: [],
    packages: ['diff'],
    because: 'a mail is bytes that are handed in; what is made of it, others decide',
  },
  conform: {
    from: ['core', 'variants', 'workload', 'explore', 'judge', 'compare', 'fuzz', 'report', 'version'],
    packages: 'any',
    because: 'no stage reaches back',
  },
};

interface Import {
  readonly node: ts.Node;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function importAt(node: ts.Node): Import | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return { node, specifier: node.moduleSpecifier.text, typeOnly: importsTypesOnly(node.importClause) };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    return { node, specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return { node, specifier: node.argument.literal.getText().slice(1, -1), typeOnly: true };
  }
  if (
    ts.isCallExpression(node) &&
    ['import', 'require', 'require.resolve'].includes(node.expression.getText())
  ) {
    const [argument] = node.arguments;
    return argument && ts.isStringLiteralLike(argument)
      ? { node, specifier: argument.text, typeOnly: false }
      : undefined;
  }
  if (ts.isExternalModuleReference(node) && ts.isStringLiteral(node.expression)) {
    return { node, specifier: node.expression.text, typeOnly: false };
  }
  return undefined;
}

function importsTypesOnly(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false;
  if (clause.isTypeOnly) return true;
  const named = clause.namedBindings;
  return !clause.name && !!named && ts.isNamedImports(named) && named.elements.every((one) => one.isTypeOnly);
}

export function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  visit(parse(source), (node) => {
    const one = importAt(node);
    if (one) found.push(one);
  });
  return found;
}

/** The path from src of what a relative import names, without its ending; a folder stands for its index. */
export function target(file: string, specifier: string, folders: ReadonlySet<string>): string {
  const path = posix.join(posix.dirname(file), specifier).replace(/\.(ts|js)$/, '');
  return posix.relative('src', folders.has(path) ? `${path}/index` : path);
}

/** Imports that the table of layers does not allow. Files directly in src stand above it and may import all but cli.ts. */
export function brokenLayers(sources: readonly Source[]): string[] {
  const folders = new Set(sources.map(({ file }) => posix.dirname(file)));
  return sources.flatMap((source) => {
    const name = layerOf(source.file);
    const layer = name === undefined ? undefined : layers[name];
    if (name !== undefined && !layer) {
      return [
        `${source.file}: src/${name} has no row in the table of test/support/layers.ts: say what it may import`,
      ];
    }
    return importsOf(source).flatMap((one) => {
      const wrong = one.specifier.startsWith('.')
        ? wrongFile(source.file, name, layer, target(source.file, one.specifier, folders), one.typeOnly)
        : wrongPackage(layer, one.specifier);
      return wrong ? [`${place(one.node)}: imports ${one.specifier}: ${wrong}`] : [];
    });
  });
}

/** `core` for src/core/kernel/mprotect.ts, undefined for src/walk.ts. */
const layerOf = (file: string): string | undefined => /^src\/([^/]+)\//.exec(file)?.[1];

function wrongFile(
  file: string,
  name: string | undefined,
  layer: Layer | undefined,
  imported: string,
  typeOnly: boolean,
): string | undefined {
  if (imported === 'cli') return 'cli.ts is the end of the walk, nobody imports it';
  if (imported.startsWith('..')) return 'it is outside src and would not be shipped';
  if (!layer || name === undefined) return undefined;
  if (imported.startsWith(`${name}/`)) {
    const isList = file === 'src/variants/index.ts';
    // A variant that is too long for one file is a folder.
    const folder = posix.relative('src', posix.dirname(file));
    const isOwn = folder !== 'variants' && imported.startsWith(`${folder}/`);
    return name === 'variants' && !isList && !isOwn ? layer.because : undefined;
  }
  const allowed = typeOnly ? [...layer.from, ...(layer.typesFrom ?? [])] : layer.from;
  return allowed.some((one) => imported === one || imported.startsWith(`${one}/`))
    ? undefined
    : layer.because;
}

function wrongPackage(layer: Layer | undefined, specifier: string): string | undefined {
  if (!layer || layer.packages === 'any') return undefined;
  const allowed = layer.packages.some((one) => specifier === one || specifier.startsWith(`${one}/`));
  return allowed ? undefined : layer.because;
}
