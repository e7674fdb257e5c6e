/** Programs of actors, the start of a run and its end. */
import {
  childObject,
  DEVICE_PFN,
  type File,
  type Kernel,
  KernelBug,
  type KernelClass,
  type KRun,
  kindOf,
  Machine,
  type Mm,
  must,
  type Step,
  type Task,
} from '../core/index';
import { type FileSpec, FixtureError, type Item, isRepeat, type Place } from './fixture';
import { mapRegion, perform } from './perform';
import { Rounds } from './rounds';
import { showItem } from './step_show';
import type { Actor, ActorStep, Workload } from './workload';

/** Device memory of different files lies this many frames apart. */
const DEVICE_STRIDE = 0x10000;

/**
 * The machine after the start steps of a workload.
 * @param prepare is called before anything runs in it
 * @param notes of whoever watches, if it needs nothing but what they come to: rounds that change nothing are left out
 * @throws FixtureError where a start step would wait for something that a fixture has to bring about
 */
export function boot(
  workload: Workload,
  Kernel: KernelClass,
  prepare?: (m: Machine) => void,
  notes: object | null = null,
): Machine {
  const m = emptyMachine(workload);
  prepare?.(m);
  for (const region of workload.regions.values()) {
    if (!region.spec.mapped) continue;
    const mm = m.user.processes.get(region.spec.process);
    const task = m.tasks.find((t) => t.mm === mm);
    if (!task) {
      const { name, process } = region.spec;
      return fail(
        workload,
        region.spec.place,
        `nobody takes a step in ${process}, which has region ${name}; allowed: regions of processes with a step`,
      );
    }
    const { place } = region.spec;
    const error = drive(
      mapRegion(new Kernel(m, task), region),
      task,
      workload,
      place,
      `mapping ${region.name}`,
    );
    if (typeof error === 'number' && error < 0) {
      fail(workload, place, `the kernel does not map region ${region.name}: error ${-error}`);
    }
  }
  workload.start.forEach((step, i) => {
    const task = taskOf(m, step.actor);
    if (task.dead) return;
    const { place } = must(workload.fixture.start[i], 'boot(): no such step');
    const rounds = notes && new Rounds(task, m, notes);
    const program = stepProgram(new Kernel(m, task), workload, step, rounds);
    drive(program, task, workload, place, showItem(step.step));
  });
  return m;
}

/** The machine before anything is mapped: files, processes and a task for every actor. */
export function emptyMachine(workload: Workload): Machine {
  const m = new Machine(workload.config);
  m.files.push(...workload.fixture.files.map((file, id) => newFile(file, id)));
  addTasks(m, workload);
  return m;
}

function fail(workload: Workload, place: Place, message: string): never {
  throw new FixtureError(workload.fixture.file, place.line, place.column, message);
}

const newFile = (spec: FileSpec, id: number): File => ({
  id,
  name: spec.name,
  kind: spec.kind === 'plainfs' ? 'fs' : spec.kind,
  page_mkwrite: spec.kind === 'fs',
  accountsDirty: spec.kind === 'fs' || spec.kind === 'plainfs',
  firstPfn: spec.kind === 'device' ? DEVICE_PFN + id * DEVICE_STRIDE : 0,
  cache: new Map(),
  pages: spec.pages,
  disk: new Map(),
  dirtyTag: new Set(),
  nrDirty: 0,
});

/** A task for every actor. Those that are to be forked wait in an address space that has ended. */
function addTasks(m: Machine, workload: Workload): void {
  const { processes } = m.user;
  let unborn: Mm | null = null;
  for (const actor of workload.actors) {
    if (actor.forkedBy === null && !processes.has(actor.process)) {
      processes.set(actor.process, m.newMm(actor.process));
    }
    let mm = processes.get(actor.process);
    if (!mm) {
      if (!unborn) {
        unborn = m.newMm('unborn');
        unborn.exited = true;
      }
      mm = unborn;
    }
    m.newTask(actor.name, mm);
  }
  for (const mm of processes.values()) mm.mm_users = m.tasks.filter((task) => task.mm === mm).length;
}

const taskOf = (m: Machine, actor: string): Task =>
  must(
    m.tasks.find((task) => task.name === actor),
    `taskOf(): no task for ${actor}`,
  );

/** Runs one program to its end while nobody else runs. A bug of the kernel ends the task, and so does a lock for ever. */
function drive(program: KRun<unknown>, task: Task, workload: Workload, place: Place, what: string): unknown {
  try {
    for (;;) {
      const next = program.next();
      if (next.done) return next.value;
      const { ready } = next.value;
      if (ready === null || ready()) continue;
      if (isUpToPrograms(next.value)) {
        fail(
          workload,
          place,
          `"${what}" would wait for ${next.value.waitsFor}; allowed: start steps that end, one by one`,
        );
      }
      task.dead = true;
      return undefined;
    }
  } catch (error) {
    if (!(error instanceof KernelBug)) throw error;
    task.dead = true;
    return undefined;
  }
}

const isUpToPrograms = (step: Step): boolean =>
  step.objects.some((object) => ['userfaultfd', 'sleeper', 'semaphore', 'process'].includes(kindOf(object)));

/** All that an actor does in one part of the fixture. */
export function* actorProgram(
  k: Kernel,
  workload: Workload,
  actor: Actor,
  part: 'tasks' | 'finally',
): KRun<void> {
  if (actor.forkedBy !== null) yield* untilForked(k, actor);
  const items =
    part === 'tasks'
      ? (workload.tasks.get(actor.name) ?? [])
      : workload.finally.filter((step) => step.actor === actor.name).map(({ step }) => step);
  yield* performAll(k, workload, items);
}

/** One step of `start` or `finally`. */
export function* stepProgram(
  k: Kernel,
  workload: Workload,
  { actor, step }: ActorStep,
  rounds: Rounds | null = null,
): KRun<void> {
  const who = must(
    workload.actors.find(({ name }) => name === actor),
    `stepProgram(): no actor ${actor}`,
  );
  if (who.forkedBy !== null) yield* untilForked(k, who);
  yield* performAll(k, workload, [step], rounds);
}

function* untilForked(k: Kernel, actor: Actor): KRun<void> {
  const isForked = (): boolean => k.m.user.processes.has(actor.process);
  if (isForked()) return;
  yield* k.wait('begin', childObject(k.task.id), isForked, `the fork of ${actor.name}`, () => {});
}

function* performAll(
  k: Kernel,
  workload: Workload,
  items: readonly Item[],
  rounds: Rounds | null = null,
): KRun<void> {
  const { ended } = k.m.user;
  for (const item of items) {
    if (ended.has(k.task.id)) return;
    k.task.position++;
    if (!isRepeat(item)) {
      k.m.watch?.({ kind: 'begin', task: k.task, text: showItem(item) });
      if ((yield* perform(k, workload, item)) === 'SIGBUS') ended.add(k.task.id);
      continue;
    }
    for (let left = item.repeat; left > 0; ) {
      yield* performAll(k, workload, item.steps);
      left--;
      left -= rounds?.leaveOut(left) ?? 0;
    }
  }
}

/**
 * Every process exits, one after another; then the descriptors that nobody closed are closed. The last thread of a
 * process is its first one that is no daemon, as a program's main thread is: it empties its own pagevec and no other.
 */
export function* endOfRun(k: Kernel, workload: Workload): KRun<void> {
  const daemons = new Set(workload.actors.filter(({ daemon }) => daemon).map(({ name }) => name));
  for (const mm of [...k.m.mms]) {
    if (mm.exited) continue;
    const alive = k.m.tasks.filter((task) => task.mm === mm && !task.dead);
    const task = alive.find(({ name }) => !daemons.has(name)) ?? alive[0] ?? k.task;
    yield* k.as(task).exit_mmap(mm);
  }
  for (const ctx of k.m.ctxs) if (!ctx.released) yield* k.userfaultfd_release(ctx);
}
