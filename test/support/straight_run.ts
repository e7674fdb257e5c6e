/** One run of a workload in which each actor goes on for as long as it can. */
import {
  type Happening,
  KernelBug,
  type KernelClass,
  type KRun,
  type Machine,
  must,
} from '../../src/core/index';
import { actorProgram, boot, endOfRun, showItem, stepProgram, type Workload } from '../../src/workload/index';

interface Program {
  readonly name: string;
  readonly daemon: boolean;
  readonly run: KRun<void>;
  waits: { ready: () => boolean; for: string } | null;
  ended: boolean;
}

export interface StraightRun {
  readonly machine: Machine;
  readonly happenings: Happening[];
  /** Who waits for what at the end of the tasks, of a `finally` step or of everything. */
  readonly stuck: string[];
}

export function straightRun(workload: Workload, Kernel: KernelClass): StraightRun {
  const happenings: Happening[] = [];
  const stuck: string[] = [];
  const machine = boot(workload, Kernel, (m) => {
    m.watch = (happening) => happenings.push(happening);
  });
  const kernelOf = (actor: string): InstanceType<KernelClass> =>
    new Kernel(
      machine,
      must(
        machine.tasks.find((task) => task.name === actor),
        `no task ${actor}`,
      ),
    );
  machine.solo = false;
  const tasks = workload.actors
    .filter(({ name }) => workload.tasks.has(name))
    .map((actor) =>
      program(actor.name, actor.daemon, actorProgram(kernelOf(actor.name), workload, actor, 'tasks')),
    );
  runAll(tasks);
  for (const one of tasks) if (!one.ended && !one.daemon) stuck.push(`${one.name}: ${one.waits?.for}`);
  machine.solo = true;
  const daemons = tasks.filter(({ daemon }) => daemon);
  for (const step of workload.finally) {
    const one = program(step.actor, false, stepProgram(kernelOf(step.actor), workload, step));
    runAll([one, ...daemons]);
    if (!one.ended) stuck.push(`${showItem(step.step)}: ${one.waits?.for}`);
  }
  const end = program('end', false, endOfRun(kernelOf(workload.actors[0]!.name), workload));
  runAll([end]);
  if (!end.ended) stuck.push(`end: ${end.waits?.for}`);
  return { machine, happenings, stuck };
}

const program = (name: string, daemon: boolean, run: KRun<void>): Program => ({
  name,
  daemon,
  run,
  waits: null,
  ended: false,
});

function runAll(programs: readonly Program[]): void {
  for (let moved = true; moved; ) {
    moved = false;
    for (const one of programs) moved = advance(one) || moved;
  }
}

/** Runs one program until it has to wait. */
function advance(one: Program): boolean {
  let moved = false;
  while (!one.ended && (one.waits === null || one.waits.ready())) {
    moved = true;
    try {
      const next = one.run.next();
      one.ended = next.done === true;
      const ready = next.done ? null : next.value.ready;
      one.waits = next.done || ready === null ? null : { ready, for: next.value.waitsFor };
    } catch (error) {
      if (!(error instanceof KernelBug)) throw error;
      one.ended = true;
    }
  }
  return moved;
}
