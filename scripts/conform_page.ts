/**
 * Puts the figures of docs/conform-figures.json into docs/conform.md, as a table between two comments; all around them
 * is written by hand.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { figuresHere, type RecordedFigures } from '../src/conform/figures';
import { mdTable } from '../src/report/markdown';

const block = /(<!-- figures of docs\/conform-figures\.json -->\n)[\s\S]*?(<!-- end -->)/g;

const heads = [
  'kernel',
  'command',
  'fixtures',
  'agree',
  'known reason',
  'disagree',
  'not to their end',
  'steps that agree',
];

const rowOf = (one: RecordedFigures): string[] => [
  one.kernel,
  `\`${one.command}\``,
  ...[one.fixtures, one.agreed, one.explained, one.disagreed, one.cut].map(String),
  `${one.observationsAgreed} of ${one.observations}`,
];

/** Newer kernels first, and of each the longest run: in whatever order the runs were recorded. */
function inOrder(all: readonly RecordedFigures[]): RecordedFigures[] {
  const newerFirst = (a: string, b: string): number => b.localeCompare(a, 'en', { numeric: true });
  return [...all].sort((a, b) => newerFirst(a.kernel, b.kernel) || b.observations - a.observations);
}

export const figuresTable = (all: readonly RecordedFigures[]): string =>
  mdTable(heads, inOrder(all).map(rowOf));

export function withFigures(text: string, all: readonly RecordedFigures[]): string {
  const table = figuresTable(all);
  return text.replace(block, (_, begin: string, end: string) => `${begin}\n${table}\n\n${end}`);
}

export const conformPage = (): string =>
  withFigures(readFileSync(join(__dirname, '..', 'docs', 'conform.md'), 'utf8'), figuresHere());
