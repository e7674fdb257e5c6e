/**
 * A fixture in the model, one step at a time in the order in which the agent performs it: what user space would see
 * after each step, as observations. conform/README.md has the order.
 */
import { buildKernel, KernelBug, type Machine, must, type ResolvedVariant, type Step } from '../core/index';
import { emptyMachine, type Item, type UserStep, type Workload } from '../workload/index';
import { mapRegion, perform } from '../workload/perform';
import { countedFaults, faultLayer, noFaults, Unflushed } from './model_faults';
import { cacheFiles } from './model_files';
import { below, isSince } from './model_lacks';
import { look, type Manner } from './model_look';
import type { ModelOptions } from './model_options';
import { Pauses } from './model_pause';
import { preemptLayer } from './model_preempt';
import { rmapLayer } from './model_rmap';
import { Scheduler, takeCpu } from './model_schedule';
import { isPending, newSlot, type Slot } from './model_slot';
import { followTurns, type Stage } from './model_turns';
import { Watcher } from './model_watch';
import type { How, Observation, ObservedRun, Outcome, RunEnd, StepEnd } from './observation';
import { Ahead, unroll } from './rounds';
import { type ListedStep, listSteps } from './steps';

/** The run ended in the middle. */
class Stopped extends Error {
  constructor(readonly end: RunEnd) {
    super('stopped');
  }
}

export function runModel(workload: Workload, variant: ResolvedVariant, options: ModelOptions): ObservedRun {
  return new ModelRun(workload, variant, options).run();
}

const MAX_ADVANCES = 100_000;

class ModelRun implements Stage {
  private readonly m: Machine;
  readonly slots: Slot[] = [];
  private readonly watcher: Watcher;
  private readonly pauses: Pauses;
  private readonly observations: Observation[] = [];
  private readonly ids: ReadonlyMap<UserStep, number>;
  private readonly listed: readonly ListedStep[];
  private readonly contents = new Map<number, number>();
  private readonly reported = new Map<number, { result: number; signal: string }>();
  private readonly scheduler: Scheduler;
  private ends: StepEnd[] = [];
  private readonly unflushed = new Unflushed();
  private nextContent = 1;
  private clock = 0;
  private readonly manner: Manner;

  private readonly workload: Workload;

  constructor(
    given: Workload,
    variant: ResolvedVariant,
    private readonly options: ModelOptions,
  ) {
    const { features } = options;
    const { softDirty, swap, release } = features;
    const workload = { ...given, config: { ...given.config, softDirty, migratesBack: true } };
    this.workload = workload;
    this.m = emptyMachine(workload);
    this.m.swap.isOn = swap;
    const { steps, ids } = listSteps(workload);
    this.listed = steps;
    this.ids = ids;
    this.manner = {
      features,
      countsHidden: isSince(release, 6, 6),
      asksEachPart: isSince(release, 6, 11) && !isSince(release, 6, 15),
      contentOf: (model) => this.contents.get(model) ?? model,
    };
    this.watcher = new Watcher(workload, this.slots, this.manner.contentOf);
    const ordered = [...variant.layers, rmapLayer(variant.layers)];
    const watched = [...ordered, this.watcher.layer(variant)];
    const counted = [...watched, faultLayer(watched, this.slots, isSince(release, 6, 6))];
    const layers = options.preempts ? [...counted, preemptLayer(counted, this.slots)] : counted;
    this.pauses = new Pauses(workload, this.slots);
    const Kernel = buildKernel([...layers, this.pauses.layer(layers)]);
    for (const actor of workload.actors) {
      const task = must(
        this.m.tasks.find(({ name }) => name === actor.name),
        `ModelRun: no task for ${actor.name}`,
      );
      this.slots.push(newSlot(actor, task, new Kernel(this.m, task)));
    }
    cacheFiles(this.m, this.slots[0]!.k, workload);
    this.scheduler = new Scheduler(
      this.slots,
      options.choices ?? null,
      options.preempts ?? false,
      () => options.witness?.expects(this.observations.length, this.watcher.messages) ?? [],
    );
    this.m.watch = (happening) => this.watcher.watch(happening);
  }

  run(): ObservedRun {
    let end: RunEnd;
    try {
      this.mapRegions();
      for (const { actor, step } of this.workload.start) this.inOrder(actor, [step]);
      this.tasks();
      for (const { actor, step } of this.workload.finally) this.inOrder(actor, [step]);
      const waits = this.slots.filter(isPending).map(({ actor, at }) => ({ actor: actor.name, step: at }));
      end = { kind: 'through', waits, stuck: 0 };
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      end = error.end;
    }
    return { fixture: this.workload.fixture.name, steps: this.listed, observations: this.observations, end };
  }

  private mapRegions(): void {
    for (const region of this.workload.regions.values()) {
      if (!region.spec.mapped) continue;
      const slot = must(
        this.slots.find(({ actor }) => actor.process === region.spec.process && actor.forkedBy === null),
        `mapRegions(): nobody acts in ${region.spec.process}`,
      );
      const next = mapRegion(slot.k, region).next();
      if (next.done && next.value === 0) continue;
      const reason = `a region could not be mapped: ${next.done ? next.value : 'it waits'}`;
      throw new Stopped({ kind: 'stopped', reason });
    }
  }

  private inOrder(actor: string, items: readonly Item[]): void {
    for (const { step, repeats } of unroll(items)) this.turn(this.slot(actor), step, repeats);
  }

  private slot(actor: string): Slot {
    return must(
      this.slots.find((one) => one.actor.name === actor),
      `slot(): no actor ${actor}`,
    );
  }

  private tasks(): void {
    const cursors = new Map(
      this.slots.map((slot) => [slot, new Ahead(unroll(this.workload.tasks.get(slot.actor.name) ?? []))]),
    );
    followTurns(this, this.pauses, this.options.turns ?? [], cursors);
    const order = [...this.slots.filter((s) => s.actor.daemon), ...this.slots.filter((s) => !s.actor.daemon)];
    // Always the first actor that can; those that serve come before all others.
    for (;;) {
      const slot = order.find((one) => this.isIdle(one) && !cursors.get(one)!.isEmpty);
      if (!slot) return;
      const { step, repeats } = cursors.get(slot)!.take();
      this.turn(slot, step, repeats);
    }
  }

  isThere({ actor, gone }: Slot): boolean {
    return !gone && this.m.user.processes.has(actor.process);
  }
  private isIdle(slot: Slot): boolean {
    return this.isThere(slot) && !isPending(slot);
  }

  private turn(slot: Slot, step: UserStep, repeats: boolean): void {
    const id = this.ids.get(step)!;
    if (slot.over || !this.isIdle(slot)) {
      this.tell(slot, id, slot.over ? 'over' : isPending(slot) ? 'blocked' : 'absent');
      return;
    }
    this.begin(slot, step);
    this.settle(slot);
    if (repeats && this.isAsBefore(slot, id)) {
      this.watcher.messages = [];
      this.ends = [];
      return;
    }
    this.tell(slot, id, isPending(slot) ? 'waits' : 'ended');
  }

  begin(slot: Slot, step: UserStep): void {
    const id = this.ids.get(step)!;
    Object.assign(slot, { at: id, step, reads: [], signal: null, faults: noFaults() });
    const reason = this.options.skips?.get(id);
    if (reason !== undefined) {
      this.end(slot, { kind: 'skip', reason });
      return;
    }
    slot.program = perform(slot.k, this.workload, step)[Symbol.iterator]();
    this.advance(slot);
  }

  /** Until nobody can go on. */
  settle(first: Slot): void {
    this.scheduler.begin();
    let last = first;
    for (let count = 0; ; count++) {
      const next = this.scheduler.next(last);
      if (!next) return;
      if (count > MAX_ADVANCES)
        this.stop(first, 'spins', `${next.actor.name} neither ends its step nor waits`);
      const heard = this.watcher.messages.length;
      this.advance(next);
      this.hear(heard);
      last = next;
    }
  }

  /** The messages that have come in the step that was just taken. */
  private hear(before: number): void {
    const { witness } = this.options;
    const { messages } = this.watcher;
    for (let i = before; witness && i < messages.length; i++) {
      const message = messages[i]!;
      const nth = messages.slice(0, i).filter(({ actor }) => actor === message.actor).length;
      if (!witness.mayHear(this.observations.length, message, nth)) throw this.unlike();
    }
  }

  private unlike(): Stopped {
    return new Stopped({ kind: 'stopped', reason: 'the kernel did something else' });
  }

  advance(slot: Slot): void {
    takeCpu(slot);
    let result: IteratorResult<Step, unknown>;
    try {
      result = slot.program!.next();
    } catch (error) {
      if (!(error instanceof KernelBug)) throw error;
      if (error.message.includes('refaults without end')) {
        this.stop(slot, 'spins', `${slot.actor.name} neither ends its step nor waits`);
      }
      throw new Stopped({ kind: 'kernel', what: 'oops', lines: [error.message] });
    }
    this.nameContents(slot);
    slot.waiting = result.done ? null : result.value;
    slot.asleepSince = ++this.clock;
    if (result.done) this.finished(slot, result.value);
  }

  stop(slot: Slot, how: How, reason: string): never {
    this.tell(slot, slot.at, how);
    throw new Stopped({ kind: 'stopped', reason });
  }

  /** Numbers for what the step is about to store, as the agent counts them. */
  private nameContents(slot: Slot): void {
    const { task } = slot;
    for (; slot.storesSeen < task.stores; slot.storesSeen++) {
      this.contents.set(1 + task.id + 16 * slot.storesSeen, this.nextContent++);
    }
  }

  private finished(slot: Slot, result: unknown): void {
    if (result === 'SIGBUS') slot.over = true;
    const { step } = slot;
    if (slot.signal && typeof result === 'string') this.end(slot, slot.signal);
    else this.end(slot, { kind: 'done', result: typeof result === 'number' ? below(step!, result) : 0 });
    if (step?.verb === 'exit') {
      for (const one of this.slots) if (one.actor.process === slot.actor.process) one.gone = true;
    }
  }

  private end(slot: Slot, outcome: Outcome): void {
    slot.program = null;
    slot.waiting = null;
    const reads = slot.reads.map((run) => ({ ...run }));
    const faults = countedFaults(slot, outcome, { workload: this.workload, unflushed: this.unflushed });
    this.ends.push({ actor: slot.actor.name, step: slot.at, outcome, reads, ...faults });
  }

  private isAsBefore(slot: Slot, id: number): boolean {
    const end = this.ends.find(({ actor, step }) => actor === slot.actor.name && step === id);
    const outcome = end?.outcome;
    const now = {
      result: outcome?.kind === 'done' ? outcome.result : 0,
      signal: outcome?.kind === 'signal' ? outcome.signal : '',
    };
    const before = this.reported.get(id);
    this.reported.set(id, now);
    return end !== undefined && before?.result === now.result && before.signal === now.signal;
  }

  tell({ actor }: Slot, step: number, how: How, held: readonly string[] = []): void {
    const { ends } = this;
    const { messages } = this.watcher;
    const order = this.slots.map((slot) => slot.actor.name);
    ends.sort((a, b) => order.indexOf(a.actor) - order.indexOf(b.actor));
    messages.sort((a, b) => order.indexOf(a.actor) - order.indexOf(b.actor));
    const memory = look(this.m, this.workload, this.manner);
    const observation = { actor: actor.name, step, how, ends, messages, memory, log: [], held };
    this.observations.push(observation);
    this.ends = [];
    this.watcher.messages = [];
    const { witness } = this.options;
    if (witness && !witness.saw(this.observations.length - 1, observation)) throw this.unlike();
  }
}
