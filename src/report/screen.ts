/** Text on a terminal: how wide it is and how it breaks into lines. */
import { createColors } from 'picocolors';

export interface Screen {
  /** Columns that a line may use. */
  readonly width: number;
  readonly color: boolean;
}

export const paint = (screen: Screen): ReturnType<typeof createColors> => createColors(screen.color);

const ESCAPE = String.fromCharCode(27);
const ansi = new RegExp(`${ESCAPE}\\[[\\d;]*m`, 'g');
const combining = /\p{Mark}|\u200b|\u200d|\ufe0f/u;
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** Columns that a text takes: East Asian wide characters take two, marks none. */
export function columns(text: string): number {
  let sum = 0;
  for (const char of text.replace(ansi, '')) sum += combining.test(char) ? 0 : wide.test(char) ? 2 : 1;
  return sum;
}

export const pad = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - columns(text)));

/** A space at which wrap() does not break. */
export const TIED = '\u00a0';

/**
 * Breaks a text at spaces so that no line is wider than `width`; a longer word is cut.
 * @param hanging spaces before the second and later lines
 */
export function wrap(text: string, width: number, hanging = 0): string[] {
  const lines: string[] = [];
  let line = '';
  const room = (): number => Math.max(1, width - (lines.length === 0 ? 0 : hanging));
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (columns(joined) <= room()) {
      line = joined;
      continue;
    }
    if (line.trim() !== '') {
      lines.push(line);
      line = '';
    }
    line += word;
    while (columns(line) > room()) {
      const head = cut(line, room());
      lines.push(head);
      line = line.slice(head.length);
    }
  }
  lines.push(line);
  return lines.map((one, i) => (i === 0 ? one : ' '.repeat(hanging) + one).trimEnd().replaceAll(TIED, ' '));
}

/** The longest beginning of a text that fits; at least one character. */
function cut(text: string, width: number): string {
  let head = '';
  for (const char of text) {
    if (head !== '' && columns(head + char) > width) break;
    head += char;
  }
  return head;
}

const AFTER_HYPHEN = /(?<=[-/._])/;
export const AFTER_PLUS = /(?<=\+)/;

/** Breaks an id after its hyphens: `a-long-id` over as few lines as fit into `width`. */
export function breakId(id: string, width: number, at: RegExp = AFTER_HYPHEN): string {
  const lines: string[] = [''];
  for (const part of id.split(at)) {
    const last = lines.length - 1;
    if (columns(lines[last]! + part) <= width) lines[last] += part;
    else lines.push(part);
  }
  const whole = lines[0] === '' ? lines.slice(1) : lines;
  return whole.flatMap((line) => wrap(line, width)).join('\n');
}

/** The widest part of an id that cannot be broken. */
export const widestPart = (id: string): number => Math.max(...id.split(AFTER_HYPHEN).map(columns));

export const indent = (lines: readonly string[], by: number): string[] =>
  lines.map((line) => (line === '' ? '' : ' '.repeat(by) + line));

/** 12345 as `12,345`. */
export const grouped = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
