/**
 * Every interleaving of a workload, up to the order of steps that commute: source-set dynamic partial-order
 * reduction (Abdulla, Aronis, Jonsson, Sagonas: "Optimal Dynamic Partial Order Reduction", POPL 2014) with sleep
 * sets and with states that were seen before (seen.ts). One execution goes back to where it can go on otherwise.
 */
import { Block } from './block';
import { boundOfRuns, defaultBounds, type Explored, type ExploreOptions } from './bounds';
import { type Choice, isCheckpointDue, mayMeet } from './choice';
import { Execution } from './execution';
import { accessesOf, type Footprint, releasesOf } from './footprint';
import { History } from './history';
import { addFuture, addPacked, addStep, type Future, forEachStep, pack, type Seen } from './seen';
import { sleepersAfter } from './sleep';
import type { Start } from './start';
import { standIn, twinsOf } from './symmetry';
import { Traffic } from './traffic';
import { Wants, wantAllFrom } from './wanted';

type OnEnd<Notes extends object> = (execution: Execution<Notes>) => void;

/** What a search is told beside its start, and what it tells beside its runs. */
export interface Surroundings<Notes extends object> {
  /** The steps that every execution begins with; the actors must be able to take them. */
  readonly prefix?: readonly number[];
  /** Learns what each actor touches after that. */
  readonly touched?: Future;
  /** Runs what follows when nobody can go on; without it, Execution.finish(). */
  readonly finish?: (execution: Execution<Notes>) => void;
}

/**
 * @param onEnd is called with every execution when it has ended, or has come to a state that was seen before; it may
 *   read the machine and the notes, which go on to change
 */
export function explore<Notes extends object>(
  start: Start<Notes>,
  onEnd: OnEnd<Notes>,
  bounds: ExploreOptions = defaultBounds,
  { prefix = [], touched = new Map(), finish = (execution) => execution.finish() }: Surroundings<Notes> = {},
): Explored {
  return new Search(start, bounds, prefix, touched).run(onEnd, finish);
}

const nothing = (): Explored => ({ executions: 0, states: 0, complete: true, stoppedBy: null });

class Search<Notes extends object> {
  private readonly path: Choice[] = [];
  private readonly seen = new Map<number, Seen>();
  private readonly twins: readonly number[];
  private readonly traffic = new Traffic();
  private result: Explored = nothing();
  private execution: Execution<Notes>;
  private readonly history: History;
  private readonly wants: Wants;

  constructor(
    private readonly start: Start<Notes>,
    private readonly bounds: ExploreOptions,
    private readonly prefix: readonly number[],
    private readonly touched: Future,
  ) {
    this.execution = this.begin();
    const { hardware } = this.execution;
    this.history = new History(hardware.end);
    this.twins = twinsOf(start, this.execution);
    this.wants = new Wants(this.path, this.history, this.twins, hardware, this.traffic);
    this.traffic.begin(this.twins, hardware.end);
  }

  private begin(): Execution<Notes> {
    const execution = new Execution(this.start);
    for (const actor of this.prefix) execution.take(actor);
    return execution;
  }

  run(onEnd: OnEnd<Notes>, finish: OnEnd<Notes>): Explored {
    const { bounds } = this;
    for (let depth = 0; ; ) {
      if (this.result.executions >= bounds.maxExecutions) return this.cut(boundOfRuns(bounds.maxExecutions));
      const ended = this.runOn(depth);
      if (ended === 'too long') return this.cut(`the bound of ${bounds.maxSteps} steps in one run`);
      if (ended !== 'asleep') {
        if (ended === 'end') finish(this.execution);
        this.result.executions++;
        onEnd(this.execution);
      }
      if (this.traffic.hasLearned()) depth = this.beginAnew();
      else if (this.backtrack()) depth = this.goBack();
      else return this.whole();
    }
  }

  /** A step that was held to go unnoticed does not: what was left out because of that nobody knows. */
  private beginAnew(): number {
    const checkpoint = this.path[0]?.checkpoint;
    if (checkpoint) this.execution.restore(checkpoint);
    else this.execution = this.begin();
    this.path.length = 0;
    this.seen.clear();
    this.touched.clear();
    this.history.truncate(0);
    this.result = nothing();
    return 0;
  }

  private whole(): Explored {
    const { leftOut } = this.execution.hardware;
    return leftOut === 0 ? this.result : this.cut(`A, which is not set ahead on ${leftOut} pages`);
  }

  /** Takes the execution to the last checkpoint of the path. @returns the number of choices before it */
  private goBack(): number {
    const { path } = this;
    let depth = path.length - 1;
    while (depth > 0 && path[depth]!.checkpoint === null) depth--;
    const checkpoint = path[depth]?.checkpoint;
    if (checkpoint) this.execution.restore(checkpoint);
    else this.execution = this.begin();
    this.history.truncate(depth);
    return depth;
  }

  private cut(stoppedBy: string): Explored {
    return { ...this.result, complete: false, stoppedBy };
  }

  /** From choice `depth` on takes again what was chosen there, then goes on, adding choices. */
  private runOn(depth: number): 'end' | 'asleep' | 'seen' | 'too long' {
    const { path, bounds, execution } = this;
    for (; ; depth++) {
      if (execution.schedule.length > bounds.maxSteps) return 'too long';
      if (depth >= path.length) {
        const went = this.enter();
        if (went !== 'on') return went;
      }
      const choice = path[depth]!;
      const owner = execution.hardware.ownerOf(choice.taken);
      // The last choice is new even where it is there already: backtrack() has made it.
      if (depth === path.length - 1) this.take(choice, owner);
      else this.takeAgain(choice, path[depth + 1]!.state);
      this.history.add(owner, choice.tried.get(choice.taken)!);
    }
  }

  /** A step that others may notice, and all after it that they cannot. */
  private take(choice: Choice, owner: number): void {
    const { execution, traffic } = this;
    const actor = choice.taken;
    let next: Footprint | null = execution.announced(actor)!;
    const block = new Block(next, execution.locksOf(actor), traffic);
    for (; next; next = block.hasRoom ? this.unnoticed(actor) : null) {
      traffic.note(owner, next, execution.locksOf(actor));
      const taken = execution.take(actor);
      traffic.noteLeft(owner, taken);
      block.add(taken);
    }
    const step = block.footprint(execution.locksOf(actor));
    choice.length = block.length;
    this.wants.noteRaces(owner, accessesOf(step));
    this.wants.noteRaces(owner, releasesOf(step));
    choice.tried.set(actor, step);
    addStep(choice.future, owner, step);
  }

  /** What the actor does next, where that is part of what it has done. */
  private unnoticed(actor: number): Footprint | null {
    const { execution, bounds } = this;
    const mayGoOn =
      execution.roundFrom === null &&
      execution.schedule.length <= bounds.maxSteps &&
      execution.canStep(actor) &&
      !execution.hardware.has(actor) &&
      !execution.isHardwareAble &&
      !this.traffic.isFoundHolding(actor, execution.running[actor]!.task, execution.machine);
    const next = mayGoOn ? execution.announced(actor) : null;
    return next && !this.traffic.isNoticed(next, execution.locksOf(actor)) ? next : null;
  }

  /** @param state of the choice after it */
  private takeAgain({ taken, length }: Choice, state: number | null): void {
    for (let i = 1; i < length; i++) this.execution.take(taken);
    this.execution.take(taken, state ?? undefined);
  }

  /** A new choice at the end of the path, if the execution goes on from here. */
  private enter(): 'on' | 'end' | 'asleep' | 'seen' {
    const { execution } = this;
    const parent = this.path.at(-1);
    const last = execution.hardware.ownerOf(parent?.taken ?? this.prefix.at(-1) ?? -1);
    const begun = parent
      ? parent.begun | (1 << execution.hardware.ownerOf(parent.taken))
      : this.prefix.reduce((actors, actor) => actors | (1 << execution.hardware.ownerOf(actor)), 0);
    const able = execution.enabled();
    if (able.length === 0) {
      this.wantRacesOfWaiting();
      parent?.endedBy.push(parent.taken);
      return 'end';
    }
    if (execution.roundFrom !== null) {
      wantAllFrom(this.path, execution.roundFrom);
      return 'seen';
    }
    const enabled = able.filter((position) => {
      const actor = execution.hardware.ownerOf(position);
      return standIn(this.twins, (i) => (begun >> i) % 2 === 1, actor) === actor;
    });
    const asleep = parent ? sleepersAfter(parent, execution) : new Map<number, Footprint>();
    const state = able.length > 1 && mayMeet(this.path) ? execution.state() : null;
    if (state !== null && this.comesBack(state, asleep)) return 'seen';
    const awake = enabled.filter((actor) => !asleep.has(actor));
    // Go on with the same actor if possible, because a switch needs a reason, or else with one of its company.
    const taken = awake.includes(last) ? last : this.traffic.nextOf(last, awake);
    if (taken === undefined || this.traffic.sleepsForEver(able, asleep, awake)) {
      this.wantRacesOfWaiting();
      return 'asleep';
    }
    const future: Future = new Map();
    // Where one alone can step there is no other way to come back for.
    const checkpoint =
      able.length > 1 && isCheckpointDue(this.path, execution.schedule.length) ? execution.save() : null;
    this.path.push({
      at: execution.schedule.length,
      enabled,
      begun,
      // Nothing tells beforehand that hardware might act here, so what it does is tried wherever it can be.
      wanted: [taken, ...awake.filter((actor) => actor !== taken && execution.hardware.has(actor))],
      tried: new Map(),
      asleep,
      future,
      state,
      checkpoint,
      isInRound: false,
      endedBy: [],
      taken,
      length: 0,
    });
    this.result.states++;
    return 'on';
  }

  /** Those who wait, perhaps for ever, have a next step, too, that could have come earlier. */
  private wantRacesOfWaiting(): void {
    const parent = this.path.at(-1);
    for (let i = 0; i < this.execution.running.length; i++) {
      const step = this.execution.canStep(i) ? null : this.execution.announced(i);
      if (step === null) continue;
      this.traffic.note(i, step, this.execution.locksOf(i));
      this.wants.noteRaces(i, step);
      if (parent) addStep(parent.future, i, step);
    }
  }

  /** Whether all that can follow was explored before; if so, its races with the steps of this execution are noted. */
  private comesBack(state: number, asleep: ReadonlyMap<number, Footprint>): boolean {
    const seen = this.seen.get(state);
    if (!seen) return false;
    if (!seen.leftOut.some((actors) => actors.every((actor) => asleep.has(actor)))) return false;
    forEachStep(seen.future, (actor, step) => this.wants.noteRaces(actor, step, true));
    const parent = this.path.at(-1);
    if (parent) addPacked(parent.future, seen.future);
    return true;
  }

  /** Moves on to the deepest choice with something left to try; false when there is none. */
  private backtrack(): boolean {
    for (;;) {
      const choice = this.path.at(-1);
      if (!choice) return false;
      const next = choice.wanted.find((actor) => !choice.tried.has(actor) && !choice.asleep.has(actor));
      if (next !== undefined) {
        choice.taken = next;
        return true;
      }
      this.leave(choice);
    }
  }

  /** A choice with nothing left to try: its state is explored. */
  private leave(choice: Choice): void {
    this.path.pop();
    const parent = this.path.at(-1);
    if (!parent) addFuture(this.touched, choice.future);
    if (choice.state === null) {
      // Nobody else keeps this future: the parent takes it over and adds what it knows itself, which is less.
      if (parent) {
        addFuture(choice.future, parent.future);
        parent.future = choice.future;
      }
      return;
    }
    if (parent) addFuture(parent.future, choice.future);
    const before = this.seen.get(choice.state);
    const leftOut = [[...choice.asleep.keys()], ...(before?.leftOut ?? [])];
    if (before) addPacked(choice.future, before.future);
    this.seen.set(choice.state, { future: pack(choice.future), leftOut });
  }
}
