/** Runs for the HTML review, packed: every text and every line once, and what an earlier run did as a copy of it. */
import type { Trace, TraceLine } from '../explore/index';
import { drawFinish, type Replay, replayLine, START } from './explain';
import { drawSolo } from './solo';

/** What another variant does on the schedule of a run, up to the first step that differs. */
export interface Beside {
  readonly variant: string;
  /** Its lines to the end of that step; none where it does the same to the end. */
  readonly lines: readonly TraceLine[];
  /** Where that step is among the lines of the run and among these; a run that has ended before it has no more. */
  readonly parts: { readonly here: number; readonly there: number } | null;
}

/** A run of one cell, to be stepped through. */
export interface ShownRun {
  readonly fixture: string;
  readonly variant: string;
  /** Invariants that it breaks; none where it enters the window and comes out of it. */
  readonly broken: readonly string[];
  readonly trace: Trace;
  readonly replay: Replay;
  readonly beside: readonly Beside[];
}

/** Plain data for JSON. What the numbers mean is what unpackRuns in html_unpack.ts makes of them. */
export interface PackedRuns {
  readonly texts: readonly string[];
  /** Actor, depth, kind, text, number of changes, and of each object, before and after: texts by `Numbers.code`. */
  readonly lines: readonly number[];
  /** Lines of all runs by `Numbers.code`; a stretch that came before as minus its length, and its place. */
  readonly tape: readonly number[];
  /** What comes before and after races, as text. */
  readonly solos: readonly string[];
  /**
   * Of each run fixture, variant, broken, actors, token, replay line, number of the text before and of the one after
   * it, entries, length, and who is beside it.
   */
  readonly runs: readonly (readonly unknown[])[];
}

/** Numbers things in the order in which they come. */
class Numbers {
  readonly all: string[] = [];
  private readonly known = new Map<string, number>();

  /** 0 for what is new, which a reader numbers as well; else one more than its number. */
  code(text: string): number {
    const number = this.known.get(text);
    if (number !== undefined) return number + 1;
    this.known.set(text, this.all.length);
    this.all.push(text);
    return 0;
  }

  number(text: string): number {
    const code = this.code(text);
    return code === 0 ? this.all.length - 1 : code - 1;
  }
}

const SCREEN = { width: 100, color: false };

/** Shorter stretches are no shorter as copies. */
const LEAST = 3;
/** So many earlier places are tried; the runs of one fixture are neighbours, so the last ones are the best. */
const TRIES = 48;

class Tape {
  readonly written: number[] = [];
  private readonly all: number[] = [];
  /** The last place of each three lines, and the one before a place. */
  private readonly last = new Map<number, number>();
  private readonly earlier: number[] = [];

  /** @param codes what is written where nothing is copied */
  add(numbers: readonly number[], codes: readonly number[]): void {
    for (let at = 0; at < numbers.length; ) {
      const { length, from } = this.longest(numbers, at);
      if (length < LEAST) this.written.push(codes[at++]!);
      else {
        this.written.push(-length, from);
        at += length;
      }
    }
    const start = this.all.length;
    for (const number of numbers) this.all.push(number);
    for (let at = start; at + LEAST <= this.all.length; at++) {
      const key = keyAt(this.all, at);
      this.earlier[at] = this.last.get(key) ?? -1;
      this.last.set(key, at);
    }
  }

  private longest(numbers: readonly number[], at: number): { length: number; from: number } {
    let best = { length: 0, from: 0 };
    if (at + LEAST > numbers.length) return best;
    let from = this.last.get(keyAt(numbers, at)) ?? -1;
    for (let tries = 0; from >= 0 && tries < TRIES; tries++) {
      let length = 0;
      while (at + length < numbers.length && this.all[from + length] === numbers[at + length]) length++;
      if (length > best.length) best = { length, from };
      from = this.earlier[from] ?? -1;
    }
    return best;
  }
}

const keyAt = (numbers: readonly number[], at: number): number =>
  (numbers[at]! * 65_536 + numbers[at + 1]!) * 65_536 + numbers[at + 2]!;

export function packRuns(runs: Iterable<ShownRun>): PackedRuns {
  const texts = new Numbers();
  const lines = new Numbers();
  const packedLines: number[] = [];
  const tape = new Tape();
  const knownLines = new WeakMap<TraceLine, number>();
  const code = (line: TraceLine): number => {
    const known = knownLines.get(line);
    if (known !== undefined) return known + 1;
    const coded = lines.code(JSON.stringify(shown(line)));
    if (coded === 0) packedLines.push(...packedLine(line, texts));
    knownLines.set(line, coded === 0 ? lines.all.length - 1 : coded - 1);
    return coded;
  };
  const add = (all: readonly TraceLine[]): number => {
    const codes = all.map(code);
    tape.add(
      all.map((line) => knownLines.get(line)!),
      codes,
    );
    return all.length;
  };
  const solos = new Numbers();
  const packed = [...map(runs, (run) => packedRun(run, add, solos))];
  return { texts: texts.all, lines: packedLines, tape: tape.written, solos: solos.all, runs: packed };
}

/** One at a time: all runs of a review together need more memory than there is. */
function* map<A, B>(all: Iterable<A>, f: (one: A) => B): Generator<B> {
  for (const one of all) yield f(one);
}

const packedRun = (
  run: ShownRun,
  add: (lines: readonly TraceLine[]) => number,
  solos: Numbers,
): unknown[] => [
  run.fixture,
  run.variant,
  run.broken,
  run.trace.actors,
  run.replay.token,
  replayLine(run.replay),
  solos.number(drawSolo(START, run.trace.start, SCREEN).join('\n')),
  solos.number(drawFinish(run.trace, SCREEN).join('\n')),
  run.trace.before.map(({ where, entry }) => [where, entry]),
  add(run.trace.lines),
  run.beside.map(({ variant, lines, parts }) =>
    parts ? [variant, add(lines), parts.here, parts.there] : [variant],
  ),
];

/** What a line that changed something says is its changes. */
const shown = (line: TraceLine): TraceLine => (line.changes.length > 0 ? { ...line, text: '' } : line);

function packedLine(line: TraceLine, texts: Numbers): number[] {
  const { actor, depth, kind, text, changes } = shown(line);
  const parts = changes.flatMap(({ object, before, after }) => [object, before, after]);
  return [
    actor,
    depth,
    texts.code(kind),
    texts.code(text),
    changes.length,
    ...parts.map((part) => texts.code(part)),
  ];
}
