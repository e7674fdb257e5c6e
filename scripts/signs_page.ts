/**
 * Puts the legend of `faultline list signs` into docs/reading-a-trace.md, a table between two comments for each of its
 * parts; all around them is written by hand.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Listed } from '../src/report/list';
import { mdTable } from '../src/report/markdown';
import { signs } from '../src/report/signs';

const block = /<!-- signs: (\w+) -->\n[\s\S]*?<!-- end -->/g;

const heads: Record<keyof typeof signs, readonly string[]> = {
  words: ['word', 'class or verdict', 'meaning'],
  lines: ['form', 'meaning'],
  objects: ['object', 'what is said of it'],
  places: ['letter', 'where', 'meaning'],
  others: ['entry', 'meaning'],
};

/** A bar would end a cell of the table, also where it is code. */
const code = (text: string): string =>
  text.includes('|') ? `<code>${text.replaceAll('|', '&#124;')}</code>` : `\`${text}\``;

export function signsTable(name: keyof typeof signs): string {
  const head = heads[name];
  const rowOf = ({ id, beside, says }: Listed): string[] =>
    head.length === 2 ? [code(id), says] : [code(id), beside, says];
  return mdTable(head, signs[name].entries.map(rowOf));
}

export const signsPage = (): string =>
  readFileSync(join(__dirname, '..', 'docs', 'reading-a-trace.md'), 'utf8').replace(
    block,
    (_, name: keyof typeof signs) => `<!-- signs: ${name} -->\n\n${signsTable(name)}\n\n<!-- end -->`,
  );
