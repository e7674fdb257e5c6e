/** A fixture made ready for a machine of some size: addresses, actors, and steps with the pages of that machine. */
import { defaultConfig, type MachineConfig, type Vaddr } from '../core/index';
import {
  type Fixture,
  FixtureError,
  type Item,
  isRepeat,
  type Range,
  type RegionSpec,
  stepLists,
  stepsOf,
  type UserStep,
} from './fixture';
import { layOut } from './layout';
import { reachOf } from './reach';
import { bordersOf, entriesToTellApart, isHuge, type Scaling, scalingOf } from './scale';

export interface Actor {
  readonly name: string;
  readonly process: string;
  /** Answers messages for ever; may be left waiting at the end. */
  readonly daemon: boolean;
  /** The step that forks it, if one does. */
  readonly forkedBy: string | null;
}

export interface Region {
  readonly name: string;
  readonly start: Vaddr;
  readonly pages: number;
  readonly spec: RegionSpec;
}

export interface ActorStep {
  readonly actor: string;
  readonly step: Item;
}

export interface Workload {
  readonly fixture: Fixture;
  readonly config: MachineConfig;
  /** Threads process by process, then children in the order of their forks. */
  readonly actors: readonly Actor[];
  readonly regions: ReadonlyMap<string, Region>;
  readonly start: readonly ActorStep[];
  readonly tasks: ReadonlyMap<string, readonly Item[]>;
  readonly finally: readonly ActorStep[];
  /** Semaphores by position. */
  readonly semaphores: readonly string[];
}

export interface CompileOptions {
  /** Entries per page table; the fixture's own, or a number that suits it, unless given. */
  readonly entries?: number;
}

const FULL = 512;

/** Schedules name whose turn it is by letters. */
export const MOST_POSITIONS = 26;

/** @throws FixtureError where the fixture cannot be made to fit so few entries, or has too many tasks */
export function compile(fixture: Fixture, options: CompileOptions = {}): Workload {
  const entries = options.entries ?? entriesFor(fixture);
  checkFits(fixture, entries);
  checkTasks(fixture);
  const scalings = scalingsOf(fixture, bordersOf(fixture), entries);
  const starts = layOut(fixture, scalings, entries);
  const { softdirty, nodes, thp } = fixture.machine;
  const scaled = (items: readonly Item[]): Item[] => items.map((item) => scaledItem(item, scalings));
  const placed = (steps: Fixture['start']): ActorStep[] =>
    steps.map(({ actor, step }) => ({ actor, step: scaledItem(step, scalings) }));
  const regions = fixture.memory.map((spec) => ({
    name: spec.name,
    start: starts.get(spec.name)!,
    pages: scalings.get(spec.name)!.pages,
    spec,
  }));
  const regionsByName = new Map(regions.map((region) => [region.name, region]));
  const actors = actorsOf(fixture);
  const tasks = new Map([...fixture.tasks].map(([actor, items]) => [actor, scaled(items)]));
  const hardware = fixture.machine.hardware ? reachOf(actors, tasks, regionsByName) : null;
  const semaphores = semaphoresOf(fixture);
  const workload: Workload = {
    fixture,
    config: {
      ...defaultConfig,
      entries,
      softDirty: softdirty,
      nodes,
      thp,
      pins: mayPin(fixture),
      moves: [...fixture.tasks.values()].some((items) => uses(items, 'mremap')),
      regions,
      semaphores,
      hardware,
    },
    actors,
    regions: regionsByName,
    start: placed(fixture.start),
    tasks,
    finally: placed(fixture.finally),
    semaphores,
  };
  freeze(workload);
  return workload;
}

const uses = (items: readonly Item[], verb: string): boolean =>
  [...stepsOf(items)].some((step) => step.verb === verb);

/** process_vm_writev() is the one step that pins. */
const mayPin = (fixture: Fixture): boolean =>
  [...stepLists(fixture)].some(({ items }) => uses(items, 'gup_write'));

/** Nothing of a workload ever changes, so who keeps the state of a run need not look into it. */
function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  const parts = value instanceof Map ? value.values() : Object.values(value);
  for (const part of parts) freeze(part);
}

/** Huge pages as small as this still have pages at both ends and some between. */
const ENOUGH = 8;

/** As x86-64 has them, but few where actors race over huge pages: the orders are the same and each run is short. */
function entriesFor(fixture: Fixture): number {
  const { entries } = fixture.machine;
  if (entries !== null) return entries;
  const racing =
    [...fixture.tasks.values()].filter((items) => items.length > 0 && !uses(items, 'uffd_serve')).length > 1;
  return racing ? Math.max(ENOUGH, leastEntries(fixture)) : FULL;
}

/** The fewest entries per page table that compile() accepts. */
export function leastEntries(fixture: Fixture): number {
  const borders = bordersOf(fixture);
  for (let entries = entriesToTellApart(fixture); entries < FULL; entries++) {
    const scalings = scalingsOf(fixture, borders, entries);
    if (fits(() => layOut(fixture, scalings, entries))) return entries;
  }
  return FULL;
}

function fits(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch (error) {
    if (!(error instanceof FixtureError)) throw error;
    return false;
  }
}

const scalingsOf = (
  fixture: Fixture,
  borders: ReadonlyMap<string, ReadonlySet<number>>,
  entries: number,
): Map<string, Scaling> =>
  new Map(
    fixture.memory.map((region) => [region.name, scalingOf(region, borders.get(region.name)!, entries)]),
  );

function checkFits(fixture: Fixture, entries: number): void {
  const least = entriesToTellApart(fixture);
  if (entries >= least) return;
  const { line, column } = fixture.memory.find(isHuge)!.place;
  throw new FixtureError(
    fixture.file,
    line,
    column,
    `the fixture tells apart more pages of one huge page than ${entries} entries per page table hold; allowed: ${least} or more`,
  );
}

/** With hardware that acts on its own, the CPU of each task may have a turn beside its program. */
function checkTasks({ file, machine, tasks }: Fixture): void {
  const most = machine.hardware ? MOST_POSITIONS / 2 : MOST_POSITIONS;
  const beyond = [...tasks.values()][most]?.[0];
  if (!beyond) return;
  const allowed = `${most}, because schedules name each by a letter${machine.hardware ? ', and its CPU by another' : ''}`;
  throw new FixtureError(
    file,
    beyond.place.line,
    beyond.place.column,
    `the task of one actor too many: the fixture has tasks of ${tasks.size}; allowed: at most ${allowed}`,
  );
}

function actorsOf(fixture: Fixture): Actor[] {
  const actor = (name: string, process: string, forkedBy: string | null): Actor => ({
    name,
    process,
    forkedBy,
    daemon: (fixture.tasks.get(name) ?? []).some((item) => !isRepeat(item) && item.verb === 'uffd_serve'),
  });
  const actors = fixture.processes.flatMap(({ name, actors }) => actors.map((one) => actor(one, name, null)));
  for (const { actor: parent, items } of stepLists(fixture)) {
    for (const { verb, name } of stepsOf(items))
      if (verb === 'fork') actors.push(actor(name!, name!, parent));
  }
  return actors;
}

function semaphoresOf(fixture: Fixture): string[] {
  const names = new Set<string>();
  for (const { items } of stepLists(fixture)) {
    for (const { verb, name } of stepsOf(items)) if (verb === 'post' || verb === 'wait') names.add(name!);
  }
  return [...names];
}

function scaledItem(item: Item, scalings: ReadonlyMap<string, Scaling>): Item {
  if (isRepeat(item)) return { ...item, steps: item.steps.map((one) => scaledItem(one, scalings)) };
  return item.on === null ? item : { ...item, on: scaledRange(item.on, scalings) };
}

function scaledRange(on: Range, scalings: ReadonlyMap<string, Scaling>): Range {
  const scaling = scalings.get(on.region)!;
  return { ...on, first: scaling.index(on.first), last: scaling.index(on.last + 1) - 1 };
}

/** The address of a page of a region. */
export const addressOfPage = (region: Region, page: number): Vaddr => (region.start + page * 4096) as Vaddr;

/** The addresses of a step's pages: [start, end). */
export function bytesOf(workload: Workload, step: UserStep): { start: Vaddr; end: Vaddr } | null {
  const { on } = step;
  if (on === null) return null;
  const region = workload.regions.get(on.region)!;
  return { start: addressOfPage(region, on.first), end: addressOfPage(region, on.last + 1) };
}
