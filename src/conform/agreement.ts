/** Two runs of one fixture, that of a real kernel and that of the model, turn by turn. */
import { scanCategories, scanWords } from './model_scan';
import type {
  Message,
  Observation,
  ObservedRun,
  PageRun,
  RegionView,
  RunEnd,
  StepEnd,
  ValueRun,
  VmaView,
} from './observation';

/** One thing that was seen differently. */
export interface Difference {
  /** What it is about, in one word or two: by these, differences are explained. */
  readonly about: string;
  readonly real: string;
  readonly model: string;
}

export interface Agreement {
  readonly fixture: string;
  /** Turns that both sides took and that were held against each other. */
  readonly compared: number;
  /** Of these, those before the first that differs. */
  readonly agreed: number;
  /** Turns of the real kernel. */
  readonly observed: number;
  /** Position of the first observation that differs; the differences in it. Null where nothing differs. */
  readonly first: { readonly at: number; readonly differences: readonly Difference[] } | null;
  /** Why the fixture could not be compared at all, or not to its end. */
  readonly cut: string | null;
}

const ETIMEDOUT = 110;

/** Steps that the real kernel was not able to do, with the reason. */
export function skipsOf(run: ObservedRun): Map<number, string> {
  const skips = new Map<number, string>();
  for (const { ends } of run.observations) {
    for (const { step, outcome } of ends) if (outcome.kind === 'skip') skips.set(step, outcome.reason);
  }
  return skips;
}

export function compareRuns(real: ObservedRun, model: ObservedRun): Agreement {
  const { fixture } = real;
  const observed = real.observations.length;
  const busy = real.observations.findIndex(({ ends }) => ends.some(hasTimedOut));
  const cut = busy < 0 ? cutOf(real.end) : 'a thread of the kernel did not come to an end of its scan';
  const common = Math.min(busy < 0 ? observed : busy, model.observations.length);
  for (let at = 0; at < common; at++) {
    const differences = differencesOf(real.observations[at]!, model.observations[at]!);
    if (differences.length === 0) continue;
    return { fixture, compared: at + 1, agreed: at, observed, first: { at, differences }, cut };
  }
  const endings = endDifferences(real, model, cut !== null);
  const first = endings.length > 0 ? { at: common, differences: endings } : null;
  return { fixture, compared: common, agreed: common, observed, first, cut };
}

/** What ksm_run and khugepaged come to where somebody else keeps the kernel's threads busy. */
const hasTimedOut = ({ outcome }: StepEnd): boolean =>
  outcome.kind === 'done' && outcome.result === -ETIMEDOUT;

/** What ends a run for a reason of the machine and not of the kernel's memory management. */
function cutOf(end: RunEnd): string | null {
  if (end.kind === 'skipped') return end.reason;
  if (end.kind === 'stopped' && !end.reason.includes('neither ends')) return end.reason;
  return null;
}

function endDifferences(real: ObservedRun, model: ObservedRun, isCut: boolean): Difference[] {
  if (isCut) return [];
  const [r, m] = [endText(real.end), endText(model.end)];
  if (r !== m) return [{ about: 'end', real: r, model: m }];
  const [a, b] = [real.observations.length, model.observations.length];
  return a === b ? [] : [{ about: 'end', real: `${a} turns`, model: `${b} turns` }];
}

function endText(end: RunEnd): string {
  switch (end.kind) {
    case 'through':
      return ['through', ...end.waits.map(({ actor, step }) => `${actor} waits in step ${step}`)].join(', ');
    case 'kernel':
      return `the kernel: ${end.what} ${end.lines.at(-1) ?? ''}`;
    default:
      return end.reason;
  }
}

export function differencesOf(real: Observation, model: Observation): Difference[] {
  const turn = ({ actor, step, how }: Observation): string => `${actor} ${step} ${how}`;
  return [
    ...textDifference('turn', turn(real), turn(model)),
    ...endsDifferences(real.ends, model.ends),
    ...textDifference('messages', messagesText(real.messages), messagesText(model.messages)),
    ...memoryDifferences(ofLiving(real.memory, model.memory), model.memory),
  ];
}

const textDifference = (about: string, real: string, model: string): Difference[] =>
  real === model ? [] : [{ about, real, model }];

function endsDifferences(real: readonly StepEnd[], model: readonly StepEnd[]): Difference[] {
  const key = ({ actor, step }: StepEnd): string => `${actor} ${step}`;
  const found = textDifference('ends', real.map(key).join(), model.map(key).join());
  if (found.length > 0) return found;
  return real.flatMap((end, i) => {
    const other = model[i]!;
    return [
      ...textDifference('result', outcomeText(end), outcomeText(other)),
      ...textDifference('reads', readsText(end.reads), readsText(other.reads)),
      ...faultsDifference(end, other),
    ];
  });
}

function faultsDifference(real: StepEnd, model: StepEnd): Difference[] {
  const { minorFaults: minor, majorFaults: major } = model;
  if (real.minorFaults === null || real.majorFaults === null || minor === null || major === null) return [];
  const may = model.faultsMay ?? { beMajor: 0, come: 0 };
  const more = real.minorFaults + real.majorFaults - minor - major;
  const moreMajor = real.majorFaults - major;
  const agree = more >= 0 && more <= may.come && moreMajor >= 0 && moreMajor <= may.beMajor;
  const text = (a: number, b: number): string => `${a} minor, ${b} major`;
  return agree
    ? []
    : [{ about: 'faults', real: text(real.minorFaults, real.majorFaults), model: text(minor, major) }];
}

function outcomeText({ outcome }: StepEnd): string {
  switch (outcome.kind) {
    case 'done':
      // A count, of bytes or pages, is success like any other.
      return outcome.result < 0 ? `error ${-outcome.result}` : 'ok';
    case 'signal':
      return `${outcome.signal} code ${outcome.code} at 0x${outcome.address.toString(16)}`;
    case 'skip':
      return 'skipped';
    case 'died':
      return 'died';
  }
}

const readsText = (reads: readonly ValueRun[]): string =>
  reads.map(({ first, count, value, stride }) => `${first}: ${value}+${stride} x${count}`).join(', ');

export const messageText = ({ actor, event, flags, address, to, length, answer }: Message): string =>
  `${actor} ${event} flags ${flags} 0x${address.toString(16)} to ${to} length ${length} answer ${answer ?? '-'}`;

const messagesText = (messages: readonly Message[]): string => messages.map(messageText).join('; ');

/** The agent does not look at processes that have exited: its last views of them stay. */
const ofLiving = (real: readonly RegionView[], model: readonly RegionView[]): RegionView[] =>
  real.filter(({ process }) => model.some((view) => view.process === process));

function memoryDifferences(real: readonly RegionView[], model: readonly RegionView[]): Difference[] {
  const key = ({ process, region }: RegionView): string => `${process} ${region}`;
  const names = [...new Set([...real.map(key), ...model.map(key)])];
  return names.flatMap((name) => {
    const r = real.find((view) => key(view) === name);
    const m = model.find((view) => key(view) === name);
    if (!r || !m) return [{ about: 'mapped', real: `${name}: ${mapped(r)}`, model: `${name}: ${mapped(m)}` }];
    const pages = pagesDifference(name, r.pages, m.pages);
    return [...pages, ...vmasDifference(name, r.vmas, m.vmas)];
  });
}

const mapped = (view: RegionView | undefined): string => (view ? 'mapped' : 'not mapped');

/** The first stretch of pages that look different. Runs may be cut differently where a bit cannot be told. */
function pagesDifference(name: string, real: readonly PageRun[], model: readonly PageRun[]): Difference[] {
  let [i, j] = [0, 0];
  while (i < real.length || j < model.length) {
    const [r, m] = [real[i], model[j]];
    if (!r || !m) return [{ about: 'mapped', real: `${name} ${showRun(r)}`, model: `${name} ${showRun(m)}` }];
    const first = Math.max(r.first, m.first);
    const last = Math.min(r.last, m.last);
    const apart = first > last || (r.first > m.last && m.first > r.last);
    if (apart) return [{ about: 'mapped', real: `${name} ${showRun(r)}`, model: `${name} ${showRun(m)}` }];
    const about = aboutPages(r, m, first, last);
    if (about) return [{ about, real: `${name} ${showRun(r)}`, model: `${name} ${showRun(m)}` }];
    const scan = scanDifference(name, r, m);
    if (scan) return [scan];
    if (r.last === last) i++;
    if (m.last === last) j++;
  }
  return [];
}

const letters = ['present', 'file', 'exclusive', 'soft-dirty', 'uffd-wp', 'huge', 'kind'];

function aboutPages(r: PageRun, m: PageRun, first: number, last: number): string | null {
  for (const [at, word] of letters.entries()) {
    const [a, b] = [r.bits[at], m.bits[at]];
    if (a !== b && a !== '?' && b !== '?') return word;
  }
  const value = (run: PageRun, page: number): number | null =>
    run.content === null ? null : run.content + run.stride * (page - run.first);
  return value(r, first) === value(m, first) && value(r, last) === value(m, last) ? null : 'content';
}

/** What PAGEMAP_SCAN says of a page follows from what pagemap says and from its mapping: told where only it differs. */
function scanDifference(name: string, r: PageRun, m: PageRun): Difference | null {
  const at = scanCategories.findIndex((_, bit) => {
    const [a, b] = [r.scan[bit], m.scan[bit]];
    return a !== b && a !== '?' && b !== '?';
  });
  if (at < 0) return null;
  const text = ({ first, last, bits, scan }: PageRun): string =>
    `${name} [${first}..${last}] ${bits} PAGEMAP_SCAN: ${scanWords(scan)}`;
  return { about: `PAGE_IS_${scanCategories[at]![1]}`, real: text(r), model: text(m) };
}

const showRun = (run: PageRun | undefined): string =>
  run
    ? `[${run.first}..${run.last}] ${run.bits}${run.content === null ? '' : ` ${run.content}+${run.stride}`}`
    : 'nothing';

/** VmFlags that the model has. */
const known = new Set(['rd', 'wr', 'ex', 'um', 'uw', 'dc', 'wf', 'hg', 'nh', 'mg']);

function vmasDifference(name: string, real: readonly VmaView[], model: readonly VmaView[]): Difference[] {
  const text = (vma: VmaView): string =>
    [
      `[${vma.first}..${vma.last}] ${vma.permissions}`,
      `anonymous ${vma.anonymous} huge ${vma.huge} swap ${vma.swap}`,
      vma.flags
        .filter((flag) => known.has(flag))
        .sort()
        .join(' '),
    ].join(' ');
  return textDifference(
    'vmas',
    `${name} ${real.map(text).join('; ')}`,
    `${name} ${model.map(text).join('; ')}`,
  );
}
