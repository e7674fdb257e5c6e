/** Which of the steps that were performed one after another are drawn, and how much of what was told in each. */
import type { SoloLine, SoloStep } from '../explore/index';

/** A step, or in words what is left out. */
export type Drawn = SoloStep | string;

const MOST_STEPS = 16;
const FIRST = 8;
const LAST = 3;
const LONGEST_ROUND = 8;
/** Fewer times are no trouble to read. */
const LEAST_TIMES = 3;
const MOST_LINES = 8;

/** Steps that come several times in a row, or one that does not. */
interface Round {
  readonly steps: readonly SoloStep[];
  readonly times: number;
}

/** What comes again and again in the same way is drawn once; of many steps the first, the last, and those that break something. */
export function foldSolo(steps: readonly SoloStep[]): Drawn[] {
  const rounds = roundsOf(steps);
  const { length } = rounds;
  const isShown = ({ steps }: Round, i: number): boolean =>
    length <= MOST_STEPS || i < FIRST || i >= length - LAST || steps.some(({ told }) => told.some(isBreak));
  const folded: Drawn[] = [];
  let left = 0;
  for (const [i, round] of rounds.entries()) {
    if (!isShown(round, i)) {
      left += round.steps.length * round.times;
      continue;
    }
    if (left > 0) folded.push(`[ ${left} more steps: replay --full shows them ]`);
    left = 0;
    folded.push(...drawnRound(round));
  }
  return folded;
}

function drawnRound({ steps, times }: Round): Drawn[] {
  const what = steps.length === 1 ? 'the same' : `these ${steps.length} steps`;
  return times === 1 ? [...steps] : [...steps, `[ ${what} ${times - 1} times more ]`];
}

const isBreak = ({ kind }: SoloLine): boolean => kind === 'broken';

function roundsOf(steps: readonly SoloStep[]): Round[] {
  const keys = steps.map((step) => JSON.stringify(step));
  const rounds: Round[] = [];
  for (let i = 0; i < steps.length; ) {
    const { length, times } = roundAt(keys, i);
    rounds.push({ steps: steps.slice(i, i + length), times });
    i += length * times;
  }
  return rounds;
}

/** The shortest sequence that comes several times in a row from here on; one step, once, where there is none. */
function roundAt(keys: readonly string[], from: number): { length: number; times: number } {
  for (let length = 1; length <= LONGEST_ROUND; length++) {
    let same = 0;
    while (from + length + same < keys.length && keys[from + same] === keys[from + length + same]) same++;
    const times = 1 + Math.floor(same / length);
    if (times >= LEAST_TIMES) return { length, times };
  }
  return { length: 1, times: 1 };
}

/** Of many lines the first, and whatever invariants broke. */
export function foldTold(told: readonly SoloLine[]): readonly (SoloLine | string)[] {
  if (told.length <= MOST_LINES) return told;
  const broken = told.filter(isBreak);
  const others = told.filter((line) => !isBreak(line));
  const first = others.slice(0, MOST_LINES);
  const left = others.length - first.length;
  return [...first, ...(left > 0 ? [`[ ${left} more lines: replay --full shows them ]`] : []), ...broken];
}
