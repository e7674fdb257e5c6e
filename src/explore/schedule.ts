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

/** A run that can be pasted into a mail: who took how many steps, and a checksum of what they touched. */
export function showToken(schedule: readonly number[], checksum: number): string {
  return `${showSchedule(schedule) || '0'}-${shortChecksum(checksum)}`;
}

/** @returns null where the text is no token; `checksum` is the text after the dash */
export function parseToken(text: string): { schedule: number[]; checksum: string | null } | null {
  const [runs = '', checksum = null] = text.split('-');
  const schedule = runs === '0' ? [] : parseSchedule(runs);
  return schedule && { schedule, checksum };
}
