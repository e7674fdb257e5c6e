/** Fixture file to fixture. Every complaint says where, what was found and what is allowed. */

import {
  type FileSpec,
  type Fixture,
  type Item,
  type MachineSpec,
  type Place,
  type PlacedStep,
  type ProcessSpec,
  type RegionSpec,
  stepLists,
  stepsOf,
} from './fixture';
import { functionNames } from './kernel_names';
import {
  checkName,
  defaultProcess,
  parseFiles,
  parseMachine,
  parseProcesses,
  parseRegions,
} from './parse_memory';
import { checkSteps } from './step_checks';
import { type Names, parseStep, StepError } from './step_text';
import { didYouMean } from './suggestion';
import { type Entry, type Value, YamlSource } from './yaml_source';

const keys = [
  'name',
  'asks',
  'source',
  'machine',
  'files',
  'processes',
  'memory',
  'start',
  'tasks',
  'finally',
  'shows',
];
const needed = ['name', 'asks', 'source', 'memory'];
const MOST_REPEATS = 1_000_000;

/**
 * @param text the file's text
 * @param file its path, as messages name it
 * @throws FixtureError
 */
export function parseFixture(text: string, file: string): Fixture {
  const source = new YamlSource(text, file);
  const top: Place = { line: 1, column: 1 };
  const fields = source.fields(source.root, top, 'a fixture', keys, needed);
  const files = parseFiles(source, fields.get('files'));
  const processes = parseProcesses(source, fields.get('processes'));
  const memory = parseRegions(source, fields.get('memory')!, files, processes ?? []);
  const machine = parseMachine(source, fields.get('machine'));
  const reader = new StepReader(source, namesOf(memory, files, machine));
  const lists = {
    start: reader.placed(fields.get('start'), 'start'),
    tasks: reader.tasks(fields.get('tasks')),
    finally: reader.placed(fields.get('finally'), 'finally'),
  };
  const fixture: Fixture = {
    file,
    name: parseName(source, fields.get('name')!),
    asks: plain(source, fields.get('asks')!),
    source: plain(source, fields.get('source')!),
    machine,
    files,
    processes: processes ?? [{ name: defaultProcess, actors: actorsOf(lists) }],
    memory,
    ...lists,
    shows: parseShows(source, fields.get('shows')),
  };
  checkSteps(source, fixture, processes !== null);
  return fixture;
}

const plain = (source: YamlSource, entry: Entry): string =>
  source.text(entry.value, entry.place, entry.key, 'text').trim();

function parseName(source: YamlSource, entry: Entry): string {
  const name = plain(source, entry);
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) {
    source.fail(
      entry.place,
      `name is "${name}"; allowed: small letters, digits and "-", such as thp-unprotect-one-page`,
    );
  }
  const own = source.file.replace(/^.*[/\\]/, '').replace(/\.ya?ml$/, '');
  if (/\.ya?ml$/.test(source.file) && own !== name) {
    source.fail(entry.place, `name is "${name}"; allowed: the name of the file, ${own}`);
  }
  return name;
}

const namesOf = (memory: readonly RegionSpec[], files: readonly FileSpec[], machine: MachineSpec): Names => ({
  regions: new Map(memory.map((r) => [r.name, r.bytes / 4096])),
  files: new Map(files.map((f) => [f.name, f.pages])),
  nodes: machine.nodes,
});

/** Without `processes`, whoever takes a step is a thread of the one process, unless it was forked. */
function actorsOf(lists: Pick<Fixture, 'start' | 'tasks' | 'finally'>): ProcessSpec['actors'] {
  const children = new Set<string | null>();
  const actors = new Set<string>();
  for (const { actor, items } of stepLists(lists)) {
    for (const step of stepsOf(items)) if (step.verb === 'fork') children.add(step.name);
    actors.add(actor);
  }
  return [...actors].filter((actor) => !children.has(actor));
}

function parseShows(source: YamlSource, entry: Entry | undefined): string[] {
  if (!entry) return [];
  return source.list(entry.value, entry.place, 'shows', 'a list of kernel functions').map((item) => {
    const name = source.text(item.value, item.place, 'shows', 'a kernel function');
    const known = functionNames();
    if (known.has(name)) return name;
    return source.fail(
      item.place,
      `there is no kernel function "${name}"${didYouMean(name, known)}; allowed: the functions of src/core/kernel`,
    );
  });
}

class StepReader {
  constructor(
    private readonly source: YamlSource,
    private readonly names: Names,
  ) {}

  /** A list of `actor: step`. */
  placed(entry: Entry | undefined, what: string): PlacedStep[] {
    if (!entry) return [];
    const { source } = this;
    const wanted = 'a list of "actor: step"';
    return source.list(entry.value, entry.place, what, wanted).map((item) => {
      const [one, ...more] = source.entries(item.value, item.place, 'a step', '"actor: step"');
      if (!one || more.length > 0) {
        return source.fail(more[0]?.keyPlace ?? item.place, 'one step has one actor; allowed: "actor: step"');
      }
      checkName(source, one.key, one.keyPlace, 'an actor');
      return { actor: one.key, step: this.item(one.value, one.place), place: one.keyPlace };
    });
  }

  /** Lists of steps by actor. */
  tasks(entry: Entry | undefined): Map<string, Item[]> {
    const tasks = new Map<string, Item[]>();
    if (!entry) return tasks;
    const { source } = this;
    for (const task of source.entries(entry.value, entry.place, 'tasks', 'lists of steps by actor')) {
      checkName(source, task.key, task.keyPlace, 'an actor');
      const items = source.list(task.value, task.place, `the task of ${task.key}`, 'a list of steps');
      if (items.length === 0) source.fail(task.place, `the task of ${task.key} has no steps; leave it out`);
      tasks.set(
        task.key,
        items.map((item) => this.item(item.value, item.place)),
      );
    }
    return tasks;
  }

  private item(value: Value, place: Place): Item {
    if (this.source.isMapping(value)) return this.repeat(value, place);
    const text = this.source.text(value, place, 'a step', 'text that begins with a verb');
    try {
      return parseStep(text, place, this.names);
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      return this.source.fail(this.source.placeInside(value, error.offset), error.message);
    }
  }

  private repeat(value: Value, place: Place): Item {
    const fields = this.source.fields(value, place, 'a repetition', ['repeat', 'steps'], ['repeat', 'steps']);
    const steps = fields.get('steps')!;
    const items = this.source.list(steps.value, steps.place, 'steps', 'a list of steps');
    return {
      repeat: this.source.integer(fields.get('repeat')!, 1, MOST_REPEATS),
      steps: items.map((item) => this.item(item.value, item.place)),
      place,
    };
  }
}
