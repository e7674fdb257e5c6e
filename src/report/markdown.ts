/** The comparison and the review as Markdown: an overview, and one page per variant. */
import type { Comparison } from '../compare/comparison';
import { type Mark, unmarked } from './against';
import { costHeads, costKinds, costText } from './cost';
import { finding, type Review, wordAt } from './review';
import { cellWord, classes, classWords, missingWords, plural, shardSays, verdictWords } from './words';

/** No text ends a cell or a line before its time, and none starts an element. */
export const cellText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('|', '\\|').replaceAll('\n', ' ');

export const mdTable = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

/** The table of a comparison, for `compare --format markdown` and the overview. */
export function renderMarkdown(comparison: Comparison, linked = false, mark?: Mark): string {
  const name = (id: string): string => (linked ? `[${cellText(id)}](${pageFile(id)})` : cellText(id));
  const parts = [
    summary(comparison, name),
    matrix(comparison, name, mark ?? unmarked),
    legend(comparison, mark),
    shardSays(comparison),
  ].filter((part) => part !== '');
  return `${parts.join('\n\n')}\n`;
}

export const pageFile = (variant: string): string => `${encodeURIComponent(variant)}.md`;

function summary({ summary: rows, variants, costs }: Comparison, name: (id: string) => string): string {
  const head = [
    'proposal',
    ...classes.map((one) => classWords[one].word),
    'survived',
    ...Object.values(costHeads),
  ];
  return mdTable(
    head,
    rows.map((row) => {
      if (variants.find(({ id }) => id === row.variant)?.builds === false) {
        return [name(row.variant), ...classes.map(() => ''), 'no build', ...costKinds.map(() => '')];
      }
      const cost = costs.find((one) => one.variant === row.variant);
      return [
        name(row.variant),
        ...classes.map((one) => String(row[one] || '.')),
        `${row.survived}/${row.fixtures}`,
        ...costKinds.map((kind) => (cost ? costText(cost, kind) : '')),
      ];
    }),
  );
}

function matrix(comparison: Comparison, name: (id: string) => string, mark: Mark): string {
  return mdTable(
    ['fixture', ...comparison.variants.map(({ id }) => name(id))],
    comparison.fixtures.map(({ id }) => [
      cellText(id),
      ...comparison.variants.map((variant) => mark(id, variant.id) + wordAt(comparison, id, variant.id)),
    ]),
  );
}

function legend(comparison: Comparison, mark?: Mark): string {
  const { cells } = comparison;
  const used = new Set(cells.flatMap(({ verdict }) => cellWord(verdict).replace('*', '').split('+')));
  const verdictLines = Object.values(verdictWords).filter(({ word }) => used.has(word));
  const lines = [...classes.map((one) => classWords[one]), ...verdictLines, ...missingWords(comparison)].map(
    ({ word, means }) => `- **${word}**: ${means}`,
  );
  return [
    ...lines,
    ...(mark ? ['- **>>**: new against the saved comparison'] : []),
    '- **\\***: with something spurious, which alone breaks no proposal',
    "- **faults, events, ...**: cost beside the proposal's base, over the fixtures that ran to their end on both",
  ].join('\n');
}

/** Fixtures searched to the end, for the sentence under a table: without it "survives" would say nothing. */
export function searchedText({ cells }: Comparison): string {
  const ran = cells.flatMap(({ verdict }) => ('explored' in verdict ? [verdict.explored] : []));
  const complete = ran.filter((one) => one.complete).length;
  const runs = ran.reduce((sum, one) => sum + one.executions, 0);
  return `${complete} of ${plural(ran.length, 'cell')} that ran were searched to the end, ${plural(runs, 'run')} in all.`;
}

export function renderOverview(review: Review): string {
  const { comparison } = review;
  const { fixtures, variants } = comparison;
  const parts = [
    '# Review',
    `Which of these ${variants.length} variants avoid the faults that the ${plural(fixtures.length, 'fixture')} below ` +
      'ask for, over every order of their steps, and what does each cost?',
    renderMarkdown(comparison, true, review.mark).trimEnd(),
    searchedText(comparison),
    ...(review.besideKernels ? [review.besideKernels] : []),
    '## Findings',
    ...variants.map(
      (meta) => `**[${cellText(meta.id)}](${pageFile(meta.id)})**: ${cellText(finding(comparison, meta))}`,
    ),
    '## Fixtures',
    mdTable(
      ['fixture', 'asks'],
      fixtures.map(({ id, asks }) => [cellText(id), cellText(asks)]),
    ),
  ];
  return `${parts.join('\n\n')}\n`;
}
