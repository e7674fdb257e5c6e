/** Replacements of parts of a text. */

export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export const insert = (at: number, text: string): Edit => ({ start: at, end: at, text });

/**
 * Edits that do not overlap; of those at one place, in the order given.
 * @returns the text from `from` to `to`, of which only edits within are made
 */
export function apply(text: string, edits: readonly Edit[], from = 0, to = text.length): string {
  let result = '';
  let at = from;
  for (const { start, end, text: replacement } of [...edits].sort(
    (a, b) => a.start - b.start || a.end - b.end,
  )) {
    if (start < from || end > to) continue;
    result += text.slice(at, start) + replacement;
    at = end;
  }
  return result + text.slice(at, to);
}
