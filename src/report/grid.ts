/** Tables without frames: a head, a line, rows. */
import Table from 'cli-table3';

export interface GridColumn {
  readonly head: string;
  readonly width: number;
  readonly align?: 'left' | 'right';
}

/** No line ends in spaces. Cells hold their own line breaks. */
export function renderGrid(
  columns: readonly GridColumn[],
  rows: readonly (readonly string[])[],
  gap: number,
): string {
  const last = columns.length - 1;
  const table = new Table({
    head: columns.map((c) => c.head),
    colWidths: columns.map((c, i) => c.width + (i === last ? 0 : gap)),
    colAligns: columns.map(() => 'left' as const),
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '─',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '',
    },
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) {
    table.push(
      row.map((content, i) => ({
        content,
        hAlign: columns[i]!.align ?? 'left',
        style: { 'padding-left': 0, 'padding-right': i === last ? 0 : gap },
      })),
    );
  }
  return table.toString().replace(/ +$/gm, '');
}

/** Columns that a grid of these widths takes. */
export const gridWidth = (widths: readonly number[], gap: number): number =>
  widths.reduce((sum, width) => sum + width, 0) + gap * (widths.length - 1);
