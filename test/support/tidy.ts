import { posix } from 'node:path';
import ts from 'typescript';
import { importsOf } from './layers';
import { parse, place, type Source, visit } from './source';

const linesOf = (text: string): number => text.replace(/\n$/, '').split('\n').length;

export function tooLong(sources: readonly Source[], limit: { file: number; function: number }): string[] {
  return sources.flatMap((source) => {
    const { file, text } = source;
    const found: string[] = [];
    if (linesOf(text) > limit.file) {
      found.push(`${file}: ${linesOf(text)} lines, at most ${limit.file}: split it by its nouns`);
    }
    visit(parse(source), (node) => {
      if (!ts.isFunctionLike(node)) return;
      const lines = linesOf(node.getText());
      if (lines > limit.function) {
        found.push(
          `${place(node)}: ${functionName(node)} has ${lines} lines, at most ${limit.function}: it does two things`,
        );
      }
    });
    return found;
  });
}

function functionName(node: ts.SignatureDeclaration): string {
  const name = node.name ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name : undefined);
  return name ? `${name.getText()}()` : 'a function';
}

// Split, so that this file does not find itself.
const unfinished = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`);

export function unfinishedWork(sources: readonly Source[]): string[] {
  return sources.flatMap(({ file, text }) =>
    text.split('\n').flatMap((line, at) => {
      const word = unfinished.exec(line)?.[0];
      return word
        ? [`${file}:${at + 1}: "${word}": finish it, or open an issue and say what is missing`]
        : [];
    }),
  );
}

const vague = /^(utils?|helpers?|types?|common|misc)\.ts$/;

export const vagueNames = (sources: readonly Source[]): string[] =>
  sources
    .filter(({ file }) => vague.test(posix.basename(file)))
    .map(
      ({ file }) =>
        `${file}: a file is named after its noun; a type stands beside the function that makes it`,
    );

/** What gives the machine another answer on another day or machine. */
export function impurities(sources: readonly Source[]): string[] {
  const outside =
    /^(Math\.random|process\.(argv|cwd|env|exit|hrtime|stderr|stdout)|performance\.\w+|(console|Date)(\.\w+)?)$/;
  return findExpressions(sources, outside, (text) => `${text}: the machine has no clock, chance or output`);
}

export function printing(sources: readonly Source[]): string[] {
  const output = /^(console\.\w+|process\.(stdout|stderr)|(fs\.)?writeSync)$/;
  return findExpressions(
    sources.filter(({ file }) => file !== 'src/cli.ts'),
    output,
    (text) => `${text}: only src/cli.ts prints; return the text`,
  );
}

function findExpressions(
  sources: readonly Source[],
  wanted: RegExp,
  says: (text: string) => string,
): string[] {
  return sources.flatMap((source) => {
    const found: string[] = [];
    visit(parse(source), (node) => {
      const isValue = ts.isPropertyAccessExpression(node) || (ts.isIdentifier(node) && isReference(node));
      if (isValue && wanted.test(node.getText())) found.push(`${place(node)}: ${says(node.getText())}`);
    });
    return found;
  });
}

/** An identifier that stands for a value, not the name of a member, and not the left end of a longer `a.b`. */
const isReference = ({ parent }: ts.Identifier): boolean =>
  ts.isCallExpression(parent) || ts.isNewExpression(parent) || ts.isVariableDeclaration(parent);

/** Kernel functions only `yield*`: every step is announced by a primitive of the machine. */
export function plainYields(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const found: string[] = [];
    visit(parse(source), (node) => {
      if (ts.isYieldExpression(node) && !node.asteriskToken) {
        found.push(`${place(node)}: a plain yield: use a step of the machine with yield*`);
      }
    });
    return found;
  });
}

/**
 * The list of variants is the folder: index.ts imports each of the other files, and each once. Of a variant that is a
 * folder it imports the index, which imports the rest.
 */
export function unlistedVariants(sources: readonly Source[]): string[] {
  const list = 'src/variants/index.ts';
  return sources
    .filter(({ file }) => file !== list)
    .flatMap(({ file }) => {
      const folder = posix.dirname(file);
      const isPart = folder !== 'src/variants' && posix.basename(file) !== 'index.ts';
      const by = isPart ? `${folder}/index.ts` : list;
      const times = importsFrom(sources, by).filter((one) => one === file).length;
      return times === 1 ? [] : [`${by} imports ${file} ${times} times, not once`];
    });
}

function importsFrom(sources: readonly Source[], file: string): string[] {
  const source = sources.find((one) => one.file === file);
  return (source ? importsOf(source) : []).map(({ specifier }) =>
    posix.join(posix.dirname(file), `${specifier.replace(/\.(ts|js)$/, '')}.ts`),
  );
}
