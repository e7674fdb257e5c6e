/** One run, drawn as kernel changelogs draw a race. */
import type { EntryState, Trace } from '../explore/index';
import type { Broken } from '../judge/index';
import { fold } from './fold';
import { drawLanes } from './lanes';
import { columns, indent, pad, paint, type Screen, wrap } from './screen';
import { drawSolo } from './solo';
import { plural } from './words';

export interface TraceScreen extends Screen {
  /** Steps that changed nothing are drawn as well. */
  readonly full: boolean;
}

/** Arguments of `faultline replay` that make the same run again. */
export interface Replay {
  readonly fixture: string;
  readonly variant: string;
  readonly token: string;
}

export const START = 'start, one step after another';
export const FINISH = 'finally, one step after another';
const GOES_ON = 'The run is not over here, but what it shows has happened.';

/** The run, the entries before and after it, and how to see it again. */
export function renderTrace(trace: Trace, replay: Replay, screen: TraceScreen): string {
  const { isOver } = trace;
  const { lines, hidden } = screen.full ? { lines: trace.lines, hidden: 0 } : fold(trace.lines);
  const parts = [
    drawSolo(START, trace.start, screen, screen.full),
    entries('entries before', trace.before, screen),
    lines.length > 0 ? drawLanes(trace, lines, screen, screen.full) : [],
    isOver || lines.length > 0
      ? entries(isOver ? 'entries after' : 'entries by then', trace.after, screen)
      : [],
    drawFinish(trace, screen, screen.full),
    hidden > 0
      ? wrap(
          `${plural(hidden, 'step')} that changed nothing of what they touch ${hidden === 1 ? 'is' : 'are'} folded; --full shows them.`,
          screen.width,
        )
      : [],
    replayLines(replay, screen.width),
  ];
  return `${parts
    .filter((part) => part.length > 0)
    .map((part) => part.join('\n'))
    .join('\n\n')}\n`;
}

/** What followed; of a run that ends with a break, that it is not over. */
export const drawFinish = ({ isOver, finish }: Trace, screen: Screen, full = false): string[] =>
  isOver ? drawSolo(FINISH, finish, screen, full) : wrap(GOES_ON, screen.width);

const wordsOf = ({ fixture, variant, token }: Replay): string[] =>
  ['replay: faultline replay', fixture, variant, token].map((word, i) => (i === 0 ? word : shellWord(word)));

/** In one line, for where lines have no end. */
export const replayLine = (replay: Replay): string => wordsOf(replay).join(' ');

const CONTINUES = ' \\';
/** Of the second and later lines, beyond that of the first. */
const INDENT = 2;

/**
 * Over several lines as a shell reads them, each but the last with a backslash at its end. A word that is too long is
 * broken as well, which a shell allows only where the next line begins at once; never a quoted one.
 * @param by spaces before the first line
 */
export function replayLines(replay: Replay, width: number, by = 0): string[] {
  const lines: string[] = [];
  const words = wordsOf(replay);
  let line = ' '.repeat(by);
  for (const [i, word] of words.entries()) {
    const end = i === words.length - 1 ? 0 : CONTINUES.length;
    const joined = i === 0 ? line + word : `${line} ${word}`;
    if (i === 0 || columns(joined) + end <= width) {
      line = joined;
      continue;
    }
    lines.push(line + CONTINUES);
    line = ' '.repeat(by + INDENT) + word;
    while (!word.startsWith("'") && columns(line) + end > width) {
      lines.push(`${line.slice(0, width - 1)}\\`);
      line = line.slice(width - 1);
    }
  }
  return [...lines, line];
}

const shellWord = (text: string): string =>
  /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

function entries(title: string, states: readonly EntryState[], screen: Screen): string[] {
  if (states.length === 0) return [];
  const where = Math.min(Math.max(...states.map((s) => columns(s.where))), Math.floor(screen.width / 2));
  const lines = states.flatMap((s) =>
    indent(wrap(`${pad(s.where, where)}  ${s.entry}`, screen.width - 2, where + 2), 2),
  );
  return [paint(screen).bold(title), ...lines];
}

const MAY_BE_SHORTER =
  'A search was stopped by its bound: there may be a shorter run that shows it than the one below.';

/** What stands above a run: the question, the answer, and what was seen. */
export interface Heading {
  readonly fixture: string;
  readonly variant: string;
  readonly asks: string;
  /** The verdict as a sentence. */
  readonly verdict: string;
  /** What a real kernel did on the same workload; missing where none ran it. */
  readonly observed?: { readonly outcome: string; readonly agreement: string; readonly why: string | null };
  /** What people said of the variant, of whatever workload. */
  readonly reported?: readonly { readonly outcome: string; readonly by: string; readonly note: string }[];
  /** The broken invariant, if the run shows one. */
  readonly broken: Pick<Broken, 'invariant' | 'class' | 'saw' | 'mayBeShorter'> | null;
}

/** What was observed and what was reported, each marked as such: neither is the verdict. */
function saidOutside({ observed, reported = [] }: Heading, screen: Screen): string[] {
  const lines = reported.map(({ outcome, by, note }) => {
    const source = by === '' ? '' : ` by ${by}`;
    return `reported ${outcome}${source}: ${note}`;
  });
  if (observed) {
    const { outcome, agreement, why } = observed;
    lines.unshift(`observed on a real kernel: ${outcome}; ${agreement}${why === null ? '' : `. ${why}`}`);
  }
  return lines.flatMap((line) => wrap(line, screen.width, 9));
}

export function renderHeading(heading: Heading, screen: Screen): string {
  const color = paint(screen);
  const lines = [
    ...wrap(`fixture  ${heading.fixture}`, screen.width, 9),
    ...indent(wrap(heading.asks, screen.width - 9), 9),
    ...wrap(`variant  ${heading.variant}`, screen.width, 9),
    ...wrap(`verdict  ${heading.verdict}`, screen.width, 9),
    ...saidOutside(heading, screen),
  ];
  if (heading.broken) {
    const { invariant, class: kind, saw, mayBeShorter } = heading.broken;
    // Beside "survives" nothing is called broken.
    const title = kind === 'spurious' ? `spurious ${invariant}` : `broken   ${invariant} (${kind})`;
    lines.push(...wrap(title, screen.width, 9).map(kind === 'spurious' ? color.yellow : color.red));
    lines.push(...indent(wrap(saw, screen.width - 9), 9));
    if (mayBeShorter) lines.push(...indent(wrap(MAY_BE_SHORTER, screen.width - 9), 9));
  }
  return `${lines.join('\n')}\n`;
}
