/** The second part of the table: fixtures by variants. */
import type { Cell, Comparison } from '../compare/index';
import type { Verdict } from '../judge/index';
import { type GridColumn, gridWidth, renderGrid } from './grid';
import { groupsOf } from './groups';
import { AFTER_PLUS, breakId, columns, grouped, paint, type Screen, widestPart } from './screen';
import { cellWord, missingWord } from './words';

/** Room for the longest single word, `survives*`. */
const LEAST = 9;
/** Wide enough for every word and the number of runs that were explored. */
const WITH_RUNS = 15;
const GAP = 1;

export interface MatrixLayout {
  /** Columns of the fixtures' names. */
  readonly names: number;
  /** Columns of one cell. */
  readonly cell: number;
  /** Variants of each of the stacked grids, by position. */
  readonly parts: readonly (readonly number[])[];
  /** Heads are the numbers of the first part of the table, because ids do not fit. */
  readonly numbered: boolean;
  /** Cells say how many runs were explored. */
  readonly runs: boolean;
}

export function matrixLayout({ fixtures, variants }: Comparison, width: number): MatrixLayout {
  const longest = Math.max(...fixtures.map((f) => columns(f.id)), columns('fixture'));
  const names = Math.min(longest, Math.max(20, Math.floor(width * 0.38)));
  const room = width - names - GAP;
  const most = Math.max(1, Math.floor((room + GAP) / (LEAST + GAP)));
  // What does not build has nothing to say of any fixture: the first part of the table says it once.
  const groups = groupsOf(variants).map(({ of }) => of.filter((i) => variants[i]!.builds));
  const ran = groups.flat();
  const parts = ran.length <= most ? [ran] : groups.flatMap((of) => chunks(of, most));
  const per = Math.max(1, ...parts.map((part) => part.length));
  const cell = Math.min(20, Math.floor((room + GAP) / per) - GAP);
  const numbered = variants.some((v) => widestPart(v.id) > cell);
  return { names, cell, parts, numbered, runs: cell >= WITH_RUNS };
}

/** As few parts as possible, of nearly the same length. */
function chunks(of: readonly number[], most: number): (readonly number[])[] {
  const count = Math.ceil(of.length / most);
  const per = Math.ceil(of.length / count);
  return Array.from({ length: count }, (_, i) => of.slice(i * per, (i + 1) * per));
}

export function renderMatrix(comparison: Comparison, screen: Screen, layout: MatrixLayout): string {
  const cells = new Map(comparison.cells.map((cell) => [keyOf(cell), cell.verdict]));
  return layout.parts
    .map((part) => {
      const heads: GridColumn[] = part.map((i) => ({
        head: layout.numbered ? String(i + 1) : breakId(comparison.variants[i]!.id, layout.cell),
        width: layout.cell,
      }));
      const rows = comparison.fixtures.map(({ id }) => [
        breakId(id, layout.names),
        ...part.map((i) => {
          const variant = comparison.variants[i]!.id;
          const verdict = cells.get(keyOf({ fixture: id, variant }));
          const word = verdict ? cellWord(verdict) : missingWord(comparison, id, variant).word;
          return cellText(word, verdict, layout, screen);
        }),
      ]);
      return renderGrid([{ head: 'fixture', width: layout.names }, ...heads], rows, GAP);
    })
    .join('\n\n');
}

/** Columns that a part of the matrix takes. */
export const matrixWidth = (layout: MatrixLayout, part: readonly number[]): number =>
  gridWidth([layout.names, ...part.map(() => layout.cell)], GAP);

const keyOf = ({ fixture, variant }: Pick<Cell, 'fixture' | 'variant'>): string => `${fixture}\n${variant}`;

function cellText(word: string, verdict: Verdict | undefined, layout: MatrixLayout, screen: Screen): string {
  const color = paint(screen);
  const paintWord = (text: string): string => {
    if (verdict?.kind === 'breaks') return color.red(text);
    if (verdict?.kind === 'survives') return color.green(text);
    return verdict?.kind === 'cut-short' ? color.yellow(text) : color.dim(text);
  };
  const lines = breakId(word, layout.cell, AFTER_PLUS).split('\n');
  const painted = lines.map(paintWord);
  const runs = verdict && 'explored' in verdict && layout.runs ? runsText(verdict.explored) : '';
  const last = painted.length - 1;
  if (runs !== '' && columns(lines[last]!) + 1 + columns(runs) <= layout.cell) {
    painted[last] += ` ${color.dim(runs)}`;
  }
  return painted.join('\n');
}

/** `384`, or `>20,000` where the bound stopped the search. */
const runsText = (explored: { executions: number; complete: boolean }): string =>
  (explored.complete ? '' : '>') + grouped(explored.executions);
