/** The text of a fixture, which parseFixture() reads as the same fixture. */
import type { Fixture, Item, PlacedStep, RegionSpec } from './fixture';
import { isRepeat } from './fixture';
import { defaultProcess } from './parse_memory';
import { showStep } from './step_show';

/** What showFixture() needs; the file is somebody else's. */
export type FixtureText = Omit<Fixture, 'file'>;

/** @param comment lines that stand above the fixture */
export function showFixture(fixture: FixtureText, comment: readonly string[] = []): string {
  const lines = comment.map((line) => (line === '' ? '#' : `# ${line}`));
  lines.push(...(['name', 'asks', 'source'] as const).map((key) => `${key}: ${scalar(fixture[key])}`));
  lines.push(...machineLines(fixture), ...fileLines(fixture), ...processLines(fixture));
  lines.push('memory:', ...fixture.memory.map((region) => regionLine(region, fixture)));
  lines.push(...placedLines('start', fixture.start));
  if (fixture.tasks.size > 0) lines.push('tasks:');
  for (const [actor, items] of fixture.tasks) {
    lines.push(`  ${actor}:`, ...items.flatMap((item) => itemLines(item, '    - ')));
  }
  lines.push(...placedLines('finally', fixture.finally));
  if (fixture.shows.length > 0) lines.push(`shows: [${fixture.shows.join(', ')}]`);
  return `${lines.join('\n')}\n`;
}

/** In quotes unless it is surely plain text. */
const scalar = (text: string): string =>
  /^[A-Za-z][\w ,.?()'/-]*$/.test(text) && !/^(true|false|null|yes|no)$/i.test(text)
    ? text
    : JSON.stringify(text);

const braces = (fields: readonly string[]): string => (fields.length > 0 ? `{ ${fields.join(', ')} }` : '{}');

function machineLines({ machine }: FixtureText): string[] {
  const fields: string[] = [];
  if (!machine.softdirty) fields.push('softdirty: false');
  if (machine.nodes !== 1) fields.push(`nodes: ${machine.nodes}`);
  if (machine.entries !== null) fields.push(`entries: ${machine.entries}`);
  if (machine.thp !== 'always') fields.push(`thp: ${machine.thp}`);
  if (machine.hardware) fields.push('hardware: true');
  return fields.length > 0 ? [`machine: ${braces(fields)}`] : [];
}

function fileLines({ files }: FixtureText): string[] {
  if (files.length === 0) return [];
  return ['files:', ...files.map(({ name, kind, pages }) => `  ${name}: { kind: ${kind}, pages: ${pages} }`)];
}

function processLines({ processes }: FixtureText): string[] {
  if (processes.length === 1 && processes[0]!.name === defaultProcess) return [];
  return ['processes:', ...processes.map(({ name, actors }) => `  ${name}: [${actors.join(', ')}]`)];
}

const units: readonly (readonly [string, number])[] = [
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
];

function showSize(bytes: number): string {
  const [unit, size] = units.find(([, size]) => bytes % size === 0)!;
  return `${bytes / size}${unit}`;
}

function regionLine(region: RegionSpec, { processes }: FixtureText): string {
  const fields = [`size: ${showSize(region.bytes)}`];
  if (region.prot !== 'rw') fields.push(`prot: ${region.prot}`);
  if (region.thp !== false) fields.push(`thp: ${region.thp}`);
  if (region.advice.length > 0) fields.push(`advice: [${region.advice.join(', ')}]`);
  if (region.at !== null) fields.push(`at: 0x${region.at.toString(16)}`);
  if (region.process !== processes[0]?.name) fields.push(`process: ${region.process}`);
  if (region.file !== null) fields.push(`file: ${region.file}`);
  if (region.shared) fields.push('share: true');
  if (!region.mapped) fields.push('mapped: false');
  return `  ${region.name}: ${braces(fields)}`;
}

function placedLines(part: string, steps: readonly PlacedStep[]): string[] {
  if (steps.length === 0) return [];
  return [`${part}:`, ...steps.flatMap(({ actor, step }) => itemLines(step, `  - ${actor}: `))];
}

function itemLines(item: Item, before: string): string[] {
  if (!isRepeat(item)) return [`${before}${showStep(item)}`];
  const indent = ' '.repeat(before.search(/\S/) + 4);
  // A repetition under an actor stands on lines of its own.
  const head = before.endsWith('- ')
    ? [`${before}repeat: ${item.repeat}`]
    : [before.trimEnd(), `${indent}repeat: ${item.repeat}`];
  const inner = before.endsWith('- ') ? ' '.repeat(before.length) : indent;
  return [...head, `${inner}steps:`, ...item.steps.flatMap((one) => itemLines(one, `${inner}  - `))];
}
