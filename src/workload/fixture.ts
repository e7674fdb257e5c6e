/** What a fixture file says, as plain data. Every part knows where in the file it stands. */

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A fixture that cannot be used, and where the reason stands. */
export class FixtureError extends Error {
  override name = 'FixtureError';
  /** @param message what was found and what is allowed, without the place */
  constructor(
    readonly file: string,
    readonly line: number,
    readonly column: number,
    message: string,
  ) {
    super(message);
  }
  /** As compilers say it: `file:line:column: message`. */
  override toString(): string {
    return `${this.file}:${this.line}:${this.column}: ${this.message}`;
  }
}

export type Thp = 'always' | 'madvise' | 'never';

export interface MachineSpec {
  readonly softdirty: boolean;
  readonly nodes: number;
  /** Entries per page table that the question needs; null where any number answers it. */
  readonly entries: number | null;
  readonly thp: Thp;
  /** CPUs fetch translations, keep them and set A on their own while the tasks run. */
  readonly hardware: boolean;
}

/** The same fixture with hardware that acts on its own. */
export const withHardware = <F extends Pick<Fixture, 'machine'>>(fixture: F): F => ({
  ...fixture,
  machine: { ...fixture.machine, hardware: true },
});

export const fileKinds = ['fs', 'plainfs', 'shmem', 'device'] as const;
export type FileKind = (typeof fileKinds)[number];

export interface FileSpec {
  readonly name: string;
  readonly kind: FileKind;
  readonly pages: number;
}

export const protections = ['none', 'r', 'rw', 'rx', 'rwx', 'w'] as const;
export type Protection = (typeof protections)[number];

export interface RegionSpec {
  readonly name: string;
  readonly process: string;
  readonly bytes: number;
  readonly prot: Protection;
  /** What is advised at once: MADV_HUGEPAGE, MADV_NOHUGEPAGE, or nothing. */
  readonly thp: boolean | 'default';
  readonly advice: readonly string[];
  /** Address, where the fixture asks for one. */
  readonly at: number | null;
  readonly file: string | null;
  readonly shared: boolean;
  /** False: an address only, for mmap and mremap. */
  readonly mapped: boolean;
  readonly place: Place;
}

export interface ProcessSpec {
  readonly name: string;
  readonly actors: readonly string[];
}

/** Pages of a region, both ends included. */
export interface Range {
  readonly region: string;
  readonly first: number;
  readonly last: number;
  /** Written without an index. */
  readonly whole: boolean;
}

/** One thing that a program does. What a verb does not use is null or empty. */
export interface UserStep {
  readonly verb: string;
  readonly on: Range | null;
  /** On the page of the message that the actor read last. */
  readonly onFault: boolean;
  /** Region to which mremap moves. */
  readonly to: string | null;
  /** N of `= N`. */
  readonly value: number | null;
  /** The one word of a choice: protection, advice, kind of answer. */
  readonly word: string | null;
  readonly flags: readonly string[];
  /** A child, a file, a semaphore or a userfaultfd that is opened. */
  readonly name: string | null;
  /** Page of the file `name`. */
  readonly filePage: number | null;
  readonly node: number | null;
  readonly features: readonly string[];
  /** Userfaultfd of `with NAME`. */
  readonly uffd: string | null;
  readonly place: Place;
}

export interface Repeat {
  readonly repeat: number;
  readonly steps: readonly Item[];
  readonly place: Place;
}

/** What a list of steps is made of. */
export type Item = UserStep | Repeat;

export interface PlacedStep {
  readonly actor: string;
  readonly step: Item;
  readonly place: Place;
}

export interface Fixture {
  /** The file, as messages name it. */
  readonly file: string;
  readonly name: string;
  readonly asks: string;
  readonly source: string;
  readonly machine: MachineSpec;
  readonly files: readonly FileSpec[];
  /** The first one is the default; children that are forked are not among them. */
  readonly processes: readonly ProcessSpec[];
  readonly memory: readonly RegionSpec[];
  readonly start: readonly PlacedStep[];
  readonly tasks: ReadonlyMap<string, readonly Item[]>;
  readonly finally: readonly PlacedStep[];
  /** Kernel functions that must have run for a run to count. */
  readonly shows: readonly string[];
}

export const isRepeat = (item: Item): item is Repeat => 'repeat' in item;

/** The steps of a list with those of its repetitions, each once. */
export function* stepsOf(items: Iterable<Item>): Generator<UserStep> {
  for (const item of items) {
    if (isRepeat(item)) yield* stepsOf(item.steps);
    else yield item;
  }
}

/** Every list of steps of a fixture in the order in which it runs, with its actor. */
export function* stepLists(
  fixture: Pick<Fixture, 'start' | 'tasks' | 'finally'>,
): Generator<{ actor: string; items: readonly Item[]; part: 'start' | 'tasks' | 'finally' }> {
  for (const { actor, step } of fixture.start) yield { actor, items: [step], part: 'start' };
  for (const [actor, items] of fixture.tasks) yield { actor, items, part: 'tasks' };
  for (const { actor, step } of fixture.finally) yield { actor, items: [step], part: 'finally' };
}
