/** What a kernel's console says when something is wrong. */

export interface ConsoleFinding {
  readonly what: 'panic' | 'oops';
  /** From the line that says so on, without time stamps. */
  readonly lines: readonly string[];
}

const MOST_LINES = 60;
const panic = /Kernel panic - not syncing/;
const oops =
  /\b(kernel BUG at|BUG: |Oops: |general protection fault|Bad page (state|map)|Bad rss-counter|WARNING: CPU: |INFO: task .* blocked for more than|rcu: INFO: .* detected (stalls|expedited stalls)|watchdog: BUG|Unable to handle kernel|double fault)/;

/** Without the time stamp, and without what a terminal would not show. */
const plain = (line: string): string =>
  line
    .replace(/^\s*\[\s*\d+\.\d+\](\[\s*[TC]\d+\])?\s?/, '')
    .replace(/[^\t\x20-\x7e]/g, '')
    .trimEnd();

export const consoleLines = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map(plain)
    .filter((line) => line !== '');

/** The first thing that went wrong, if one did. A panic counts before everything that led to it. */
export function findingOf(text: string): ConsoleFinding | null {
  const lines = consoleLines(text);
  const first = lines.findIndex((line) => oops.test(line) || panic.test(line));
  if (first < 0) return null;
  const what = lines.some((line) => panic.test(line)) ? 'panic' : 'oops';
  return { what, lines: lines.slice(first, first + MOST_LINES) };
}

/** The end of a console, for a kernel that fell silent. */
export const lastLines = (text: string, count = 20): string[] => consoleLines(text).slice(-count);
