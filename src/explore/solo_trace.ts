/** Writes down what happens while nobody races: the steps of `start` and `finally`, and the exit of the processes. */
import type { Happening, Leaf, Machine } from '../core/index';
import { entriesChanged, leavesInOrder } from './entries';
import { tell } from './tell';
import { goesWrong, type SoloStep } from './trace';

type Told = SoloStep['told'][number];

interface Open {
  readonly actor: string;
  readonly text: string;
  readonly before: readonly Leaf[];
  readonly told: Told[];
}

const REST = 'when all is done';
const EXIT = 'exit of all processes';

export class SoloWriter {
  readonly steps: SoloStep[] = [];
  private open: Open | null = null;

  /** @param news what the observer has found since it was asked last */
  constructor(
    private readonly m: Machine,
    private readonly news: () => readonly string[],
  ) {}

  /** Hears of everything before the observer does: what he has found by then belongs to the step before. */
  hear(h: Happening): void {
    if (h.kind === 'begin') return this.begin(h.task.name, h.text);
    if (h.kind === 'quiet') return this.begin('', REST);
    if (h.kind === 'enter') {
      if (this.open?.text === REST) this.begin('', EXIT);
      return;
    }
    if (!this.open || !('task' in h)) return;
    const told = tell(this.m.config, h);
    if (!told || !isTold(told)) return;
    const by = h.task.name;
    const { actor } = this.open;
    this.open.told.push(by === actor || actor === '' ? told : { ...told, text: `${by}: ${told.text}` });
  }

  private begin(actor: string, text: string): void {
    this.end();
    this.open = { actor, text, before: actor === '' ? [] : leavesInOrder(this.m), told: [] };
  }

  /** The last step has ended. */
  end(): void {
    if (!this.open) return;
    const { actor, text, before, told } = this.open;
    told.push(...this.news().map((one) => ({ kind: 'broken' as const, text: one })));
    const isOwn = actor !== '';
    const changes = isOwn ? entriesChanged(this.m, before) : [];
    if (isOwn || told.some(goesWrong)) this.steps.push({ actor, text, changes, told });
    this.open = null;
  }
}

/** Faults of start and finally are many and tell nothing that the entries do not. */
const isTold = (told: { kind: string; text: string }): told is Told => told.kind !== 'fault';
