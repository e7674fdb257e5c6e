/** Two variants on one schedule, and the first step at which they behave differently. */
import { buildKernel, natively } from '../core/index';
import {
  type Change,
  type EntryState,
  goesWrong,
  type SoloStep,
  showToken,
  type Trace,
  type TraceLine,
  tellAll,
  traceRun,
} from '../explore/index';
import { prepareJudged } from '../judge/index';
import type { Workload } from '../workload/index';
import { recording, type Sites, sitesOf } from './call_sites';
import { type Condition, conditionsOn, decisionsBetween, fork, lineAt, placeOf } from './decisions';
import type { LoadedVariant } from './load';
import { blaming } from './source_places';

/** What one variant does at the step at which they part. */
export interface Parting {
  /** What the step is; null where the run has ended. */
  readonly does: string | null;
  readonly actor: string;
  readonly changes: readonly Change[];
  /** What the kernel or the hardware told within the step. */
  readonly told: readonly string[];
  /** Kernel functions that it is in, the outermost first. */
  readonly calls: readonly string[];
  /** `file:line` that asked for the step, with the text of that line. */
  readonly site: { readonly where: string; readonly text: string } | null;
  /** Conditions that this variant asks on the way from the step before, and the other does not. */
  readonly decided: readonly Condition[];
}

export interface Divergence {
  readonly fixture: string;
  /** For `faultline replay` of the first variant. */
  readonly token: string;
  readonly steps: { readonly a: number; readonly b: number };
  /** Number of the step, from 1; null where both do the same to the end. */
  readonly at: number | null;
  /** The last step that both take. */
  readonly last: string | null;
  readonly a: Parting | null;
  readonly b: Parting | null;
  /** The condition at which one and the same function went two ways. */
  readonly fork: Condition | null;
  /** What the first step of `start` that differs comes to; null where all are alike. */
  readonly start: { readonly a: string | null; readonly b: string | null } | null;
  /** The first entry that becomes another one. */
  readonly entry: { readonly a: string | null; readonly b: string | null } | null;
  readonly end: { readonly a: readonly string[]; readonly b: readonly string[] };
}

interface Step {
  readonly line: TraceLine;
  readonly told: readonly TraceLine[];
  readonly calls: readonly string[];
}

interface Followed {
  readonly trace: Trace;
  readonly steps: readonly Step[];
  readonly stacks: readonly Error[];
  readonly token: string;
  readonly own: readonly string[];
}

export function divergenceOf(
  workload: Workload,
  a: LoadedVariant,
  b: LoadedVariant,
  schedule: readonly number[],
): Divergence {
  const own = [a, b].flatMap(({ argument }) => (argument?.includes('.') ? [argument] : []));
  const [ofA, ofB] = [follow(workload, a, schedule, own), follow(workload, b, schedule, own)];
  const at = sameSteps(ofA.steps, ofB.steps);
  const isEqual = at === Math.max(ofA.steps.length, ofB.steps.length);
  const last = at > 0 ? stepText(ofA.steps[at - 1]!, ofA.trace) : null;
  const [sitesA, sitesB] = [sitesAt(ofA, at), sitesAt(ofB, at)];
  return {
    fixture: workload.fixture.name,
    token: ofA.token,
    steps: { a: ofA.steps.length, b: ofB.steps.length },
    at: isEqual ? null : at + 1,
    last,
    a: isEqual ? null : parting(ofA, ofB, at),
    b: isEqual ? null : parting(ofB, ofA, at),
    fork: isEqual ? null : forkOf(sitesA, sitesB),
    start: firstOfStart(ofA.trace, ofB.trace),
    entry: firstEntry(ofA.trace, ofB.trace),
    end: { a: endOf(ofA.trace), b: endOf(ofB.trace) },
  };
}

/** Positions among their lines of the first step that differs; null where both do the same to the end. */
export function partingOf(a: Trace, b: Trace): { here: number; there: number } | null {
  const [ofA, ofB] = [stepsOf(a.lines), stepsOf(b.lines)];
  const at = sameSteps(ofA, ofB);
  if (at === Math.max(ofA.length, ofB.length)) return null;
  const lineOf = (steps: readonly Step[], { lines }: Trace): number => {
    const step = steps[at];
    return step ? lines.indexOf(step.line) : lines.length;
  };
  return { here: lineOf(ofA, a), there: lineOf(ofB, b) };
}

/** How many steps both begin with. */
function sameSteps(a: readonly Step[], b: readonly Step[]): number {
  let at = 0;
  while (at < Math.max(a.length, b.length) && isSame(a[at], b[at])) at++;
  return at;
}

function follow(
  workload: Workload,
  loaded: LoadedVariant,
  schedule: readonly number[],
  own: readonly string[],
): Followed {
  const { variant } = loaded;
  const { Kernel, stacks } = recording(buildKernel(variant.layers, tellAll));
  return blaming(variant.meta.id, () =>
    // The stack tells who asked for a step.
    natively(() => {
      const start = prepareJudged(workload, Kernel);
      const { trace, execution } = traceRun(start, variant.meta.id, schedule, true);
      const token = showToken(execution.schedule, execution.checksum, workload.fixture.machine.hardware);
      return { trace, token, steps: stepsOf(trace.lines), stacks, own };
    }),
  );
}

/** Every step with what was told in it and the functions that its actor was in. */
function stepsOf(lines: readonly TraceLine[]): Step[] {
  const steps: { line: TraceLine; told: TraceLine[]; calls: string[] }[] = [];
  const stacks = new Map<number, TraceLine[]>();
  for (const line of lines) {
    const stack = (stacks.get(line.actor) ?? []).filter((call) => call.depth < line.depth);
    stacks.set(line.actor, stack);
    if (line.kind === 'step') steps.push({ line, told: [], calls: stack.map(({ text }) => text) });
    else if (line.kind === 'call') stack.push(line);
    // A release shows in what the others can do, and that differs where it matters.
    else if (line.kind !== 'release') steps.at(-1)?.told.push(line);
  }
  return steps;
}

const behaviour = ({ line, told }: Step): string =>
  JSON.stringify([line.actor, line.text, line.changes, told.map(({ kind, text }) => [kind, text])]);

const isSame = (a: Step | undefined, b: Step | undefined): boolean =>
  a !== undefined && b !== undefined && behaviour(a) === behaviour(b);

const sitesAt = ({ stacks, own }: Followed, at: number): Sites => sitesOf(stacks[at], own);

/** Where the same actor was asked for its step before. */
function sitesBefore(run: Followed, at: number): Sites {
  const { actor } = run.steps[at]!.line;
  for (let i = at - 1; i >= 0; i--) if (run.steps[i]!.line.actor === actor) return sitesAt(run, i);
  return [];
}

const MOST_CONDITIONS = 3;

function parting(of: Followed, other: Followed, at: number): Parting {
  const step = of.steps[at];
  if (!step) return { does: null, actor: '', changes: [], told: [], calls: [], site: null, decided: [] };
  const sites = sitesAt(of, at);
  // What the other's functions ask as well did not tell them apart.
  const asked = new Set(conditionsOn(sitesAt(other, at)).map(({ text }) => text));
  return {
    does: step.line.text,
    actor: of.trace.actors[step.line.actor]!,
    changes: step.line.changes,
    told: step.told.map(({ text }) => text),
    calls: step.calls,
    site: sites[0] ? { where: placeOf(sites[0]), text: lineAt(sites[0]) } : null,
    decided: decisionsBetween(sitesBefore(of, at), sites)
      .filter(({ text }) => !asked.has(text))
      .slice(0, MOST_CONDITIONS),
  };
}

/** Along the chain of calls, the first function that both are in and in which they are at two places. */
function forkOf(a: Sites, b: Sites): Condition | null {
  const [outerA, outerB] = [[...a].reverse(), [...b].reverse()];
  for (let i = 0; i < Math.min(outerA.length, outerB.length); i++) {
    const found = fork(outerA[i], outerB[i]);
    if (found) return found;
  }
  return null;
}

const stepText = ({ line }: Step, { actors }: Trace): string => `${actors[line.actor]}: ${line.text}`;

/** Both values whole, so that they can be searched for. */
const inFull = ({ object, before, after }: Change): string => `${object}  ${before} -> ${after}`;

const changesOfEntries = (trace: Trace): string[] =>
  trace.lines.flatMap(({ actor, changes }) =>
    changes
      .filter(({ object }) => /\b(pte|pmd) /.test(object))
      .map((change) => `${trace.actors[actor]}: ${inFull(change)}`),
  );

const soloText = ({ actor, text, changes, told }: SoloStep): string => {
  const came = [...changes.map(inFull), ...told.map((line) => line.text)];
  return `${actor}: ${text}: ${came.join('; ') || 'changes no entry'}`;
};

function firstOfStart(a: Trace, b: Trace): Divergence['start'] {
  const [ofA, ofB] = [a.start.map(soloText), b.start.map(soloText)];
  const at = ofA.findIndex((text, i) => text !== ofB[i]);
  return at < 0 ? null : { a: ofA[at] ?? null, b: ofB[at] ?? null };
}

function firstEntry(a: Trace, b: Trace): Divergence['entry'] {
  const [ofA, ofB] = [changesOfEntries(a), changesOfEntries(b)];
  const at = ofA.findIndex((change, i) => change !== ofB[i]);
  if (at < 0 && ofA.length === ofB.length) return null;
  const i = at < 0 ? ofA.length : at;
  return { a: ofA[i] ?? null, b: ofB[i] ?? null };
}

/** The entries at the end, what became of them afterwards, and what went wrong on the way. */
function endOf({ after, lines, actors, finish }: Trace): string[] {
  const entry = ({ where, entry: value }: EntryState): string => `${where}  ${value}`;
  const told = [
    ...lines.map((line) => ({ ...line, by: actors[line.actor]! })),
    ...finish.flatMap((step) => step.told.map((line) => ({ ...line, by: step.actor || step.text }))),
  ];
  const bad = told.filter((line) => line.kind === 'log' || goesWrong(line));
  const texts = bad.map(({ by, kind, text }) => `${by}: ${kind === 'log' ? '' : '*** '}${text}`);
  const changes = finish.flatMap((step) =>
    step.changes.map((change) => `${step.actor}: ${step.text}: ${inFull(change)}`),
  );
  return [...after.map(entry), ...changes, ...new Set(texts)];
}
