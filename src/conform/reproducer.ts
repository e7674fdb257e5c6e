/** A run of the model as a stand-alone C program in the manner of tools/testing/selftests/mm. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ResolvedVariant } from '../core/index';
import { wrap } from '../report/screen';
import { compile, type Fixture, FixtureError, type Region, type Workload } from '../workload/index';
import { ActorWriter, actorFunction, type Program } from './reproducer_actors';
import { type Expected, expectedOf, type Order, orderOf } from './reproducer_expect';
import { adviceText, identifier, protText, uffdText } from './reproducer_steps';
import { contentsTable, eventTable, expectedTable, stepTable } from './reproducer_tables';
import { listSteps } from './steps';

export interface ReproducerInput {
  readonly fixture: Fixture;
  readonly variant: ResolvedVariant;
  /** Whose outcomes count as right. */
  readonly correct: readonly ResolvedVariant[];
  /** The run that the program follows; null where there is none. */
  readonly schedule: readonly number[] | null;
  /** What was found, line by line, for the head of the program. */
  readonly head: readonly string[];
}

export interface Reproducer {
  readonly text: string;
  /** What user space cannot force, in words; null where it can. */
  readonly race: string | null;
}

const PARTS = join(__dirname, '../../conform/reproducer/parts.c');
const FULL = 512;
const RACE_ROUNDS = 1000;

/** @throws FixtureError for a step that a program cannot do */
export function reproducerOf(input: ReproducerInput): Reproducer {
  const { fixture, variant, correct, schedule, head } = input;
  const workload = compile(fixture, { entries: FULL });
  checkFiles(workload);
  const order = schedule ? orderOf(compile(fixture), variant, schedule) : null;
  const race = raceIn(workload, order);
  const expected = expectedOf(compile(fixture, { entries: FULL }), correct);
  const writer = new ActorWriter(workload, race === null ? fullOrder(workload, order) : null, expected.stuck);
  const programs = writer.write();
  const notes = [
    ...head,
    ...oracleNotes(workload, correct, expected),
    ...orderNotes(race, schedule !== null),
  ];
  return { text: assemble(workload, writer, programs, expected, notes, race !== null), race };
}

function oracleNotes(workload: Workload, correct: readonly ResolvedVariant[], expected: Expected): string[] {
  const { steps } = listSteps(workload);
  const stuck = expected.stuck.map((id) => `"${steps[id]!.actor}: ${steps[id]!.text}"`);
  const kernels = correct.map(({ meta }) => meta.id).join(', ');
  return [
    expected.isComplete
      ? `Checked: that each step comes to what one of ${kernels} makes of it in the model, in any order.`
      : 'Checked: that every step ends, and no step gets a SIGBUS. (There are too many orders to tell more.)',
    ...(stuck.length > 0 ? [stuckNote(stuck.join(', '), correct.at(-1)!.meta.id, expected)] : []),
  ];
}

const stuckNote = (steps: string, newest: string, { stuckIsWrong }: Expected): string =>
  stuckIsWrong
    ? `In the model ${newest}, too, breaks waiters-are-woken: there, ${steps} may be "not ok" as well.`
    : `Not asked for: that ${steps} ends. Nobody promises that.`;

const orderNotes = (race: string | null, hasRun: boolean): string[] =>
  race === null
    ? [`The order of the steps is that of the ${hasRun ? 'run' : 'fixture'}.`]
    : [`${race}. So nobody waits for anybody in these steps, and all is done up to ${RACE_ROUNDS} times.`];

/** Which part of the run user space cannot force. */
function raceIn(workload: Workload, order: Order | null): string | null {
  const { steps } = listSteps(workload);
  const text = (id: number): string => `"${steps[id]?.actor}: ${steps[id]?.text}"`;
  const [race] = order?.races ?? [];
  if (race) {
    return `User space cannot force this run: it stops ${text(race.stopped)} in the middle while ${text(race.beside)} goes on`;
  }
  const isServed = (actor: string): boolean =>
    workload.actors.find(({ name }) => name === actor)?.daemon ?? false;
  const racing = [...workload.tasks.keys()].filter((actor) => !isServed(actor));
  return order === null && racing.length > 1
    ? `There is no run to follow, and ${racing.join(' and ')} race`
    : null;
}

/** The order of the run, and behind it what the run did not come to. */
function fullOrder(workload: Workload, order: Order | null): number[] {
  const tasks = listSteps(workload).steps.filter(({ part }) => part === 'tasks');
  const ids = new Set(tasks.map(({ id }) => id));
  return [...new Set([...(order?.steps ?? []).filter((id) => ids.has(id)), ...ids])];
}

function checkFiles({ fixture }: Workload): void {
  const bad = fixture.files.find(({ kind }) => kind !== 'fs' && kind !== 'shmem');
  const place = fixture.memory.find(({ file }) => file === bad?.name)?.place ?? { line: 1, column: 1 };
  if (!bad && (fixture.files.length === 0 || fixture.processes.length === 1)) return;
  const message = bad
    ? `a C program has no file of kind ${bad.kind}; allowed: fs, shmem`
    : 'a C program has no files that several processes share; allowed: one process';
  throw new FixtureError(fixture.file, place.line, place.column, message);
}

function assemble(
  workload: Workload,
  writer: ActorWriter,
  programs: readonly Program[],
  expected: Expected,
  notes: readonly string[],
  races: boolean,
): string {
  const { fixture, semaphores, actors } = workload;
  const { steps } = listSteps(workload);
  const files = fixture.files.map(({ name, kind, pages }) => ({ name: identifier(name), kind, pages }));
  const maps = [...workload.regions.values()].filter((region) => isMapped(workload, region));
  const mapTexts = maps.map((region) => mapFunction(region, writer.parts));
  for (const { kind } of files) writer.parts.add(kind === 'fs' ? 'open_disk_file' : 'open_memory_file');
  for (const part of ['map', 'set_up', 'threads', 'steps', 'stay', 'check', 'asleep']) writer.parts.add(part);
  const chosen = choose(writer.parts);
  const { text: events, events: eventCount, pages } = eventTable(workload, expected);
  const serving = new Set(steps.filter(({ text }) => text.startsWith('uffd_serve')).map(({ id }) => id));
  const started = fixture.processes.length;
  const processes = fixture.processes.map(({ name }) => processFunction(workload, name, maps, files));
  const usesUffds = writer.uffds.length > 0 || chosen.names.has('fork_child');
  return [
    comment(notes),
    partNamed('includes'),
    numbers(
      ['STEPS', steps.length],
      ['EVENTS', eventCount],
      ['CONTENTS', expected.left.size],
      ['TESTS', steps.length + eventCount + expected.left.size],
      ['EVENT_PAGES', pages],
      ['PROCESSES', new Set(actors.map(({ process }) => process)).size],
      ['STARTED', started],
      ['SEMAPHORES', semaphores.length],
      ['ROUNDS', races ? RACE_ROUNDS : 1],
      ['SECONDS', 5],
      ['LIMIT', 10],
    ),
    ...(semaphores.length > 0
      ? [`enum { ${semaphores.map((name) => `SEMAPHORE_${identifier(name).toUpperCase()}`).join(', ')} };`]
      : []),
    addresses(workload),
    '/* What a step stores in a page: no two store the same. */\n#define STORED(step, page) (((step) + 1ULL) << 20 | (page))',
    partNamed('tables'),
    stepTable(steps, expected),
    expectedTable(expected, steps.length + eventCount),
    events,
    contentsTable(expected, writer.processes),
    `/* Steps that go on until the round is over. */\nstatic const bool endless[STEPS] = { ${[...serving].map((id) => `[${id}] = true`).join(', ') || 'false'} };`,
    `/* Steps that may sleep for ever. */\nstatic const bool optional[STEPS] = { ${(expected.stuckIsWrong ? [] : expected.stuck).map((id) => `[${id}] = true`).join(', ') || 'false'} };`,
    ...(usesUffds ? [uffdLines(writer.uffds)] : []),
    ...files.map(({ name }) => `static int file_${name};`),
    ...chosen.texts,
    ...mapTexts,
    ...programs.map(actorFunction),
    ...processes,
    `static void (*const programs[STARTED])(void) = { ${fixture.processes.map(({ name }) => `process_${identifier(name)}`).join(', ')} };`,
    partNamed('round'),
  ].join('\n\n');
}

const uffdLines = (names: readonly string[]): string =>
  `enum { ${[...new Set([...names.map(uffdText), 'UFFD', 'FORKED'])].join(', ')}, UFFDS };\nstatic int uffds[UFFDS];`;

const numbers = (...all: [string, number][]): string =>
  all.map(([name, value]) => `#define ${name} ${value}`).join('\n');

const isMapped = ({ start, tasks, finally: last }: Workload, { name, spec }: Region): boolean =>
  spec.mapped ||
  [...start, ...last].some(
    ({ step }) => 'verb' in step && step.verb === 'mmap' && step.on?.region === name,
  ) ||
  [...tasks.values()]
    .flat()
    .some((item) => 'verb' in item && item.verb === 'mmap' && item.on?.region === name);

/** Far from where a process has its own mappings; regions of the fixture's own address stay there. */
function addresses({ regions }: Workload): string {
  const HUGE = 0x200000;
  let next = 0x100000000000;
  return [...regions.values()]
    .map(({ name, pages, spec }) => {
      const at = spec.at ?? next;
      if (spec.at === null) next += Math.ceil((pages * 4096) / HUGE + 1) * HUGE;
      return `#define ${identifier(name)}_at 0x${at.toString(16)}UL`;
    })
    .join('\n');
}

function mapFunction({ name, pages, spec }: Region, parts: Set<string>): string {
  const at = `${identifier(name)}_at`;
  const kind = `${spec.shared ? 'MAP_SHARED' : 'MAP_PRIVATE'}${spec.file === null ? ' | MAP_ANONYMOUS' : ''}`;
  const fd = spec.file === null ? '-1' : `file_${identifier(spec.file)}`;
  const calls = [`map(${at}, ${pages}, ${protText(spec.prot)}, ${kind}, ${fd})`];
  if (spec.thp !== 'default') {
    const part = spec.thp ? 'huge_pages' : 'small_pages';
    parts.add(part);
    calls.push(`${part}(${at}, ${pages})`);
  }
  for (const advice of spec.advice) {
    parts.add('advise');
    calls.push(`advise(${at}, ${pages}, ${adviceText(advice)})`);
  }
  return `static long map_${identifier(name)}(void)\n{\n\treturn ${calls.join(' ?:\n\t       ')};\n}`;
}

function processFunction(
  { actors }: Workload,
  process: string,
  maps: readonly Region[],
  files: readonly { name: string; kind: string; pages: number }[],
): string {
  const own = maps.filter(({ spec }) => spec.process === process && spec.mapped);
  const threads = actors.filter((actor) => actor.process === process && actor.forkedBy === null);
  const lines = [
    ...files.map(
      ({ name, kind, pages }) =>
        `file_${name} = ${kind === 'fs' ? 'open_disk_file' : 'open_memory_file'}(${pages});`,
    ),
    ...own.map(({ name }) => `set_up("mapping ${name}", map_${identifier(name)}());`),
    ...threads.map(({ name }) => `start(actor_${identifier(name)});`),
  ];
  return `static void process_${identifier(process)}(void)\n{\n${lines.map((line) => `\t${line}`).join('\n')}\n}`;
}

let parts: Map<string, { needs: readonly string[]; text: string }> | null = null;

function allParts(): Map<string, { needs: readonly string[]; text: string }> {
  if (parts) return parts;
  parts = new Map();
  for (const block of readFileSync(PARTS, 'utf8')
    .split(/^\/\/: /m)
    .slice(1)) {
    const [line] = block.split('\n', 1) as [string];
    const [name, ...needs] = line.split(' ') as [string, ...string[]];
    parts.set(name, { needs, text: block.slice(line.length).trim() });
  }
  return parts;
}

const partNamed = (name: string): string => allParts().get(name)!.text;

/** The parts that are wanted, and those that they need in turn, in the order of the file. */
function choose(wanted: Iterable<string>): { names: ReadonlySet<string>; texts: string[] } {
  const names = new Set<string>();
  const add = (name: string): void => {
    if (names.has(name)) return;
    names.add(name);
    for (const need of allParts().get(name)!.needs) add(need);
  };
  for (const name of wanted) add(name);
  return { names, texts: [...allParts()].filter(([name]) => names.has(name)).map(([, { text }]) => text) };
}

const WIDTH = 110;

function comment(notes: readonly string[]): string {
  const lines = notes.flatMap((note) => wrap(note.replaceAll('*/', '* /'), WIDTH, 2));
  return `// SPDX-License-Identifier: MIT\n/*\n${lines.map((line) => ` * ${line}`.trimEnd()).join('\n')}\n */`;
}
