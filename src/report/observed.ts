/** What a real kernel was observed to do, as text and as JSON. */
import type { KernelAgreement } from '../conform/agree';
import { cut } from '../conform/brevity';
import type {
  KernelRun,
  Message,
  Observation,
  ObservedRun,
  Outcome,
  PageRun,
  RegionView,
  RunEnd,
  StepEnd,
  ValueRun,
} from '../conform/observation';
import { paint, type Screen, TIED, wrap } from './screen';
import { plural } from './words';

const hex = (address: number): string => `0x${address.toString(16)}`;
const span = (first: number, last: number): string => (first === last ? `${first}` : `${first}..${last}`);

/** 5 pages that read 7: `7 x5`; values that go up: `7+1 x5`. */
function valueText({ count, value, stride }: ValueRun): string {
  if (count === 1) return String(value);
  return `${value}${stride === 0 ? '' : `${stride > 0 ? '+' : ''}${stride}`} x${count}`;
}

function outcomeText(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'done':
      return outcome.result < 0 ? `error ${-outcome.result}` : 'ok';
    case 'signal':
      return `${outcome.signal} code ${outcome.code} at ${hex(outcome.address)}`;
    case 'skip':
      return `skipped: ${outcome.reason}`;
    case 'died':
      return 'its process died';
  }
}

function endText(end: StepEnd): string {
  const faults = [
    !!end.minorFaults && `${end.minorFaults} minor`,
    !!end.majorFaults && `${end.majorFaults} major`,
  ].filter((text) => text !== false);
  const reads = cut(end.reads.map(valueText).join(', '));
  return [
    outcomeText(end.outcome),
    reads && ` [${reads}]`,
    faults.length > 0 && ` (${faults.join(', ')} faults)`,
  ]
    .filter((text) => text !== false)
    .join('');
}

function messageText({ actor, event, flags, address, to, length, answer }: Message): string {
  const parts = [`${actor} reads ${event}`];
  if (event === 'pagefault') parts.push(`flags ${flags} at ${hex(address)}`);
  else if (event === 'remap') parts.push(`${hex(address)} to ${hex(to)}, ${length} bytes`);
  else if (event !== 'fork') parts.push(`${hex(address)}..${hex(to)}`);
  if (answer !== null)
    parts.push(answer === 0 ? 'and answers' : `and its answer fails with error ${-answer}`);
  return parts.join(' ');
}

function pagesText({ first, last, bits, scan, content, stride }: PageRun): string {
  const value =
    content === null ? '' : ` ${valueText({ first, count: last - first + 1, value: content, stride })}`;
  const categories = /^\?*$/.test(scan) ? '' : ` ${scan}`;
  return `[${span(first, last)}] ${bits}${categories}${value.replace(/ x\d+$/, '')}`;
}

/** Regions that look different from before; one that is gone has no pages. */
function changesOf(now: readonly RegionView[], before: readonly RegionView[]): RegionView[] {
  const gone = before
    .filter((one) => !now.some((other) => other.process === one.process && other.region === one.region))
    .map(({ process, region }) => ({ process, region, pages: [], vmas: [] }));
  return [...now.filter((view) => !before.includes(view)), ...gone];
}

const hows: Readonly<Record<Observation['how'], string | null>> = {
  ended: null,
  waits: 'waits',
  blocked: 'not performed: its actor still waits',
  absent: 'not performed: its actor is not there',
  over: 'not performed: a SIGBUS has ended its program',
  spins: 'neither ends nor waits',
  late: 'has no time left',
  paused: 'pauses',
  released: 'goes on with all others',
};

const MOST_RUNS = 8;
const MOST_MESSAGES = 16;

function observationLines(run: ObservedRun, at: number): string[] {
  const observation = run.observations[at]!;
  const { actor, step, how, ends, messages, log } = observation;
  const own = ends.find((end) => end.actor === actor && end.step === step);
  const said = hows[how] ?? (own ? endText(own) : 'its process is gone');
  const lines = [`${actor}: ${stepText(run, step)}: ${said}`];
  lines.push(...messages.slice(0, MOST_MESSAGES).map((message) => `  ${messageText(message)}`));
  const unsaid = messages.length - MOST_MESSAGES;
  if (unsaid > 0) lines.push(`  and ${unsaid} more messages`);
  for (const end of ends)
    if (end !== own) lines.push(`  ${end.actor}: ${stepText(run, end.step)}: now ${endText(end)}`);
  for (const view of changesOf(observation.memory, run.observations[at - 1]?.memory ?? [])) {
    const shown = view.pages.slice(0, MOST_RUNS).map(pagesText);
    const more = view.pages.length - shown.length;
    const pages = view.vmas.length === 0 ? 'unmapped' : shown.join('  ');
    lines.push(
      `  ${view.process} ${view.region} ${pages}${more > 0 ? `  and ${more} more runs of pages` : ''}`,
    );
  }
  lines.push(...log.map((line) => `  kernel: ${line}`));
  return lines;
}

const stepText = (run: ObservedRun, step: number): string => run.steps[step]?.text ?? `step ${step}`;

function runEndLines(run: ObservedRun, end: RunEnd): string[] {
  switch (end.kind) {
    case 'through':
      return [
        ...end.waits.map(({ actor, step }) => `${actor} is left waiting in: ${stepText(run, step)}`),
        ...(end.stuck > 0 ? [`${end.stuck} processes could not be killed`] : []),
      ];
    case 'skipped':
      return [`skipped: ${end.reason}`];
    case 'stopped':
      return [`stopped: ${end.reason}`];
    case 'kernel':
      return [`the kernel: ${end.what}`, ...end.lines.map((line) => `  ${line}`)];
  }
}

/** Below the name of the fixture; what a line is indented by itself stays. */
function indented(line: string, screen: Screen): string[] {
  const spaces = 2 + /^ */.exec(line)![0].length;
  return wrap(TIED.repeat(spaces) + line.trimStart(), screen.width, spaces + 4);
}

export function renderObserved(run: KernelRun, screen: Screen): string {
  const colors = paint(screen);
  const { features } = run;
  const lacks = [
    !features.userfaultfd && 'userfaultfd',
    !features.softDirty && 'soft-dirty',
    !features.ksm && 'KSM',
    !features.swap && 'swap',
    !features.fs && 'a file system with page_mkwrite',
    features.nodes < 2 && 'a second node',
  ].filter((text) => text !== false);
  const lines = [
    colors.bold(`Linux ${features.release}, ${run.machine}`),
    ...(lacks.length > 0 ? wrap(`without ${lacks.join(', ')}`, screen.width, 2) : []),
  ];
  for (const one of run.runs) {
    lines.push('', colors.bold(one.fixture));
    one.observations.forEach((_, at) => {
      for (const line of observationLines(one, at)) lines.push(...indented(line, screen));
    });
    for (const line of runEndLines(one, one.end)) lines.push(...indented(line, screen));
  }
  lines.push('', ...wrap(summaryOf(run), screen.width));
  for (const line of run.garbage) lines.push(...wrap(`garbage from the agent: ${line}`, screen.width, 2));
  return `${lines.join('\n')}\n`;
}

function summaryOf({ runs, features }: KernelRun): string {
  const count = (kind: RunEnd['kind']): number => runs.filter(({ end }) => end.kind === kind).length;
  const steps = runs.reduce((sum, { observations }) => sum + observations.length, 0);
  const parts = [
    `${plural(runs.length, 'fixture')}, ${plural(steps, 'step')} observed on ${features.release}`,
    ...(['skipped', 'stopped', 'kernel'] as const)
      .filter((kind) => count(kind) > 0)
      .map((kind) => `${count(kind)} ${kind === 'kernel' ? 'brought the kernel down' : kind}`),
  ];
  return `${parts.join('; ')}.`;
}

/** `memory` of each observation holds the regions that changed since the one before. */
export function renderObservedJson(run: KernelRun, agreement: KernelAgreement | null = null): string {
  const runs = run.runs.map((one) => ({
    ...one,
    observations: one.observations.map((observation, at) => ({
      ...observation,
      memory: changesOf(observation.memory, one.observations[at - 1]?.memory ?? []),
    })),
  }));
  return `${JSON.stringify({ format: 'faultline-observed', version: 1, ...run, runs, agreement }, null, 1)}\n`;
}
