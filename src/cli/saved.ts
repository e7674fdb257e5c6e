/** A comparison that was saved with --format json, read again. */
import { readFileSync } from 'node:fs';
import { InputError, readInput } from '../compare/input';
import type { SavedCell } from '../report/against';
import { comparisonFormat } from '../report/json';

/** Larger than any comparison; such a file is something else. */
const MOST = 512 * 1024 * 1024;

export function readSaved(file: string): SavedCell[] {
  const { cells } = readSavedWhole(file);
  return cells;
}

/** The whole of it, of which the cells are checked. */
export function readSavedWhole(file: string): Readonly<Record<string, unknown>> & { cells: SavedCell[] } {
  return comparisonIn(readDocument(file));
}

/** A JSON file, and how to refuse it with its name. */
export interface Document {
  readonly file: string;
  readonly value: Readonly<Record<string, unknown>> | null;
  readonly refuse: (message: string, at?: number) => InputError;
}

export function readDocument(file: string): Document {
  const text = readInput(file, () => readFileSync(file, 'utf8'));
  const refuse = (message: string, at = 0): InputError =>
    new InputError('input', `${placeAt(file, text, at)}: ${message}`);
  if (text.length > MOST) throw refuse('too large to be a saved comparison');
  const value = parsed(text, refuse);
  return { file, value: typeof value === 'object' ? (value as Document['value']) : null, refuse };
}

export function comparisonIn({ file, value, refuse }: Document): ReturnType<typeof readSavedWhole> {
  if (value?.format !== comparisonFormat.format) {
    throw refuse(`no saved comparison; make one with: faultline compare --format json --output ${file}`);
  }
  const { version, cells } = value as unknown as Saved;
  if (version !== comparisonFormat.version) {
    throw refuse(
      `a comparison of version ${JSON.stringify(version)}; this faultline reads version ${comparisonFormat.version}`,
    );
  }
  if (!Array.isArray(cells)) throw refuse('"cells" is missing or no list');
  const wrong = cells.findIndex((cell) => !isCell(cell));
  if (wrong >= 0)
    throw refuse(`cells[${wrong}] is no cell: fixture, variant, verdict and broken are expected`);
  return value as ReturnType<typeof readSavedWhole>;
}

interface Saved {
  readonly version: unknown;
  readonly cells: unknown;
}

function parsed(text: string, refuse: (message: string, at?: number) => InputError): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const at = /position (\d+)/.exec(message)?.[1];
    const isCut = /end of JSON|Unterminated/.test(message);
    throw refuse(
      isCut ? 'the JSON ends in the middle' : 'not JSON',
      at ? Number(at) : isCut ? text.length : 0,
    );
  }
}

function placeAt(file: string, text: string, at: number): string {
  const before = text.slice(0, at).split('\n');
  return `${file}:${before.length}:${before.at(-1)!.length + 1}`;
}

function isCell(cell: unknown): cell is SavedCell {
  if (typeof cell !== 'object' || cell === null) return false;
  const { fixture, variant, verdict, broken } = cell as Record<string, unknown>;
  return (
    [fixture, variant, verdict].every((one) => typeof one === 'string') &&
    Array.isArray(broken) &&
    broken.every((one) => typeof (one as { invariant?: unknown } | null)?.invariant === 'string')
  );
}
