/**
 * A schedule as text: who took how many steps, `a12b3a` for twelve of the first actor, three of the second, and so
 * on to the end. The last run may be left open: whoever runs then goes on while nobody else is needed.
 */
import { defaultBounds } from './bounds';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

export const letterOf = (position: number): string => LETTERS[position]!;

export function showSchedule(schedule: readonly number[]): string {
  let text = '';
  for (let i = 0; i < schedule.length; ) {
    let j = i;
    while (j < schedule.length && schedule[j] === schedule[i]) j++;
    text += letterOf(schedule[i]!) + (j - i === 1 ? '' : String(j - i));
    i = j;
  }
  return text;
}

/** No run that anybody looks at is longer, so what is longer is a slip of the pen, and is not written out. */
const MOST_STEPS = defaultBounds.maxSteps;

/** Steps of one actor in a row. */
const RUN = '[a-z](?:[1-9]\\d*)?';
const RUNS = new RegExp(RUN, 'g');
const SCHEDULE = new RegExp(`^(?:${RUN})*$`);

const runsIn = (text: string): { position: number; times: number }[] =>
  (text.match(RUNS) ?? []).map((run) => ({
    position: LETTERS.indexOf(run[0]!),
    times: Number(run.slice(1) || 1),
  }));
const stepsIn = (text: string): number => runsIn(text).reduce((sum, { times }) => sum + times, 0);

/** @returns null where the text is no schedule, or has more steps than a run may have */
export function parseSchedule(text: string): number[] | null {
  if (!SCHEDULE.test(text) || stepsIn(text) > MOST_STEPS) return null;
  return runsIn(text).flatMap(({ position, times }) => new Array<number>(times).fill(position));
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

const TOKEN = new RegExp(`^(0|(?:${RUN})+)(?:-([0-9a-f]{${CHECKSUM_DIGITS}}))?(${HARDWARE})?$`);

/** @returns null where the text is no token */
export function parseToken(text: string): Token | null {
  const [, runs = '', checksum = null, hardware] = TOKEN.exec(text) ?? [];
  const schedule = runs === '0' ? [] : parseSchedule(runs);
  if (runs === '' || schedule === null) return null;
  return { schedule, checksum, ...(hardware ? { hardware: true } : {}) };
}

/** Why a text is no token, in words that follow on the text. */
export function mistakeIn(text: string): string {
  const runs = new RegExp(`^(?:0|(?:${RUN})*)`).exec(text)![0];
  const rest = text.slice(runs.length);
  if (stepsIn(runs) > MOST_STEPS) return `has too many steps: no run has more than ${MOST_STEPS}`;
  const looks = 'one looks like a12b3a-0f3c9e, as replay lines have it';
  if (runs === '' || !rest.startsWith('-'))
    return `is no schedule${rest === text ? '' : `: it cannot be read from "${rest[0]}" on`}; ${looks}`;
  const digits = /^-([0-9a-f]*)$/.exec(rest)?.[1]?.length ?? CHECKSUM_DIGITS;
  if (digits < CHECKSUM_DIGITS)
    return `is cut off: after the dash stand ${CHECKSUM_DIGITS} digits of a checksum, and ${digits} are there`;
  if (/^(-[0-9a-f]{6})?-h?$/.test(rest)) return `is cut off: "-hw" ends what begins like this, or nothing`;
  return `ends in "${rest}"; after the steps may stand - and ${CHECKSUM_DIGITS} digits 0-9a-f of a checksum, then -hw`;
}
