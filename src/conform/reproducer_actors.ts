/** The actors of a reproducer: a C function each, with the steps in its order and what it waits for before them. */
import { type Item, isRepeat, showStep, stepsOf, type UserStep, type Workload } from '../workload/index';
import { callOf, identifier, refuse } from './reproducer_steps';
import { listSteps } from './steps';

export interface Program {
  readonly actor: string;
  readonly lines: readonly string[];
}

/** How the steps of `tasks` are ordered: one after another, or not at all. */
export type TaskOrder = readonly number[] | null;

export class ActorWriter {
  readonly parts = new Set<string>();
  readonly processes: readonly string[];
  private readonly lines = new Map<string, string[]>();
  private readonly ids: ReadonlyMap<UserStep, number>;
  private readonly opened = new Set<string>();
  private readonly users = new Map<string, string>();
  private lastStart: { actor: string; id: number } | null = null;

  constructor(
    private readonly workload: Workload,
    private readonly order: TaskOrder,
    private readonly stuck: readonly number[],
  ) {
    this.ids = listSteps(workload).ids;
    this.processes = [...new Set(workload.actors.map(({ process }) => process))];
  }

  /** Children come before those that fork them, as C wants it. */
  write(): Program[] {
    this.starts();
    this.tasks();
    this.last();
    return [...this.workload.actors]
      .reverse()
      .map(({ name }) => ({ actor: name, lines: this.lines.get(name) ?? [] }));
  }

  private starts(): void {
    for (const { actor, step } of this.workload.start) {
      if (this.lastStart && this.lastStart.actor !== actor) this.awaits(actor, this.lastStart.id);
      this.item(actor, step);
      this.lastStart = { actor, id: this.lastOf([step]) };
    }
  }

  private tasks(): void {
    for (const [actor, items] of this.workload.tasks) {
      if (this.lastStart && this.lastStart.actor !== actor) this.awaits(actor, this.lastStart.id);
      for (const item of items) {
        const before = this.before(actor, item);
        if (before !== null) {
          this.add(actor, `after(${before});`);
          this.parts.add('after');
        }
        this.item(actor, item);
      }
    }
  }

  /** The step of somebody else that comes before this one in the order of the run. */
  private before(actor: string, item: Item): number | null {
    if (this.order === null) return null;
    const at = this.order.indexOf(this.ids.get([...stepsOf([item])][0]!)!);
    for (let i = at - 1; i >= 0; i--) {
      const [step, who] = this.stepAt(this.order[i]!);
      if (who === actor) return null;
      if (step.verb !== 'uffd_serve') return this.order[i]!;
    }
    return null;
  }

  private stepAt(id: number): [UserStep, string] {
    for (const [actor, items] of this.workload.tasks) {
      for (const step of stepsOf(items)) if (this.ids.get(step) === id) return [step, actor];
    }
    throw new Error(`stepAt(): no step ${id} in tasks`);
  }

  private last(): void {
    let before: { actor: string; id: number } | null = null;
    for (const { actor, step } of this.workload.finally) {
      const daemon = this.workload.actors.find(({ name }) => name === actor)?.daemon;
      const [first] = [...stepsOf([step])];
      if (daemon) refuse(this.workload, first!, `${actor} serves until the round is over`);
      for (const id of before === null
        ? this.endsOfTasks(actor)
        : before.actor === actor
          ? []
          : [before.id]) {
        this.awaits(actor, id);
      }
      this.item(actor, step);
      before = { actor, id: this.lastOf([step]) };
    }
  }

  private endsOfTasks(actor: string): number[] {
    const others = [...this.workload.tasks].filter(([name]) => name !== actor);
    const ids = others
      .map(([, items]) => items.filter((item) => isRepeat(item) || item.verb !== 'uffd_serve'))
      .filter((items) => items.length > 0)
      .map((items) => this.lastOf(items));
    if (ids.length > 0 || !this.lastStart || this.lastStart.actor === actor) return ids;
    if (this.workload.tasks.has(actor)) return ids;
    return [this.lastStart.id];
  }

  private lastOf(items: readonly Item[]): number {
    return Math.max(...[...stepsOf(items)].map((step) => this.ids.get(step)!));
  }

  private add(actor: string, line: string): void {
    const lines = this.lines.get(actor) ?? [];
    this.lines.set(actor, lines);
    lines.push(line);
  }

  private awaits(actor: string, id: number): void {
    const wait = this.stuck.includes(id) ? 'after' : 'ended';
    this.parts.add(wait);
    this.add(actor, `${wait}(${id});`);
  }

  private item(actor: string, item: Item, indent = ''): void {
    if (!isRepeat(item)) {
      this.step(actor, item, indent);
      return;
    }
    const counter = `i${indent.length}`;
    this.add(actor, `${indent}for (int ${counter} = 0; ${counter} < ${item.repeat}; ${counter}++) {`);
    if (indent === '') this.add(actor, `\tagain = ${counter} + 1 < ${item.repeat};`);
    for (const one of item.steps) this.item(actor, one, `${indent}\t`);
    this.add(actor, `${indent}}`);
  }

  private step(actor: string, step: UserStep, indent: string): void {
    const id = this.ids.get(step)!;
    const opens = this.opens(step);
    this.checkUffd(actor, step);
    const { text, parts } = callOf(step, { workload: this.workload, id, opens, processes: this.processes });
    for (const part of parts) this.parts.add(part);
    this.add(actor, `${indent}STEP(${id}, ${text}); /* ${showStep(step)} */`);
  }

  private opens({ verb, name, uffd }: UserStep): boolean {
    if (verb !== 'uffd_open' && verb !== 'uffd_register') return false;
    const opened = (verb === 'uffd_open' ? name : uffd) ?? 'uffd';
    const isNew = !this.opened.has(opened);
    this.opened.add(opened);
    return isNew && verb === 'uffd_register';
  }

  /** A userfaultfd belongs to the process that opened it. */
  private checkUffd(actor: string, step: UserStep): void {
    if (!step.verb.startsWith('uffd_')) return;
    const name = (step.verb === 'uffd_open' ? step.name : step.uffd) ?? 'uffd';
    const { process } = this.workload.actors.find((one) => one.name === actor)!;
    const owner = this.users.get(name) ?? process;
    this.users.set(name, owner);
    if (owner !== process) {
      refuse(this.workload, step, `the userfaultfd ${name} belongs to the process ${owner}`);
    }
  }

  /** Userfaultfds by name. */
  get uffds(): string[] {
    return [...this.users.keys()];
  }
}

export const actorFunction = ({ actor, lines }: Program): string =>
  [
    `static void *actor_${identifier(actor)}(void *unused)`,
    '{',
    '\t(void)unused;',
    ...lines.map((line) => `\t${line}`),
    '\treturn stay();',
    '}',
  ].join('\n');
