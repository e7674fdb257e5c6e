/** What a measurement gives: values of one kind, of which the median counts and the spread says how far to trust it. */
export interface Figure {
  readonly of: string;
  readonly unit: string;
  readonly values: readonly number[];
  /** What the project promises: the median stays below this. */
  readonly goal?: number;
  /** Compared with another figure of the same unit. */
  readonly against?: { readonly what: string; readonly values: readonly number[] };
}

export interface Measurement {
  readonly name: string;
  readonly says: string;
  /** @param note tells of what is on its way; never a figure */
  run(note: (text: string) => void): readonly Figure[] | Promise<readonly Figure[]>;
}

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

export function median(values: readonly number[]): number {
  const ordered = sorted(values);
  const middle = ordered.length >> 1;
  return ordered.length % 2 === 1 ? ordered[middle]! : (ordered[middle - 1]! + ordered[middle]!) / 2;
}

const round = (value: number): string => {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
};

/** One line: median, spread, the ratio to what it is compared with, and the promise. */
export function showFigure({ of, unit, values, goal, against }: Figure): string {
  // Nothing was measured, and `of` says why.
  if (values.length === 0) return `  ${of}`;
  const ordered = sorted(values);
  const half = median(values);
  const parts = [`  ${of.padEnd(44)} ${round(half).padStart(9)} ${unit}`];
  if (values.length > 1) {
    parts.push(`(${round(ordered[0]!)} to ${round(ordered.at(-1)!)}, ${values.length} runs)`);
  }
  if (against) {
    const ratio = half / median(against.values);
    parts.push(`${ratio.toFixed(2)} x ${against.what} (${round(median(against.values))} ${unit})`);
  }
  if (goal !== undefined) parts.push(`${(half / goal).toFixed(2)} of the goal of ${round(goal)}`);
  return parts.join('  ');
}
