import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';

/** A file as the tidy checks see it: its path from the top of the project, with slashes, and its text. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

const top = join(__dirname, '..', '..');

/** All files below `folder` that end so; none when the folder does not exist. */
export function sourcesUnder(folder: string, ...endings: string[]): Source[] {
  if (!existsSync(join(top, folder))) return [];
  return readdirSync(join(top, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => posix.relative(top, join(entry.parentPath, entry.name)))
    .sort()
    .map(sourceOf);
}

export const sourceOf = (file: string): Source => ({ file, text: readFileSync(join(top, file), 'utf8') });

export const parse = ({ file, text }: Source): ts.SourceFile =>
  ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);

export function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  node.forEachChild((child) => visit(child, see));
}

/** `file:line`, which editors and terminals open. */
export function place(node: ts.Node): string {
  const file = node.getSourceFile();
  return `${file.fileName}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}
