/** The first part of the table: one row per proposal, and below them one per kernel. */
import type { Comparison, CostRow, SummaryRow } from '../compare/index';
import type { VerdictKind } from '../judge/index';
import { costHeads, costKinds, costText } from './cost';
import { type GridColumn, gridWidth, renderGrid } from './grid';
import { type Group, groupsOf } from './groups';
import { breakId, columns, paint, type Screen } from './screen';
import { classes, classWords, verdictWords } from './words';

type Kind = Exclude<VerdictKind, 'breaks' | 'survives'>;
const otherKinds: readonly Kind[] = ['closed', 'cut-short', 'not-applicable'];

const mainCosts = ['faults', 'events', 'tlbFlushes', 'pageCopies'] as const;
/** Columns from which on there is room for every cost. */
const WIDE = 140;
/** Columns that a proposal's name gets at least. */
const LEAST_NAME = 16;

interface Column {
  readonly head: string;
  readonly cell: (row: SummaryRow) => string;
}

/**
 * @param numbered whether each proposal gets the number that the second part's heads use
 * @returns one grid, or several below each other where all does not fit beside each other
 */
export function renderSummary(comparison: Comparison, screen: Screen, numbered: boolean): string {
  const names = comparison.summary.map(({ variant }, i) => (numbered ? `${i + 1} ${variant}` : variant));
  const verdicts = verdictColumns(comparison, screen);
  const others = [...otherColumns(comparison), ...costColumns(comparison, screen)];
  const all = [...verdicts, ...others];
  const widest = Math.max(...names.map(columns), columns('proposal'));
  const groups = groupsOf(comparison.variants);
  if (widest + 2 + widthOf(all, comparison.summary) <= screen.width) {
    return grid(names, comparison.summary, groups, all, screen);
  }
  const room = screen.width - Math.min(widest, LEAST_NAME) - 1;
  return [verdicts, others]
    .flatMap((part) => packed(part, comparison.summary, room))
    .map((part) => grid(names, comparison.summary, groups, part, screen))
    .join('\n\n');
}

/** As many grids as these columns need. */
function packed(part: readonly Column[], rows: readonly SummaryRow[], room: number): Column[][] {
  const grids: Column[][] = [];
  for (const column of part) {
    const last = grids.at(-1);
    if (last && gridWidth(widths([...last, column], rows), 1) <= room) last.push(column);
    else grids.push([column]);
  }
  return grids;
}

const widths = (part: readonly Column[], rows: readonly SummaryRow[]): number[] =>
  part.map(({ head, cell }) =>
    Math.max(...head.split('\n').map(columns), ...rows.map((row) => columns(cell(row)))),
  );

const widthOf = (part: readonly Column[], rows: readonly SummaryRow[]): number =>
  gridWidth(widths(part, rows), 2);

function grid(
  names: readonly string[],
  rows: readonly SummaryRow[],
  groups: readonly Group[],
  part: readonly Column[],
  screen: Screen,
): string {
  const each = widths(part, rows);
  const longest = Math.max(...names.map(columns), columns('proposal'));
  const gap = longest + 2 + gridWidth(each, 2) <= screen.width ? 2 : 1;
  const room = screen.width - gap - gridWidth(each, gap);
  const nameWidth = Math.max(1, Math.min(longest, room));
  const heads: GridColumn[] = part.map(({ head }, i) => ({ head, width: each[i]!, align: 'right' }));
  const line = (i: number): string[] => [
    breakId(names[i]!, nameWidth),
    ...part.map((column) => column.cell(rows[i]!)),
  ];
  return groups
    .map(({ word, of }) => renderGrid([{ head: word, width: nameWidth }, ...heads], of.map(line), gap))
    .join('\n\n');
}

function verdictColumns(comparison: Comparison, screen: Screen): Column[] {
  const color = paint(screen);
  const doesNotBuild = (variant: string): boolean => kindsOf(comparison, variant).includes('does-not-build');
  const perClass: Column[] = classes.map((one) => ({
    head: classWords[one].word.replace('-', '-\n'),
    cell: (row) => {
      if (doesNotBuild(row.variant)) return '';
      return row[one] === 0 ? '.' : one === 'spurious' ? String(row[one]) : color.red(String(row[one]));
    },
  }));
  const survived: Column = {
    head: 'survived',
    cell: (row) => {
      if (doesNotBuild(row.variant)) return verdictWords['does-not-build'].word;
      const text = `${row.survived}/${row.fixtures}`;
      return row.fixtures > 0 && row.survived === row.fixtures ? color.green(text) : text;
    },
  };
  return [...perClass, survived];
}

const kindsOf = ({ cells }: Comparison, variant: string): VerdictKind[] =>
  cells.filter((cell) => cell.variant === variant).map((cell) => cell.verdict.kind);

/** Verdicts that are neither a break nor a pass, where there are any. */
const otherColumns = (comparison: Comparison): Column[] =>
  otherKinds
    .filter((kind) => comparison.cells.some((cell) => cell.verdict.kind === kind))
    .map((kind) => ({
      head: verdictWords[kind].word,
      cell: ({ variant }) => {
        const kinds = kindsOf(comparison, variant);
        if (kinds.includes('does-not-build')) return '';
        return String(kinds.filter((one) => one === kind).length || '.');
      },
    }));

function costColumns(comparison: Comparison, screen: Screen): Column[] {
  const rows = new Map<string, CostRow>(comparison.costs.map((row) => [row.variant, row]));
  if (comparison.costs.every((row) => row.base === null || row.fixtures === 0)) return [];
  const kinds = screen.width >= WIDE ? costKinds : mainCosts;
  return kinds.map((kind) => ({
    head: costHeads[kind],
    cell: ({ variant }) => {
      const row = rows.get(variant);
      return row ? costText(row, kind) : '';
    },
  }));
}
