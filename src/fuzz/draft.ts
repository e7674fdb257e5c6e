/** A fixture in the making: the parts that the fuzzer chooses and takes away again. */
import {
  type Fixture,
  FixtureError,
  type Item,
  isRepeat,
  type PlacedStep,
  parseFixture,
  showFixture,
  stepLists,
  stepsOf,
  type UserStep,
} from '../workload/index';

export type Draft = Pick<
  Fixture,
  'machine' | 'files' | 'processes' | 'memory' | 'start' | 'tasks' | 'finally'
>;

/** What a draft is called when it becomes a fixture. */
export interface Heading {
  readonly name: string;
  readonly asks: string;
  readonly source: string;
}

export const nowhere = { line: 0, column: 0 };

export const placed = (actor: string, step: Item): PlacedStep => ({ actor, step, place: nowhere });

/** @param comment lines above the fixture */
export const textOf = (draft: Draft, heading: Heading, comment: readonly string[] = []): string =>
  showFixture({ ...draft, ...heading, shows: [] }, comment);

/** The fixture as if it had been read from a file; null where the grammar does not allow it. */
export function fixtureOf(draft: Draft, heading: Heading): Fixture | null {
  try {
    return parseFixture(textOf(withoutIdle(draft), heading), `${heading.name}.yaml`);
  } catch (error) {
    if (error instanceof FixtureError) return null;
    throw error;
  }
}

/** Every step with its actor, in the order of the file. */
export const allSteps = (draft: Draft): { actor: string; step: UserStep }[] =>
  [...stepLists(draft)].flatMap(({ actor, items }) => [...stepsOf(items)].map((step) => ({ actor, step })));

/** The number of single steps, the size that a shrunk fixture is measured by. */
export const sizeOf = (draft: Draft): number => allSteps(draft).length;

/** Without actors that do nothing, and with tasks that have steps. */
function withoutIdle(draft: Draft): Draft {
  const tasks = new Map([...draft.tasks].filter(([, items]) => items.length > 0));
  const kept = { ...draft, tasks };
  const busy = new Set(allSteps(kept).map(({ actor }) => actor));
  const owners = new Set(draft.memory.map(({ process }) => process));
  const processes = draft.processes
    .map(({ name, actors }) => {
      const working = actors.filter((actor) => busy.has(actor));
      return { name, actors: working.length > 0 ? working : actors.slice(0, 1) };
    })
    .filter(({ name, actors }) => owners.has(name) || actors.some((actor) => busy.has(actor)));
  return { ...kept, processes };
}

/** The same draft with other steps; null takes a step away. */
export function mapSteps(
  draft: Draft,
  change: (step: UserStep, at: number, actor: string) => UserStep | null,
): Draft {
  let at = 0;
  const changed = (item: Item, actor: string): Item[] => {
    if (isRepeat(item)) return [item];
    const step = change(item, at++, actor);
    return step === null ? [] : [step];
  };
  const list = (steps: readonly PlacedStep[]): PlacedStep[] =>
    steps.flatMap(({ actor, step }) => changed(step, actor).map((one) => placed(actor, one)));
  // In the order of allSteps().
  const start = list(draft.start);
  const tasks = new Map(
    [...draft.tasks].map(([actor, items]) => [actor, items.flatMap((item) => changed(item, actor))]),
  );
  return { ...draft, start, tasks, finally: list(draft.finally) };
}

/** The same draft with another step in the place of one, counted as in allSteps(). */
export const replaced = (draft: Draft, index: number, by: UserStep): Draft =>
  mapSteps(draft, (step, at) => (at === index ? by : step));
