/** Where a command writes, and what it knows about that place. */
import type { Screen } from '../report/screen';

interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface Terminal {
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Calls `stop` when the user interrupts. @returns how to stop listening */
  onInterrupt(stop: () => void): () => void;
}

export interface ScreenOptions {
  readonly width?: number;
  readonly color?: boolean;
  readonly output?: string;
}

const IN_A_PIPE = 80;

/** A run is drawn to be pasted into a mail. */
const IN_A_MAIL = 72;

/** Of what draws a run. */
export const runScreenOf = (terminal: Terminal, options: ScreenOptions): Screen =>
  screenOf(terminal, options, IN_A_MAIL);

/** The option first, then the terminal; so many columns and no colour in a pipe or a file. */
export function screenOf({ stdout, env }: Terminal, options: ScreenOptions, inPipe = IN_A_PIPE): Screen {
  const isTerminal = stdout.isTTY === true && options.output === undefined;
  const width = isTerminal ? (stdout.columns ?? (Number(env.COLUMNS) || IN_A_PIPE)) : inPipe;
  return { width: options.width ?? Math.max(width, 40), color: options.color ?? wantsColor(env, isTerminal) };
}

function wantsColor(env: Terminal['env'], isTerminal: boolean): boolean {
  if (env.NO_COLOR) return false;
  const forced = env.FORCE_COLOR;
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false';
  return isTerminal && env.TERM !== 'dumb';
}

export interface Progress {
  /** @param done of so many, from which the remaining time is estimated */
  show(text: string, done?: number, of?: number): void;
  clear(): void;
}

/** Shows how far a long command is, and how long it took, where somebody looks: on a terminal, and not in CI. */
export function progressOn({ stderr, env }: Terminal, quiet: boolean): Progress {
  const begin = Date.now();
  const isShown = stderr.isTTY === true && !env.CI && !quiet;
  let shown = false;
  return {
    show(text, done, of) {
      if (!isShown) return;
      const far = done && of ? `${done}/${of} ${left(Date.now() - begin, done, of)}` : '';
      stderr.write(`\r\u001b[2K${(far + text).slice(0, (stderr.columns ?? IN_A_PIPE) - 1)}`);
      shown = true;
    },
    clear() {
      if (shown) stderr.write(`\r\u001b[2K${took(Date.now() - begin)}`);
      shown = false;
    },
  };
}

/** After a few seconds, when there is something to judge it by. */
function left(milliseconds: number, done: number, of: number): string {
  if (milliseconds < 3000 || done === of) return '';
  const seconds = Math.ceil(((milliseconds / done) * (of - done)) / 1000);
  return `about ${seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`} left: `;
}

/** Nobody wants to know it of what is over at once. */
function took(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 2) return '';
  return seconds < 120 ? `${seconds} s\n` : `${Math.floor(seconds / 60)} min ${seconds % 60} s\n`;
}
