/** The comparison on a terminal: proposals, then fixtures by variants, then what the words mean. */
import type { Comparison } from '../compare/index';
import { type MatrixLayout, matrixLayout, renderMatrix } from './matrix_table';
import { grouped, indent, type Screen, wrap } from './screen';
import { renderSummary } from './summary_table';
import { cellWord, classes, classWords, hardwareSays, missingWords, shardSays, verdictWords } from './words';

/** @param besideKernels on how much real kernels and the model agreed, in a sentence */
export function renderTable(comparison: Comparison, screen: Screen, besideKernels = ''): string {
  const layout = matrixLayout(comparison, screen.width);
  const says = shardSays(comparison);
  const parts = [
    renderSummary(comparison, screen, layout.numbered),
    ...costNote(comparison, screen),
    renderMatrix(comparison, screen, layout),
    [
      ...legend(comparison, screen, layout),
      ...(says === '' ? [] : ['', ...wrap(says, screen.width)]),
      ...searched(comparison, screen),
      ...(besideKernels === '' ? [] : wrap(besideKernels, screen.width)),
    ].join('\n'),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** What the cost columns are relative to. */
function costNote({ costs }: Comparison, screen: Screen): string[] {
  const rows = costs.filter((row) => row.base !== null && row.fixtures > 0);
  if (rows.length === 0) return [];
  const text =
    "Cost against that of the variant's base, over the fixtures whose programs run to their end on both: = the " +
    'same, +3 or -3 a difference, +3% a share, x3 a multiple; nothing where the base was not run.';
  return [wrap(text, screen.width).join('\n')];
}

/** Only the words that occur. */
function legend(comparison: Comparison, screen: Screen, layout: MatrixLayout): string[] {
  const verdicts = comparison.cells.map((cell) => cell.verdict);
  const used = new Set(verdicts.flatMap((v) => cellWord(v).replace('*', '').split('+')));
  const words = [...Object.values(verdictWords), ...classes.map((one) => classWords[one])].filter(
    ({ word }) => used.has(word) || classes.some((one) => classWords[one].word === word),
  );
  words.push(...missingWords(comparison));
  const lines = words.map(({ word, means }) => `${word.padEnd(10)}${means}`);
  if (verdicts.some((v) => cellWord(v).endsWith('*'))) {
    lines.push(`${'*'.padEnd(10)}with something spurious, which alone breaks no proposal`);
  }
  if (layout.runs)
    lines.push(`${'12'.padEnd(10)}runs that were explored; >12 where a bound stopped the search`);
  if (layout.numbered)
    lines.push(`${'1, 2, ...'.padEnd(10)}proposals and releases by their number in the first table`);
  return lines.flatMap((line) => indent(wrap(line, screen.width - 2, 10), 2));
}

/** How far the search went: without this line "survives" would say nothing. */
function searched(comparison: Comparison, screen: Screen): string[] {
  const explored = comparison.cells.flatMap(({ verdict }) =>
    'explored' in verdict ? [verdict.explored] : [],
  );
  if (explored.length === 0) return [];
  const runs = explored.reduce((sum, one) => sum + one.executions, 0);
  const complete = explored.filter((one) => one.complete).length;
  const stopped = [
    ...new Set(explored.filter((one) => !one.complete).map((one) => one.stoppedBy ?? 'a bound')),
  ];
  const text =
    complete === explored.length
      ? `Searched to the end in all ${explored.length} cells that ran: ${grouped(runs)} runs.`
      : `Searched to the end in ${complete} of ${explored.length} cells that ran, ${grouped(runs)} runs; ` +
        `the others were stopped by: ${stopped.join(', ')}.`;
  return [
    '',
    ...wrap(text, screen.width),
    ...(comparison.hardware ? wrap(hardwareSays, screen.width) : []),
    ...wrap(
      `The run behind a cell: faultline explain FIXTURE VARIANT${comparison.hardware ? ' --hardware' : ''}`,
      screen.width,
    ),
  ];
}
