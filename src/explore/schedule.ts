/**
 * A schedule as text: who took how many steps, `a12b3a` for twelve of the first actor, three of the second, and so
 * on to the end. The last run may be left open: whoever runs then goes on while nobody else is needed.
 */
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

export function showSchedule(schedule: readonly number[]): string {
  let text = '';
  for (let i = 0; i < schedule.length; ) {
    let j = i;
    while (j < schedule.length && schedule[j] === schedule[i]) j++;
    text += LETTERS[schedule[i]!]! + (j - i === 1 ? '' : String(j - i));
    i = j;
  }
  return text;
}

/** @returns null where the text is no schedule */
export function parseSchedule(text: string): number[] | null {
  if (!/^([a-z]\d*)*$/.test(text)) return null;
  const schedule: number[] = [];
  for (const [, letter, count] of text.matchAll(/([a-z])(\d*)/g)) {
    const times = count === '' ? 1 : Number(count);
    for (let i = 0; i < times; i++) schedule.push(LETTERS.indexOf(letter!));
  }
  return schedule;
}

/** How many hex digits of Execution.checksum a token carries. */
const CHECKSUM_DIGITS = 6;
export const shortChecksum = (checksum: number): string =>
  checksum.toString(16).padStart(8, '0').slice(0, CHECKSUM_DIGITS);

/** At the end of the token of a run in which hardware may act on its own: the letters after those of the actors. */
const HARDWARE = '-hw';

/** A run that can be pasted into a mail: who took how many steps, and a checksum of what they touched. */
export function showToken(schedule: readonly number[], checksum: number, hardware = false): string {
  return `${showSchedule(schedule) || '0'}-${shortChecksum(checksum)}${hardware ? HARDWARE : ''}`;
}

export interface Token {
  schedule: number[];
  /** The text after the dash. */
  checksum: string | null;
  hardware?: true;
}

/** @returns null where the text is no token */
export function parseToken(text: string): Token | null {
  const isHardware = text.endsWith(HARDWARE);
  const [runs = '', checksum = null] = (isHardware ? text.slice(0, -HARDWARE.length) : text).split('-');
  const schedule = runs === '0' ? [] : parseSchedule(runs);
  return schedule && { schedule, checksum, ...(isHardware ? { hardware: true } : {}) };
}
