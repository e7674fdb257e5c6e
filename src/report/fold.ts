/** Which lines of a trace are drawn. */
import type { TraceLine } from '../explore/index';

export interface Folded {
  readonly lines: readonly TraceLine[];
  /** Steps that are not drawn. */
  readonly hidden: number;
}

/**
 * Leaves out steps that changed nothing, and calls in which nothing else happens. The step at which one actor stops
 * and another goes on is drawn all the same: it is what a race is about.
 */
export function fold(lines: readonly TraceLine[]): Folded {
  const drawn = lines.map((line, i) => isEvent(line) || (isStep(line) && isLastBeforeSwitch(lines, i)));
  for (let i = lines.length - 1; i >= 0; i--) {
    if (lines[i]!.kind === 'call' && holdsDrawn(lines, drawn, i)) drawn[i] = true;
  }
  const hidden = lines.filter((line, i) => isStep(line) && !drawn[i]).length;
  return { lines: withoutRecursion(lines.filter((_, i) => drawn[i])), hidden };
}

/** A function that does nothing but call itself, level by level, is drawn once. */
function withoutRecursion(lines: readonly TraceLine[]): TraceLine[] {
  /** Per actor, the depths of the calls that are left out and still open. */
  const open = new Map<number, number[]>();
  return lines.flatMap((line, i) => {
    const left = (open.get(line.actor) ?? []).filter((depth) => depth < line.depth);
    open.set(line.actor, left);
    const raised = { ...line, depth: line.depth - left.length };
    const next = lines[i + 1];
    const isRepeated =
      line.kind === 'call' &&
      next?.kind === 'call' &&
      next.actor === line.actor &&
      next.text === line.text &&
      next.depth === line.depth + 1;
    if (isRepeated) left.push(line.depth);
    return isRepeated ? [] : [raised];
  });
}

const isStep = ({ kind }: TraceLine): boolean => kind === 'step' || kind === 'release';

const isEvent = (line: TraceLine): boolean => (isStep(line) ? line.changes.length > 0 : line.kind !== 'call');

const isLastBeforeSwitch = (lines: readonly TraceLine[], i: number): boolean => {
  const next = lines[i + 1];
  return next !== undefined && next.actor !== lines[i]!.actor;
};

/** Whether something that is drawn happens in the call that begins at `call`. */
function holdsDrawn(lines: readonly TraceLine[], drawn: readonly boolean[], call: number): boolean {
  const { actor, depth } = lines[call]!;
  for (let i = call + 1; i < lines.length; i++) {
    const line = lines[i]!;
    if (line.actor !== actor) continue;
    if (line.depth <= depth) return false;
    if (drawn[i]) return true;
  }
  return false;
}
