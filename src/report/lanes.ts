/** A trace in columns: one per actor, time downwards; one for all where so many do not fit. */
import type { Change, SoloLine, Trace, TraceLine } from '../explore/index';
import { columns, indent, pad, paint, type Screen, TIED, wrap } from './screen';

/** An entry before and after, with its indentation, fits into this. */
const LEAST_LANE = 32;
const GAP = 2;
/** Before the second and later lines of a text. */
const HANGING = 2;

interface Lane {
  readonly left: number;
  readonly width: number;
  /** Columns per level of the call chain. */
  readonly step: number;
}

/** @param full whether steps say in words what they do beside what they changed */
export function drawLanes(
  trace: Trace,
  lines: readonly TraceLine[],
  screen: Screen,
  full: boolean,
): string[] {
  const busy = trace.actors.map((_, i) => i).filter((i) => lines.some((line) => line.actor === i));
  const width = Math.floor((screen.width - GAP * (busy.length - 1)) / Math.max(1, busy.length));
  return width >= LEAST_LANE
    ? sideBySide(trace, lines, busy, width, screen, full)
    : oneLane(trace, lines, busy, screen, full);
}

const cpuName = (trace: Trace, actor: number): string => `CPU${actor} ${trace.actors[actor]}`;

function sideBySide(
  trace: Trace,
  lines: readonly TraceLine[],
  busy: readonly number[],
  width: number,
  screen: Screen,
  full: boolean,
): string[] {
  const heads = busy.map((actor) => wrap(cpuName(trace, actor), width)[0]!);
  const head = busy
    .map((_, i) => pad(heads[i]!, width))
    .join(' '.repeat(GAP))
    .trimEnd();
  const line = heads
    .map((h) => pad('-'.repeat(columns(h)), width))
    .join(' '.repeat(GAP))
    .trimEnd();
  const lanes = new Map(
    busy.map((actor, i) => [actor, laneAt(lines, [actor], i * (width + GAP), width)] as const),
  );
  return [head, line, ...lines.flatMap((one) => drawLine(one, lanes.get(one.actor)!, screen, full))];
}

/** Each line begins with the actor's name where the actor changes. */
function oneLane(
  trace: Trace,
  lines: readonly TraceLine[],
  busy: readonly number[],
  screen: Screen,
  full: boolean,
): string[] {
  const names = busy.map((actor) => cpuName(trace, actor));
  const left = Math.max(...names.map(columns)) + GAP;
  const lane = laneAt(lines, busy, left, screen.width - left);
  let last = -1;
  const drawn = lines.flatMap((one) => {
    const text = drawLine(one, lane, screen, full);
    if (one.actor === last || text.length === 0) return text;
    last = one.actor;
    return [pad(cpuName(trace, one.actor), left) + text[0]!.slice(left), ...text.slice(1)];
  });
  return [`${pad('cpu', left)}what it does`, `${pad('---', left)}------------`, ...drawn];
}

/** Deep call chains get one column per level, so that what happens in them keeps its room. */
function laneAt(lines: readonly TraceLine[], actors: readonly number[], left: number, width: number): Lane {
  const deepest = Math.max(0, ...lines.filter((l) => actors.includes(l.actor)).map((l) => l.depth));
  return { left, width, step: deepest * 2 <= width - LEAST_LANE ? 2 : 1 };
}

function drawLine(line: TraceLine, lane: Lane, screen: Screen, full: boolean): string[] {
  const by = Math.min(line.depth * lane.step, Math.max(0, lane.width - 26));
  const color = paint(screen);
  const block = (text: string): string[] => wrap(text, lane.width - by, HANGING);
  const at = (lines: string[]): string[] => indent(lines, lane.left + by);
  switch (line.kind) {
    case 'call':
      return at(block(line.text.endsWith(')') ? line.text : `${line.text}()`));
    case 'log':
      return drawLog(`| ${line.text}`, lane.left + by, lane.width - by, screen).map(color.yellow);
    case 'release':
    case 'step': {
      const changes = line.changes.flatMap((change) => block(changeText(change, lane.width - by - HANGING)));
      return at(full || changes.length === 0 ? [...block(line.text).map(color.dim), ...changes] : changes);
    }
    default:
      return at(toldText({ kind: line.kind, text: line.text }, block, screen));
  }
}

/** What the kernel, the hardware or the fixture tells, marked by who does. */
export function toldText(
  { kind, text }: { kind: SoloLine['kind'] | 'fault'; text: string },
  block: (text: string) => string[],
  screen: Screen,
): string[] {
  const color = paint(screen);
  switch (kind) {
    case 'fixture':
      return block(text).map(color.bold);
    case 'log':
      return block(`| ${text}`).map(color.yellow);
    case 'signal':
    case 'bug':
    case 'broken':
      return block(`*** ${text}`).map(color.red);
    case 'fault':
    case 'event':
    case 'wake':
      return block(`[${TIED}${text}${TIED}]`).map(color.cyan);
  }
}

/** What the kernel prints stays on one line, because people search for it: it may reach into another lane. */
function drawLog(text: string, left: number, width: number, screen: Screen): string[] {
  const fits = screen.width - columns(text);
  return fits >= 0 ? indent([text], Math.min(left, fits)) : indent(wrap(text, width, 4), left);
}

const entryForm = /^(\S+) (\S{6,})$/;

function entryAfter(before: string, after: string): string {
  const was = entryForm.exec(before);
  const is = entryForm.exec(after);
  return was && is && was[1] === is[1] ? is[2]! : after;
}

/** `+lru -dirty`, where that is shorter than all that is set. */
function flagsAfter(before: string, after: string): string {
  const [was, is] = [before.split(' '), after.split(' ')];
  const added = is.filter((flag) => !was.includes(flag)).map((flag) => `+${flag}`);
  const removed = was.filter((flag) => !is.includes(flag)).map((flag) => `-${flag}`);
  const change = [...added, ...removed].join(' ');
  return change.length < after.length ? change : after;
}

/**
 * `pte guest[5]  1031 P-WDAS-- -> P--DAS--`: what stays the same is not said twice.
 * @param room columns of a line, within which what it is now is kept together
 */
export function changeText({ object, before, after }: Change, room = Number.POSITIVE_INFINITY): string {
  const shortAfter = object.endsWith(' flags') ? flagsAfter(before, after) : entryAfter(before, after);
  const isShort = columns(`-> ${shortAfter}`) <= room;
  return `${object}  ${before} ->${TIED}${isShort ? shortAfter.replaceAll(' ', TIED) : shortAfter}`;
}
