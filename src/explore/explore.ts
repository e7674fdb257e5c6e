/**
 * Every interleaving of a workload, up to the order of steps that commute: source-set dynamic partial-order
 * reduction (Abdulla, Aronis, Jonsson, Sagonas: "Optimal Dynamic Partial Order Reduction", POPL 2014) with sleep
 * sets and with states that were seen before (seen.ts). One execution goes back to where it can go on otherwise.
 */
import { defaultBounds, type Explored, type ExploreOptions } from './bounds';
import { type Choice, isCheckpointDue, mayMeet } from './choice';
import { Execution } from './execution';
import { type Footprint, releasesOf } from './footprint';
import { History, independent } from './history';
import { addFuture, addPacked, addStep, type Future, pack, type Seen, stepsOf } from './seen';
import type { Start } from './start';
import { standIn, twinsOf } from './symmetry';

type OnEnd<Notes extends object> = (execution: Execution<Notes>) => void;

/**
 * @param onEnd is called with every execution when it has ended, or has come to a state that was seen before; it may
 *   read the machine and the notes, which go on to change
 * @param prefix the steps that every execution begins with; the actors must be able to take them
 * @param touched learns what each actor touches after that
 */
export function explore<Notes extends object>(
  start: Start<Notes>,
  onEnd: OnEnd<Notes>,
  bounds: ExploreOptions = defaultBounds,
  prefix: readonly number[] = [],
  touched: Future = new Map(),
): Explored {
  return new Search(start, bounds, prefix, touched).run(onEnd);
}

class Search<Notes extends object> {
  private readonly path: Choice[] = [];
  private readonly seen = new Map<number, Seen>();
  private readonly twins: readonly number[];
  private readonly result: Explored = { executions: 0, states: 0, complete: true, stoppedBy: null };
  private execution: Execution<Notes>;
  private history: History;

  constructor(
    private readonly start: Start<Notes>,
    private readonly bounds: ExploreOptions,
    private readonly prefix: readonly number[],
    private readonly touched: Future,
  ) {
    this.execution = this.begin();
    this.history = new History(this.execution.hardware.end);
    this.twins = twinsOf(start, this.execution);
  }

  private begin(): Execution<Notes> {
    const execution = new Execution(this.start);
    for (const actor of this.prefix) execution.take(actor);
    return execution;
  }

  run(onEnd: OnEnd<Notes>): Explored {
    const { result, bounds } = this;
    for (let depth = 0; ; depth = this.goBack()) {
      if (result.executions >= bounds.maxExecutions) return this.cut(`${bounds.maxExecutions} executions`);
      const ended = this.runOn(depth);
      if (ended === 'too long') return this.cut(`${bounds.maxSteps} steps in one execution`);
      if (ended !== 'asleep') {
        if (ended === 'end') this.execution.finish();
        result.executions++;
        onEnd(this.execution);
      }
      if (!this.backtrack()) return this.whole();
    }
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
      if (depth > bounds.maxSteps) return 'too long';
      if (depth >= path.length) {
        const went = this.enter();
        if (went !== 'on') return went;
      }
      const choice = path[depth]!;
      const actor = choice.taken;
      // The last choice is new even where it is there already: backtrack() has made it.
      const isNew = depth === path.length - 1;
      const owner = execution.hardware.ownerOf(actor);
      if (isNew) this.wantRaces(owner, execution.announced(actor));
      const step = execution.take(actor, path[depth + 1]?.state ?? undefined);
      if (isNew) {
        this.wantRaces(owner, releasesOf(step));
        choice.tried.set(actor, step);
        addStep(choice.future, owner, step);
      }
      this.history.add(owner, step);
    }
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
      this.tryAllFrom(execution.roundFrom - this.prefix.length);
      return 'seen';
    }
    const enabled = able.filter((position) => {
      const actor = execution.hardware.ownerOf(position);
      return standIn(this.twins, (i) => (begun >> i) % 2 === 1, actor) === actor;
    });
    const asleep = this.sleepers();
    const state = able.length > 1 && mayMeet(this.path) ? execution.state() : null;
    if (state !== null && this.comesBack(state, asleep)) return 'seen';
    const awake = enabled.filter((actor) => !asleep.has(actor));
    // Go on with the same actor if possible, because a switch needs a reason.
    const taken = awake.includes(last) ? last : awake[0];
    if (taken === undefined) {
      this.wantRacesOfWaiting();
      return 'asleep';
    }
    const future: Future = new Map();
    // Where one alone can step there is no other way to come back for.
    const checkpoint = able.length > 1 && isCheckpointDue(this.path) ? execution.save() : null;
    this.path.push({
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
      this.wantRaces(i, step);
      if (parent) addStep(parent.future, i, step);
    }
  }

  /**
   * The steps since then have led back to where they began. Whatever can follow can follow there, and what follows
   * may have come before any of them.
   */
  private tryAllFrom(depth: number): void {
    for (const choice of this.path.slice(Math.max(depth, 0))) {
      choice.isInRound = true;
      for (const actor of choice.enabled) if (!choice.wanted.includes(actor)) choice.wanted.push(actor);
    }
  }

  /** Actors whose next step was tried at an earlier choice, and nothing since depends on it. */
  private sleepers(): Map<number, Footprint> {
    const asleep = new Map<number, Footprint>();
    const parent = this.path.at(-1);
    if (!parent) return asleep;
    const step = parent.tried.get(parent.taken)!;
    const explored = parent.isInRound ? parent.asleep : [...parent.asleep, ...parent.tried];
    const isHardware = this.execution.hardware.has(parent.taken);
    for (const [actor, footprint] of explored) {
      if (actor === parent.taken || !independent(footprint, step)) continue;
      if (isHardware && parent.endedBy.includes(actor)) continue;
      // What it would do now may no longer commute, such as to drop a reference that has become the last one.
      const now = footprint.commutes === 0 ? footprint : this.execution.announced(actor)!;
      if (independent(now, step)) asleep.set(actor, now);
    }
    return asleep;
  }

  /** Whether all that can follow was explored before; if so, its races with the steps of this execution are noted. */
  private comesBack(state: number, asleep: ReadonlyMap<number, Footprint>): boolean {
    const seen = this.seen.get(state);
    if (!seen) return false;
    if (!seen.leftOut.some((actors) => actors.every((actor) => asleep.has(actor)))) return false;
    for (const { actor, step } of stepsOf(seen.future)) this.wantRaces(actor, step, true);
    const parent = this.path.at(-1);
    if (parent) addPacked(parent.future, seen.future);
    return true;
  }

  /**
   * Notes, at every earlier choice that this step of `actor` could have come before, that this is to be tried.
   * @param isLater other steps come before it, nobody knows which
   */
  private wantRaces(actor: number, step: Footprint | null, isLater = false): void {
    if (!step) return;
    for (const event of this.history.races(actor, step)) {
      const choice = this.path[event]!;
      const first = (a: number): number => standIn(this.twins, (i) => (choice.begun >> i) % 2 === 1, a);
      const initials = this.history.initials(event, actor, isLater ? null : step).map(first);
      // Of one who sleeps, only what begins with his own next step was tried elsewhere.
      const isGuess = isLater && initials.every((i) => choice.asleep.has(i));
      if (!isGuess && initials.some((i) => choice.wanted.includes(i))) continue;
      // What hardware cannot do there yet becomes possible by a step that has a race of its own.
      const isYetToBe = (i: number): boolean => this.execution.hardware.has(i) && !choice.enabled.includes(i);
      if (initials.length > 0 && initials.every(isYetToBe)) continue;
      const possible = isGuess ? [] : initials.filter((i) => choice.enabled.includes(i));
      const add =
        possible.length > 0
          ? [possible.includes(first(actor)) ? first(actor) : possible[0]!]
          : choice.enabled;
      for (const i of add) if (!choice.wanted.includes(i)) choice.wanted.push(i);
    }
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
