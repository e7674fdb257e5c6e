/** An order of turns in the model's run, as conform/agent/ordered.c has it. */
import { must } from '../core/index';
import type { UserStep } from '../workload/index';
import type { Pauses } from './model_pause';
import { isPending, type Slot } from './model_slot';
import type { How } from './observation';
import type { Ahead } from './rounds';

/** The run that the turns are taken in. */
export interface Stage {
  readonly slots: readonly Slot[];
  isThere(slot: Slot): boolean;
  begin(slot: Slot, step: UserStep): void;
  advance(slot: Slot): void;
  /** Until nobody can go on. */
  settle(first: Slot): void;
  tell(slot: Slot, step: number, how: How, held?: readonly string[]): void;
  stop(slot: Slot, how: How, reason: string): never;
}

const MOST_ADVANCES = 100_000;

const canGoOn = (slot: Slot): boolean => isPending(slot) && (slot.waiting?.ready?.() ?? true);

/** In each turn one actor goes on until its step ends, it sleeps or it pauses, and nobody else does. */
export function followTurns(
  stage: Stage,
  pauses: Pauses,
  turns: readonly string[],
  cursors: ReadonlyMap<Slot, Ahead>,
): void {
  let last: Slot | null = null;
  pauses.holding = turns.length > 0;
  for (const name of turns) {
    const slot = must(
      stage.slots.find(({ actor }) => actor.name === name),
      `followTurns(): no actor ${name}`,
    );
    const cursor = cursors.get(slot)!;
    if (slot.over || !stage.isThere(slot) || (!isPending(slot) && cursor.isEmpty)) continue;
    last = slot;
    takeTurn(stage, slot, cursor);
  }
  pauses.release();
  if (!last) return;
  stage.settle(last);
  stage.tell(last, last.at, 'released');
}

function takeTurn(stage: Stage, slot: Slot, cursor: Ahead): void {
  slot.paused = false;
  let moves = !isPending(slot);
  if (moves) stage.begin(slot, cursor.take().step);
  for (let count = 0; canGoOn(slot); count++) {
    if (count > MOST_ADVANCES) {
      stage.stop(slot, 'spins', `${slot.actor.name} neither ends its step nor waits`);
    }
    stage.advance(slot);
    moves = true;
  }
  const how = !isPending(slot) ? 'ended' : slot.paused ? 'paused' : moves ? 'waits' : 'blocked';
  const isHeld = (one: Slot): boolean => one !== slot && !one.paused && canGoOn(one);
  stage.tell(
    slot,
    slot.at,
    how,
    stage.slots.filter(isHeld).map(({ actor }) => actor.name),
  );
}
