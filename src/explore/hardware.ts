/**
 * What hardware does of its own accord, as moves beside those of the programs. A move stands in a schedule like a step:
 * its position comes after those of the actors. Whatever it changes is in the machine, so it keeps nothing itself.
 *
 * There are two kinds. A CPU uses, for the access that its program is about to make, something else than it would: what
 * memory says in place of what it has, or what memory said before and nobody has flushed (lingering.ts). And a CPU of
 * the process sets A in an entry that it fetches ahead, at any moment. A store that hardware makes does not exist, so D
 * is set by the stores of programs alone.
 */
import {
  entry as e,
  entryObject,
  type Kernel,
  leafIn,
  type Machine,
  nextChoice,
  PAGE_SIZE,
  type Slot,
  type Step,
  type Task,
  tlbObject,
  type Vaddr,
  vaddr,
} from '../core/index';
import { MOST_POSITIONS } from '../workload/index';
import type { Footprint } from './footprint';

/** As much of a running program as its CPU has to do with. */
export interface Driven {
  readonly task: Task;
  readonly k: Kernel;
  readonly next: Step | null;
}

export interface Move {
  /** Position of the program whose CPU it is. */
  readonly cpu: number;
  /** Position of the program with whose steps it stands in a fixed order; its own position where there is none. */
  readonly owner: number;
  readonly label: string;
  canAct(): boolean;
  footprint(): Footprint;
  act(): void;
}

/** The moves of a run, by their positions after those of the programs. */
export class Hardware {
  /** @param leftOut pages on which A is not set ahead, because there are no letters left */
  constructor(
    private readonly programs: number,
    private readonly moves: readonly Move[],
    readonly leftOut: number,
  ) {}

  /** One more than the last position of all. */
  get end(): number {
    return this.programs + this.moves.length;
  }
  at(position: number): Move | undefined {
    // A negative index would be looked up by its name.
    return position < this.programs ? undefined : this.moves[position - this.programs];
  }
  has(position: number): boolean {
    return position >= this.programs;
  }
  /** The position with whose steps those of this one stand in a fixed order: a program's, of what its CPU does to it. */
  ownerOf(position: number): number {
    return this.at(position)?.owner ?? position;
  }
}

/** @param programs by position; read again at every move */
export function hardwareOf(m: Machine, programs: readonly Driven[]): Hardware {
  if (m.config.hardware === null) return new Hardware(programs.length, [], 0);
  const moves: Move[] = [];
  let leftOut = 0;
  for (const [position, { task }] of programs.entries()) {
    if (reachOf(m, task).length > 0) moves.push(new OtherTranslation(m, programs, position));
  }
  for (const { position, va } of agedPages(m, programs)) {
    const own = programs.length + moves.length;
    if (own < MOST_POSITIONS) moves.push(new SetsAccessed(m, programs[position]!, position, own, va));
    else leftOut++;
  }
  return new Hardware(programs.length, moves, leftOut);
}

const reachOf = (m: Machine, task: Task): readonly { vpn: number }[] => m.config.hardware?.[task.id] ?? [];

/** Every page that a process reaches, with the first program that does. */
function agedPages(m: Machine, programs: readonly Driven[]): { position: number; va: Vaddr }[] {
  const pages: { position: number; va: Vaddr }[] = [];
  const known = new Set<string>();
  for (const [position, { task }] of programs.entries()) {
    for (const { vpn } of reachOf(m, task)) {
      // Those who are yet to be forked share an address space until then.
      const key = `${task.mm.exited ? task.name : task.mm.id} ${vpn}`;
      if (!known.has(key)) pages.push({ position, va: vaddr(vpn * PAGE_SIZE) });
      known.add(key);
    }
  }
  return pages;
}

/** A CPU chooses the next of the translations that it may use for the access that is announced. */
class OtherTranslation implements Move {
  readonly label = 'the CPU chooses another translation';
  readonly owner: number;

  constructor(
    private readonly m: Machine,
    private readonly programs: readonly Driven[],
    readonly cpu: number,
  ) {
    this.owner = cpu;
  }

  private choice(): ReturnType<typeof nextChoice> {
    const { task, next } = this.programs[this.cpu]!;
    if (next === null || (next.label !== 'load' && next.label !== 'store')) return null;
    return nextChoice(this.m, task, vaddr(task.at), next.label === 'store');
  }
  canAct(): boolean {
    return this.choice() !== null;
  }
  footprint(): Footprint {
    const { task } = this.programs[this.cpu]!;
    const va = vaddr(task.at);
    const slots = [leafIn(task.mm, va), this.m.mm_find_pmd_slot(task.mm, va)].filter((slot) => slot !== null);
    return footprintOf([tlbObject(task.id, 0), ...slots.map(objectOf)]);
  }
  act(): void {
    this.m.tlbs[this.programs[this.cpu]!.task.id]!.lingering!.chosen = this.choice();
  }
}

/** A CPU fetches the translation of a page ahead of its program, which sets A. */
class SetsAccessed implements Move {
  readonly label = 'the CPU walks ahead';

  constructor(
    private readonly m: Machine,
    private readonly program: Driven,
    readonly cpu: number,
    readonly owner: number,
    private readonly va: Vaddr,
  ) {}

  private slot(): Slot | null {
    const slot = leafIn(this.program.task.mm, this.va);
    const entry = slot === null ? e.NONE : slot.peek();
    return e.pte_hw_present(entry) && !e.pte_young(entry) ? slot : null;
  }
  canAct(): boolean {
    return !this.m.solo && this.slot() !== null;
  }
  footprint(): Footprint {
    const slot = leafIn(this.program.task.mm, this.va);
    return footprintOf(slot === null ? [] : [objectOf(slot)]);
  }
  act(): void {
    const slot = this.slot()!;
    this.program.k.hardware_sets(slot, e.pte_mkyoung(slot.peek()));
  }
}

const objectOf = ({ table, index }: Slot): number => entryObject(table.id, index);

/** Writes the first object and reads the others. */
const footprintOf = (objects: number[]): Footprint => ({
  objects,
  writes: objects.length > 0 ? 1 : 0,
  commutes: 0,
  acquires: false,
  releasesFrom: objects.length,
});
