/** One run of a workload, advanced one step at a time by whoever decides the schedule. */
import {
  Frame,
  type Happening,
  type Kernel,
  type Machine,
  Memory,
  mainline,
  must,
  type SavedFrames,
  type Step,
  type Task,
} from '../core/index';
import { type Actor, actorProgram, endOfRun, stepProgram, type Workload } from '../workload/index';
import { advanceProgram, leaveCpu, type Program } from './advance';
import type { Checkpoint, Looked, Round } from './checkpoint';
import { type Footprint, withReleases } from './footprint';
import { type Hardware, hardwareOf } from './hardware';
import { fresh, type Start } from './start';

interface Running {
  readonly actor: Actor;
  readonly task: Task;
  readonly k: Kernel;
  readonly program: Program;
  /** The announced step; null when the program has ended or its task is dead. */
  next: Step | null;
  /** Where the program stands, if somebody has asked since it moved. */
  saved: SavedFrames | null;
}

/** Where the state is not known, or others change it all the time, so many faults in a row count as a round. */
const ROUND_UNSEEN = 16;

export class Execution<Notes extends object> {
  readonly machine: Machine;
  readonly notes: Notes;
  readonly running: Running[];
  /** What it may do of its own accord; its positions come after those of `running`. */
  readonly hardware: Hardware;
  /** Actors by position, in the order in which they took their steps. */
  readonly schedule: number[] = [];
  /** How often an actor was stopped that could have gone on. */
  preemptions = 0;
  /** Of who touched what in which order: tells a replay that the model has changed since. */
  checksum = 0x811c9dc5;
  /**
   * Actors whose steps have led back to where they began: until somebody else steps, more of them change nothing, so
   * they may not.
   */
  private spinning: readonly number[] = [];
  /** Steps before the moment that the last step has led back to; null where it has led elsewhere. */
  roundFrom: number | null = null;
  private rounds: Round[] = [];
  /** What state() has found here. */
  private known: number | null | undefined = undefined;
  private readonly memory: Memory;
  /** Where the programs stand, if `memory` has been asked since the last step. */
  private looked: Looked | null = null;

  constructor(private readonly start: Start<Notes>) {
    const { machine, notes } = fresh(start);
    this.machine = machine;
    this.notes = notes;
    machine.beginRace();
    this.running = runningActors(start.workload).map((actor) => this.begin(actor));
    this.hardware = hardwareOf(machine, this.running);
    this.memory = new Memory([machine, notes]);
  }

  private begin(actor: Actor): Running {
    const task = must(
      this.machine.tasks.find((t) => t.name === actor.name),
      `begin(): no task for actor ${actor.name}`,
    );
    const k = new this.start.Kernel(this.machine, task);
    const program = actorProgram(k, this.start.workload, actor, 'tasks')[Symbol.iterator]();
    const running: Running = { actor, task, k, program, next: null, saved: null };
    this.advance(running);
    return running;
  }

  private advance(running: Running): void {
    const { task, program } = running;
    running.saved = null;
    running.next = advanceProgram(program, task);
    this.machine.tlbs[task.id]!.lingering?.forgetBefore(task.done ? Infinity : task.position);
    if (task.done && this.start.workload.finally.length === 0) leaveCpu(this.machine, task);
  }

  /** The actor that stepped last, whatever hardware has done since; -1 at the beginning. */
  get lastActor(): number {
    let at = this.schedule.length - 1;
    while (at >= 0 && this.hardware.has(this.schedule[at]!)) at--;
    return this.schedule[at] ?? -1;
  }

  /** Positions that can take a step now, in order. Hardware alone does not go on: nobody would notice. */
  enabled(): number[] {
    const result: number[] = [];
    for (let i = 0; i < this.running.length; i++) if (this.canStep(i)) result.push(i);
    if (result.length === 0) return result;
    for (let i = this.running.length; i < this.hardware.end; i++) if (this.canStep(i)) result.push(i);
    return result;
  }
  canStep(position: number): boolean {
    const move = this.hardware.at(position);
    if (move) return move.canAct();
    const next = this.running[position]?.next;
    if (next === null || next === undefined || this.spinning.includes(position)) return false;
    return next.ready === null || next.ready();
  }

  /** Spinlocks that an actor holds. */
  locksOf(position: number): Task['spinlocks'] {
    return this.running[position]?.task.spinlocks ?? [];
  }

  /** Whether hardware could act here. */
  get isHardwareAble(): boolean {
    for (let i = this.running.length; i < this.hardware.end; i++) if (this.canStep(i)) return true;
    return false;
  }

  /** What the announced step of an actor touches; its releases are only known once it has run. */
  announced(position: number): Footprint | null {
    const move = this.hardware.at(position);
    if (move) return move.footprint();
    const next = this.running[position]!.next;
    if (next === null) return null;
    const objects = next.footprint ? [...next.footprint()] : [...next.objects];
    const writes = next.footprint && next.writesNow ? next.writesNow() : next.writes;
    const commutes = next.footprint && next.commutes ? next.commutes() : 0;
    return { objects, writes, commutes, acquires: next.acquires, releasesFrom: objects.length };
  }

  /** Lets an actor take its announced step and run up to the next one, where state() finds `state` if that is known. */
  take(position: number, state?: number | null): Footprint {
    const announced = must(this.announced(position), 'take(): the actor has ended');
    const move = this.hardware.at(position);
    const last = move ? -1 : this.lastActor;
    if (last >= 0 && last !== position && this.canStep(last)) this.preemptions++;
    this.schedule.push(position);
    this.checksum = fold(fold(this.checksum, position), announced.writes);
    for (const object of announced.objects) this.checksum = fold(this.checksum, object);
    this.spinning = [];
    this.roundFrom = null;
    this.known = state;
    this.looked = null;
    if (move) {
      move.act();
      return announced;
    }
    const running = this.running[position]!;
    const { released } = running.task.pending;
    if (released.length > 0) released.length = 0;
    running.task.pending.sharedReleases = 0;
    this.advance(running);
    this.lookForRound(running);
    return withReleases(announced, released, running.task.pending.sharedReleases);
  }

  /** Where an actor is about to try an access again, after a fault, and all is as it was at such a moment before. */
  private lookForRound({ next, task }: Running): void {
    if (task.refaults === 0 || next === null || !retried.has(next.label)) return;
    const state = this.state();
    const steps = this.schedule.length;
    const before =
      this.rounds.find((round) => round.state === state) ??
      (task.refaults > ROUND_UNSEEN ? { steps: steps - 1 } : undefined);
    if (before) {
      this.roundFrom = before.steps;
      this.spinning = [...new Set(this.schedule.slice(before.steps))];
    } else if (state !== null) this.rounds.push({ state, steps });
  }

  /** By actor; null where one is in a function that cannot be copied, a generator that was not compiled. */
  private programs(): SavedFrames[] | null {
    const programs: SavedFrames[] = [];
    for (const running of this.running) {
      running.saved ??= running.program instanceof Frame ? running.program.save() : null;
      if (running.saved === null) return null;
      programs.push(running.saved);
    }
    return programs;
  }
  /** One look serves whoever asks before the next step. */
  private look(): Looked | null {
    if (this.looked !== null) return this.looked;
    const programs = this.programs();
    if (programs === null) return null;
    const ends = this.running.map(isAtEnd);
    const marks = programs.map(({ isBegun }, i) => Number(isBegun) + 2 * Number(ends[i]));
    const hash = this.memory.read(marks, programs.map(statesOf));
    return (this.looked = { programs, ends, hash });
  }

  /** Equal for two runs that have the same future; null where that cannot be told. */
  state(): number | null {
    if (this.known === undefined) this.known = this.look()?.hash ?? null;
    return this.known;
  }

  /** @returns null where the execution cannot come back to here */
  save(): Checkpoint | null {
    const looked = this.look();
    if (looked === null) return null;
    const { programs, ends } = looked;
    const { preemptions, checksum, spinning } = this;
    const state = this.memory.save();
    const [schedule, rounds] = [[...this.schedule], [...this.rounds]];
    return { state, programs, ends, schedule, preemptions, checksum, spinning, rounds };
  }

  /** Back to a moment of this execution. */
  restore({ state, programs, ends, schedule, preemptions, checksum, spinning, rounds }: Checkpoint): void {
    this.memory.restore(state);
    this.known = state.hash;
    this.looked = null;
    this.roundFrom = null;
    this.spinning = spinning;
    this.rounds = [...rounds];
    for (const [i, saved] of programs.entries()) {
      const running = this.running[i]!;
      (running.program as Frame).restore(saved);
      running.saved = saved;
      running.next = ends[i] ? null : running.task.pending;
    }
    // Most often it only has to become shorter.
    if (this.schedule.length > schedule.length) this.schedule.length = schedule.length;
    for (let i = 0; i < schedule.length; i++) this.schedule[i] = schedule[i]!;
    this.preemptions = preemptions;
    this.checksum = checksum;
  }

  /** Actors that wait for something that nobody will give them. Daemons may wait for ever. */
  stuck(): Running[] {
    return this.running.filter((r, i) => r.next !== null && !r.actor.daemon && !this.canStep(i));
  }

  private whatHolds(task: Task): Happening {
    const isSpinning = this.spinning.some((position) => this.running[position]!.task === task);
    return isSpinning && task.refaults > 0
      ? { kind: 'bug', task, bug: 'hang', text: mainline.refaultsForEver(task.at) }
      : { kind: 'stuck', task, waitsFor: task.pending.waitsFor };
  }

  /** When nobody can go on: the `finally` steps, then the exit of every process. */
  finish(): void {
    const { machine } = this;
    for (const { task } of this.stuck()) machine.watch?.(this.whatHolds(task));
    machine.solo = true;
    const busy = new Set(this.running.filter((r) => r.next !== null && !r.actor.daemon).map((r) => r.task));
    for (const step of this.start.workload.finally) {
      const task = must(
        machine.tasks.find((t) => t.name === step.actor),
        `finish(): no task for actor ${step.actor}`,
      );
      if (task.dead || busy.has(task)) continue;
      const k = new this.start.Kernel(machine, task);
      if (!this.drive(stepProgram(k, this.start.workload, step)[Symbol.iterator](), task)) busy.add(task);
    }
    machine.watch?.({ kind: 'quiet' });
    const last = must(machine.tasks[0], 'finish(): no task');
    this.drive(endOfRun(new this.start.Kernel(machine, last), this.start.workload)[Symbol.iterator](), last);
    machine.watch?.({ kind: 'end' });
  }

  /**
   * Runs one program to its end while only daemons may run beside it.
   * @returns false where it waits for ever
   */
  private drive(program: Program, task: Task): boolean {
    for (;;) {
      const next = advanceProgram(program, task);
      if (next === null) return true;
      while (next.ready !== null && !next.ready()) {
        const daemon = this.running.findIndex((r, i) => r.actor.daemon && r.task !== task && this.canStep(i));
        if (daemon < 0) {
          this.machine.watch?.({ kind: 'stuck', task, waitsFor: next.waitsFor });
          return false;
        }
        this.advance(this.running[daemon]!);
      }
    }
  }
}

const retried = new Set(['load', 'store']);
const statesOf = ({ states }: SavedFrames): SavedFrames['states'] => states;
const isAtEnd = ({ next }: Running): boolean => next === null;

/** Those whose steps are put in every order; a schedule names them by their positions here. */
export const runningActors = ({ actors, tasks }: Workload): Actor[] =>
  actors.filter(({ name }) => tasks.has(name));

/** FNV-1a on whole numbers. */
const fold = (hash: number, value: number): number => Math.imul(hash ^ value, 0x01000193) >>> 0;
