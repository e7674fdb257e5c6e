/** What a race comes to when a mail has room for one screen: steps of programs, entries, pages, and what was told. */
import type { TraceLine } from '../explore/index';

const told = /^(?:\S+: )?(?:pte|pmd|page \d+ (?:contents|refcount|mapcount)|tlb of )/;

/** Calls stay only where something happens in them directly; locks and counters are left out. */
export function essence(lines: readonly TraceLine[]): TraceLine[] {
  const slim = lines.flatMap((line): TraceLine[] => {
    if (line.kind !== 'step' && line.kind !== 'release') return [line];
    const changes = line.changes.filter(({ object }) => told.test(object));
    return changes.length > 0 ? [{ ...line, changes }] : [];
  });
  const kept = slim.filter((line, i) => line.kind !== 'call' || happensIn(slim, i));
  return withoutGaps(kept);
}

/** Whether something but another call happens in a call, before that other call. */
function happensIn(lines: readonly TraceLine[], call: number): boolean {
  const { actor, depth } = lines[call]!;
  for (const line of lines.slice(call + 1)) {
    if (line.actor !== actor) continue;
    if (line.depth <= depth) return false;
    if (line.depth === depth + 1 && line.kind !== 'call') return true;
  }
  return false;
}

/** Depths count only the calls that are left. */
function withoutGaps(lines: readonly TraceLine[]): TraceLine[] {
  const open = new Map<number, number[]>();
  return lines.map((line) => {
    const calls = (open.get(line.actor) ?? []).filter((depth) => depth < line.depth);
    open.set(line.actor, line.kind === 'call' ? [...calls, line.depth] : calls);
    return { ...line, depth: calls.length };
  });
}
