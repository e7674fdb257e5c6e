/** Every way to make a draft a little smaller: each takes away one thing. */
import type { PlacedStep, RegionSpec, UserStep } from '../workload/index';
import { allSteps, type Draft, mapSteps, placed, replaced, sizeOf } from './draft';
import { fewerPages, within } from './simplify_pages';

/** Smaller drafts, the boldest first. Not all of them are fixtures. */
export function* smaller(draft: Draft): Generator<Draft> {
  yield* withoutActor(draft);
  yield* withoutStep(draft);
  yield* withoutRegion(draft);
  yield* lessSchedule(draft);
  yield* fewerActors(draft);
  yield* fewerPages(draft);
  yield* plainerRegions(draft);
  yield* plainerSteps(draft);
  yield* plainerMachine(draft);
}

function* withoutActor(draft: Draft): Generator<Draft> {
  const actors = new Set(allSteps(draft).map(({ actor }) => actor));
  for (const gone of actors) {
    yield mapSteps(draft, (step, _at, actor) => (actor === gone || step.name === gone ? null : step));
  }
}

function* withoutStep(draft: Draft): Generator<Draft> {
  const size = sizeOf(draft);
  // From the end: what comes last is least needed by the others.
  for (let gone = size - 1; gone >= 0; gone--) {
    yield mapSteps(draft, (step, at) => (at === gone ? null : step));
  }
}

function* withoutRegion(draft: Draft): Generator<Draft> {
  for (const { name } of draft.memory) {
    const memory = draft.memory.filter((region) => region.name !== name);
    const uses = (step: UserStep): boolean => step.on?.region === name || step.to === name;
    yield { ...mapSteps(draft, (step) => (uses(step) ? null : step)), memory };
    // What was done there may as well be done elsewhere.
    const other = memory[0];
    if (other) yield { ...mapSteps(draft, (step) => moved(step, name, other)), memory };
  }
}

function moved(step: UserStep, from: string, to: RegionSpec): UserStep | null {
  if (step.to === from) return null;
  if (step.on?.region !== from) return step;
  const last = to.bytes / 4096 - 1;
  const on = { ...step.on, region: to.name };
  return { ...step, on: on.whole ? { ...on, first: 0, last } : within(on, last) };
}

/** Steps that run in a fixed order need no schedule: into `start` or `finally`. */
function* lessSchedule(draft: Draft): Generator<Draft> {
  for (const [actor, items] of draft.tasks) {
    const [first] = items;
    const last = items.at(-1);
    const set = (rest: readonly (typeof items)[number][]) => new Map(draft.tasks).set(actor, rest);
    if (first) yield { ...draft, start: [...draft.start, placed(actor, first)], tasks: set(items.slice(1)) };
    if (last)
      yield { ...draft, tasks: set(items.slice(0, -1)), finally: [placed(actor, last), ...draft.finally] };
  }
  // What comes at the end of a fixture without tasks can as well be its start.
  const [next, ...rest] = draft.finally;
  if (next && draft.tasks.size === 0) yield { ...draft, start: [...draft.start, next], finally: rest };
}

/** One thread does what another did, where both are of one process. */
function* fewerActors(draft: Draft): Generator<Draft> {
  for (const { actors } of draft.processes) {
    for (const [i, gone] of actors.entries()) {
      for (const heir of actors.slice(0, i)) yield inherited(draft, gone, heir);
    }
  }
}

function inherited(draft: Draft, gone: string, heir: string): Draft {
  const list = (steps: readonly PlacedStep[]): PlacedStep[] =>
    steps.map(({ actor, step }) => placed(actor === gone ? heir : actor, step));
  const tasks = new Map(draft.tasks);
  const left = tasks.get(gone);
  tasks.delete(gone);
  if (left) tasks.set(heir, [...(tasks.get(heir) ?? []), ...left]);
  return { ...draft, start: list(draft.start), tasks, finally: list(draft.finally) };
}

function* plainerRegions(draft: Draft): Generator<Draft> {
  const plain: Partial<RegionSpec>[] = [
    { file: null, shared: false },
    { shared: false },
    { advice: [] },
    { thp: false },
    { thp: true },
    { prot: 'rw' },
    { mapped: true },
  ];
  for (const region of draft.memory) {
    for (const change of plain) {
      const keys = Object.keys(change) as (keyof RegionSpec)[];
      if (keys.every((key) => String(region[key]) === String(change[key]))) continue;
      if (change.thp === true && region.thp === false) continue;
      const memory = draft.memory.map((one) => (one === region ? { ...one, ...change } : one));
      yield { ...draft, memory };
    }
  }
  for (const { name } of draft.files) {
    if (draft.memory.some(({ file }) => file === name)) continue;
    const files = draft.files.filter((file) => file.name !== name);
    yield { ...mapSteps(draft, (step) => (step.name === name ? null : step)), files };
  }
}

function* plainerSteps(draft: Draft): Generator<Draft> {
  for (const [i, { step }] of allSteps(draft).entries()) {
    if (step.value !== null) yield replaced(draft, i, { ...step, value: null });
    for (const gone of step.flags) {
      yield replaced(draft, i, { ...step, flags: step.flags.filter((flag) => flag !== gone) });
    }
    if (step.features.length > 0) yield replaced(draft, i, { ...step, features: [] });
    if (step.uffd !== null) yield replaced(draft, i, { ...step, uffd: null });
    if (step.node !== null) yield replaced(draft, i, { ...step, node: null });
    if (step.verb === 'uffd_serve' && step.word !== null) yield replaced(draft, i, { ...step, word: null });
  }
}

function* plainerMachine(draft: Draft): Generator<Draft> {
  const { softdirty, nodes, thp, hardware } = draft.machine;
  const steps = allSteps(draft);
  if (hardware) yield { ...draft, machine: { ...draft.machine, hardware: false } };
  if (!softdirty) yield { ...draft, machine: { ...draft.machine, softdirty: true } };
  if (thp !== 'always') yield { ...draft, machine: { ...draft.machine, thp: 'always' } };
  if (nodes > 1 && steps.every(({ step }) => (step.node ?? 0) === 0)) {
    const single = mapSteps(draft, (step) => ({ ...step, node: null }));
    yield { ...single, machine: { ...draft.machine, nodes: 1 } };
  }
}
