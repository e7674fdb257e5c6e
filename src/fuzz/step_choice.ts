/** One step from a handful of numbers, with the table of verbs: a new verb is fuzzed as soon as it stands there. */
import fc, { type Arbitrary } from 'fast-check';
import {
  type FileSpec,
  isHuge,
  type Part,
  type Range,
  type RegionSpec,
  type UserStep,
  verbs,
} from '../workload/index';
import { nowhere } from './draft';

/** Numbers that become a step once it is known what there is to choose from. Small numbers are simple steps. */
export interface Choice {
  readonly verb: string;
  readonly actor: number;
  readonly region: number;
  readonly span: number;
  readonly first: number;
  readonly last: number;
  readonly word: number;
  readonly value: number;
  /** Bits for what may be left out. */
  readonly extras: number;
}

/** What a step can be about at its place in the fixture. */
export interface Surroundings {
  readonly regions: readonly RegionSpec[];
  readonly files: readonly Pick<FileSpec, 'name' | 'kind' | 'pages'>[];
  readonly nodes: number;
  /** Userfaultfds that have been opened under a name of their own. */
  readonly uffds: readonly string[];
  readonly child: string;
  /** The default userfaultfd is open: opening it again would take its name from the one that others use. */
  readonly hasDefaultUffd: boolean;
  readonly hasMessage: boolean;
  /** Whether features that a kernel may not have, and SIGBUS instead of messages, are wanted. */
  readonly everyFeature: boolean;
}

/** In `extras` of a choice the bits of the features begin here. */
export const FEATURES_AT = 3;

/** How often a verb is chosen; 1 where nothing is said. */
const weights: Readonly<Record<string, number>> = {
  write: 14,
  read: 6,
  madvise: 8,
  mprotect: 4,
  fork: 3,
  mremap: 2,
  migrate: 3,
  ksm_run: 3,
  khugepaged: 2,
  fsync: 2,
  uffd_register: 3,
  uffd_protect: 6,
  uffd_unprotect: 6,
  uffd_copy: 2,
  // A semaphore that nobody posts is a slip of the program, not of the kernel.
  post: 0,
  wait: 0,
  // A CPU does these on its own; a program cannot, so no real kernel could be asked.
  tlb_fill: 0,
  tlb_drop: 0,
};

/** @param without verbs and groups of verbs that do not appear */
export function choices(without: ReadonlySet<string>): Arbitrary<Choice> {
  const allowed = Object.entries(verbs)
    .filter(([verb, { group }]) => !without.has(verb) && !without.has(group) && weights[verb] !== 0)
    .map(([verb]) => ({ arbitrary: fc.constant(verb), weight: weights[verb] ?? 1 }));
  const small = (max: number): Arbitrary<number> => fc.integer({ min: 0, max });
  return fc.record({
    verb: fc.oneof(...allowed),
    actor: small(5),
    region: small(3),
    span: small(5),
    first: small(7),
    last: small(7),
    word: small(31),
    value: small(11),
    extras: small(255),
  });
}

const at = <T>(list: readonly T[], i: number): T => list[i % list.length]!;

const PAGE = 4096;
/** Pages of a huge region by which its steps differ: few, so that small page tables can tell them apart. */
const MARKS = [0, 5, 511];

function pageOf(region: RegionSpec, choice: number): number {
  const pages = region.bytes / PAGE;
  if (!isHuge(region)) return choice % pages;
  return (at(MARKS, choice) + 512 * Math.floor(choice / MARKS.length)) % pages;
}

function rangeOf(region: RegionSpec, choice: Choice, part: Extract<Part, { kind: 'pages' }>): Range {
  const pages = region.bytes / PAGE;
  const isWhole = part.whole || (!part.one && choice.span < 2);
  if (isWhole) return { region: region.name, first: 0, last: pages - 1, whole: true };
  const a = pageOf(region, choice.first);
  const b = part.one || choice.span < 4 ? a : pageOf(region, choice.last);
  return { region: region.name, first: Math.min(a, b), last: Math.max(a, b), whole: false };
}

/** Regions that a verb can be about at all; the others would only make it fail. */
function regionsFor(verb: string, { regions }: Surroundings): readonly RegionSpec[] {
  const anonymous = regions.filter(({ file }) => file === null);
  return verb.startsWith('uffd_') && anonymous.length > 0 ? anonymous : regions;
}

type Writable = { -readonly [K in keyof UserStep]: UserStep[K] };

const emptyStep = (verb: string): Writable => ({
  verb,
  on: null,
  onFault: false,
  to: null,
  value: null,
  word: null,
  flags: [],
  name: null,
  filePage: null,
  node: null,
  features: [],
  uffd: null,
  place: nowhere,
});

const bits = <T>(of: readonly T[], mask: number): T[] => of.filter((_, i) => (mask >> i) % 2 === 1);

/** @returns null where there is nothing that such a step could be about */
export function stepFrom(choice: Choice, around: Surroundings): UserStep | null {
  const step = emptyStep(choice.verb);
  for (const part of verbs[choice.verb]!.parts) if (!fill(step, part, choice, around)) return null;
  return step;
}

function fill(step: Writable, part: Part, choice: Choice, around: Surroundings): boolean {
  switch (part.kind) {
    case 'pages':
      return fillPages(step, part, choice, around);
    case 'value':
      if (choice.value < 3) step.value = choice.value;
      return true;
    case 'to':
      return fillTarget(step, choice, around);
    case 'word':
      if (!part.optional || choice.extras % 2 === 1) step.word = at(part.of, choice.word);
      return true;
    case 'flags':
      step.flags = bits(part.of, choice.extras >> 1);
      // Most answers wake; a monitor that does not is easily blamed for what it forgot.
      if (choice.extras % 8 !== 7) step.flags = step.flags.filter((flag) => flag !== 'dontwake');
      return true;
    case 'features':
      step.features = bits(part.of, choice.extras >> FEATURES_AT).filter(
        (feature) => around.everyFeature || !/^(sigbus|wp_\w+)$/.test(feature),
      );
      return true;
    case 'name':
      return fillName(step, part, choice, around);
    case 'filePage':
      return fillFile(step, choice, around);
    case 'node':
      if (around.nodes > 1 && choice.extras % 2 === 1) step.node = choice.value % around.nodes;
      return true;
    case 'with':
      if (around.uffds.length > 0 && choice.extras % 4 === 3) step.uffd = at(around.uffds, choice.value);
      return true;
  }
}

function fillPages(
  step: Writable,
  part: Extract<Part, { kind: 'pages' }>,
  choice: Choice,
  around: Surroundings,
): boolean {
  if (part.fault && around.hasMessage && choice.extras % 4 < 2) {
    step.onFault = true;
    return true;
  }
  const regions = regionsFor(step.verb, around);
  if (regions.length === 0 || (part.optional && choice.extras % 4 < 3)) return part.optional === true;
  step.on = rangeOf(at(regions, choice.region), choice, part);
  return true;
}

/** mremap to a region of its own that is large enough. */
function fillTarget(step: Writable, choice: Choice, { regions }: Surroundings): boolean {
  const source = regions.find(({ name }) => name === step.on?.region);
  const moved = step.on === null ? 0 : (step.on.last - step.on.first + 1) * PAGE;
  const fit = regions.filter((region) => region !== source && region.bytes >= moved);
  if (!source || fit.length === 0) return false;
  step.to = at(fit, choice.last).name;
  return true;
}

function fillName(
  step: Writable,
  part: Extract<Part, { kind: 'name' }>,
  choice: Choice,
  around: Surroundings,
): boolean {
  if (part.of === 'child') step.name = around.child;
  if (part.of === 'file') step.name = around.files.length > 0 ? at(around.files, choice.word).name : null;
  if (part.of === 'userfaultfd' && around.hasDefaultUffd) {
    if (around.uffds.length > 0) return false;
    step.name = 'second';
  }
  return step.name !== null || part.optional === true;
}

function fillFile(step: Writable, choice: Choice, around: Surroundings): boolean {
  // What a device does with a write(2) is its own affair: nobody can say what its memory should hold then.
  const files = around.files.filter(({ kind }) => around.everyFeature || kind !== 'device');
  if (files.length === 0) return false;
  const file = at(files, choice.word);
  step.name = file.name;
  step.filePage = choice.first % file.pages;
  return true;
}
