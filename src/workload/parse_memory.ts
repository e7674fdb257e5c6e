/** The parts of a fixture that describe the machine: its files, processes and memory. */
import {
  type FileSpec,
  fileKinds,
  type MachineSpec,
  type Place,
  type ProcessSpec,
  protections,
  type RegionSpec,
} from './fixture';
import { advices, reserved } from './step_grammar';
import { didYouMean, oneOf } from './suggestion';
import type { Entry, Fields, YamlSource } from './yaml_source';

const PAGE = 4096;
/** Addresses of programs end below 128 TiB. */
const TASK_SIZE = 0x7ffffffff000;
const MOST_PAGES = 2 ** 30;

/** Name of the one process of a fixture that names none. */
export const defaultProcess = 'program';

/** A name that is not a word of the grammar. */
export function checkName(source: YamlSource, name: string, place: Place, what: string): void {
  if (!/^[A-Za-z_][\w-]*$/.test(name)) {
    source.fail(place, `"${name}" cannot name ${what}: a letter, then letters, digits, "_" and "-"`);
  }
  if (reserved.has(name)) source.fail(place, `"${name}" cannot name ${what}: it is a word of the steps`);
}

export function parseMachine(source: YamlSource, entry: Entry | undefined): MachineSpec {
  const known = ['softdirty', 'nodes', 'entries', 'thp', 'hardware'];
  const fields = entry
    ? source.fields(entry.value, entry.place, 'machine', known, [])
    : new Map<string, Entry>();
  const softdirty = fields.get('softdirty');
  const nodes = fields.get('nodes');
  const entries = fields.get('entries');
  const thp = fields.get('thp');
  const hardware = fields.get('hardware');
  return {
    softdirty: softdirty ? source.boolean(softdirty) : true,
    nodes: nodes ? source.integer(nodes, 1, 8) : 1,
    entries: entries ? source.integer(entries, 2, 512) : null,
    thp: thp ? source.choice(thp.value, thp.place, 'thp', ['always', 'madvise', 'never'] as const) : 'always',
    hardware: hardware ? source.boolean(hardware) : false,
  };
}

export function parseFiles(source: YamlSource, entry: Entry | undefined): FileSpec[] {
  if (!entry) return [];
  return source.entries(entry.value, entry.place, 'files', 'files by name').map((file) => {
    checkName(source, file.key, file.keyPlace, 'a file');
    const what = `file ${file.key}`;
    const fields = source.fields(file.value, file.place, what, ['kind', 'pages'], ['kind', 'pages']);
    const kind = fields.get('kind')!;
    return {
      name: file.key,
      kind: source.choice(kind.value, kind.place, 'kind', fileKinds),
      pages: source.integer(fields.get('pages')!, 1, MOST_PAGES),
    };
  });
}

/** Null where the fixture does not say which actors there are. */
export function parseProcesses(source: YamlSource, entry: Entry | undefined): ProcessSpec[] | null {
  if (!entry) return null;
  const seen = new Map<string, string>();
  const processes = source
    .entries(entry.value, entry.place, 'processes', 'lists of actors by process')
    .map((process) => {
      checkName(source, process.key, process.keyPlace, 'a process');
      const wanted = 'a list of actors';
      const actors = source
        .list(process.value, process.place, `process ${process.key}`, wanted)
        .map((item) => {
          const actor = source.text(item.value, item.place, 'an actor', 'a name');
          checkName(source, actor, item.place, 'an actor');
          const other = seen.get(actor);
          if (other !== undefined) source.fail(item.place, `actor "${actor}" is in process ${other} already`);
          seen.set(actor, process.key);
          return actor;
        });
      if (actors.length === 0)
        source.fail(process.place, `process ${process.key} has no actors; it needs one`);
      return { name: process.key, actors };
    });
  if (processes.length === 0) source.fail(entry.place, 'processes is empty; leave it out or name one');
  return processes;
}

const regionKeys = ['size', 'prot', 'thp', 'advice', 'at', 'process', 'file', 'share', 'mapped'];
const units: Readonly<Record<string, number>> = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

function parseSize(source: YamlSource, entry: Entry): number {
  const text = source.text(entry.value, entry.place, 'size', 'a size such as 16KiB, 2MiB, 1GiB');
  const match = /^(\d+)\s*(KiB|MiB|GiB|)$/.exec(text);
  const bytes = match ? Number(match[1]) * units[match[2]!]! : Number.NaN;
  if (bytes > 0 && bytes % PAGE === 0 && bytes / PAGE <= MOST_PAGES) return bytes;
  return source.fail(
    entry.place,
    `size is "${text}"; allowed: whole pages of 4KiB, such as 16KiB, 2MiB, 1GiB`,
  );
}

function parseAt(source: YamlSource, entry: Entry, bytes: number): number {
  const at = source.integer(entry, PAGE, TASK_SIZE - bytes);
  if (at % PAGE !== 0)
    source.fail(entry.place, 'at is not a multiple of 4 KiB; allowed: the address of a page');
  return at;
}

function parseThp(source: YamlSource, entry: Entry | undefined): boolean | 'default' {
  if (!entry) return false;
  const word = source.choice(entry.value, entry.place, 'thp', ['true', 'false', 'default'] as const);
  return word === 'default' ? word : word === 'true';
}

function parseAdvice(source: YamlSource, entry: Entry | undefined): string[] {
  if (!entry) return [];
  const items = source.list(entry.value, entry.place, 'advice', `a list of ${oneOf(advices)}`);
  return items.map((item) => source.choice(item.value, item.place, 'advice', advices));
}

function parseOwner(source: YamlSource, fields: Fields, processes: readonly ProcessSpec[]): string {
  const entry = fields.get('process');
  if (!entry) return processes[0]?.name ?? defaultProcess;
  const known = processes.map(({ name }) => name);
  return source.choice(entry.value, entry.place, 'process', known);
}

function parseBacking(
  source: YamlSource,
  fields: Fields,
  files: readonly FileSpec[],
  bytes: number,
): string | null {
  const entry = fields.get('file');
  if (!entry) return null;
  const name = source.text(entry.value, entry.place, 'file', 'the name of a file');
  const file = files.find((f) => f.name === name);
  const known = files.map((f) => f.name);
  if (!file) {
    const allowed = known.length > 0 ? `allowed: ${oneOf(known)}` : 'the fixture has no files';
    return source.fail(entry.place, `there is no file "${name}"${didYouMean(name, known)}; ${allowed}`);
  }
  if (bytes / PAGE > file.pages) {
    source.fail(
      entry.place,
      `file ${name} has ${file.pages} pages, fewer than the region, which has ${bytes / PAGE}`,
    );
  }
  return name;
}

function parseRegion(
  source: YamlSource,
  region: Entry,
  files: readonly FileSpec[],
  processes: readonly ProcessSpec[],
): RegionSpec {
  checkName(source, region.key, region.keyPlace, 'a region');
  const fields = source.fields(region.value, region.place, `region ${region.key}`, regionKeys, ['size']);
  const bytes = parseSize(source, fields.get('size')!);
  const prot = fields.get('prot');
  const at = fields.get('at');
  const share = fields.get('share');
  const mapped = fields.get('mapped');
  return {
    name: region.key,
    process: parseOwner(source, fields, processes),
    bytes,
    prot: prot ? source.choice(prot.value, prot.place, 'prot', protections) : 'rw',
    thp: parseThp(source, fields.get('thp')),
    advice: parseAdvice(source, fields.get('advice')),
    at: at ? parseAt(source, at, bytes) : null,
    file: parseBacking(source, fields, files, bytes),
    shared: share ? source.boolean(share) : false,
    mapped: mapped ? source.boolean(mapped) : true,
    place: region.keyPlace,
  };
}

export function parseRegions(
  source: YamlSource,
  entry: Entry,
  files: readonly FileSpec[],
  processes: readonly ProcessSpec[],
): RegionSpec[] {
  const entries = source.entries(entry.value, entry.place, 'memory', 'regions by name');
  if (entries.length === 0) source.fail(entry.place, 'memory is empty; it needs a region');
  const regions = entries.map((region) => parseRegion(source, region, files, processes));
  const fixed = regions.filter((r) => r.at !== null).sort((a, b) => a.at! - b.at!);
  for (const [i, region] of fixed.entries()) {
    const below = fixed[i - 1];
    if (below && below.process === region.process && below.at! + below.bytes > region.at!) {
      source.fail(region.place, `region ${region.name} lies over region ${below.name}`);
    }
  }
  return regions;
}
