/** An actor of the model's run. */
import type { Kernel, Step, Task } from '../core/index';
import type { Actor, UserStep } from '../workload/index';
import { type Faults, noFaults } from './model_faults';
import type { Outcome, ValueRun } from './observation';

/** As in conform/agent/agent.h. */
const MOST_RUNS = 600;

export interface Slot {
  readonly actor: Actor;
  readonly task: Task;
  readonly k: Kernel;
  program: Iterator<Step, unknown, undefined> | null;
  waiting: Step | null;
  at: number;
  step: UserStep | null;
  reads: ValueRun[];
  signal: Extract<Outcome, { kind: 'signal' }> | null;
  storesSeen: number;
  over: boolean;
  /** In the middle of a step, between two accesses; only in an order of turns. */
  paused: boolean;
  gone: boolean;
  asleepSince: number;
  /** The last page for which it sent a message. */
  faulted: number;
  /** Of the step. */
  faults: Faults;
}

export const newSlot = (actor: Actor, task: Task, k: Kernel): Slot => ({
  actor,
  task,
  k,
  program: null,
  waiting: null,
  at: -1,
  step: null,
  reads: [],
  signal: null,
  storesSeen: 0,
  over: false,
  paused: false,
  gone: false,
  asleepSince: 0,
  faulted: -1,
  faults: noFaults(),
});

export const isPending = (slot: Slot): boolean => slot.program !== null;

/** It has something to do and does not sleep. */
export const canGoOn = (slot: Slot): boolean => isPending(slot) && (slot.waiting?.ready?.() ?? true);

/** Values that go up evenly over pages that follow each other are one run, as conform/agent/actor.c has it. */
export function addValue(runs: ValueRun[], index: number, value: number): void {
  const run = runs.at(-1);
  if (run && index === run.first + run.count) {
    const stride = run.count === 1 ? (value === run.value + 1 ? 1 : 0) : run.stride;
    if (value === run.value + stride * run.count) {
      runs[runs.length - 1] = { ...run, stride, count: run.count + 1 };
      return;
    }
  }
  if (runs.length < MOST_RUNS) runs.push({ first: index, count: 1, value, stride: 0 });
}
