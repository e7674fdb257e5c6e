/** The agent's report: `@SSSS {json}` lines, of which any may be garbage, into observations. */
import type {
  How,
  KernelFeatures,
  Message,
  Observation,
  ObservedRun,
  Outcome,
  PageRun,
  RegionView,
  RunEnd,
  StepEnd,
  ValueRun,
  VmaView,
} from './observation';
import type { Job } from './steps';

const KEPT_GARBAGE = 20;
const LONGEST_LINE = 64 << 20;

interface Record_ {
  readonly k: string;
  readonly [member: string]: unknown;
}

/** A run that has begun. */
interface Current {
  readonly job: Job;
  readonly observations: Observation[];
  readonly views: Map<string, RegionView>;
  setupFailed: RunEnd | null;
}

const signals: Readonly<Record<number, string>> = { 7: 'SIGBUS', 11: 'SIGSEGV' };

/** Reads as the bytes come. What it has read so far is always there to be asked for. */
export class ReportReader {
  features: KernelFeatures | null = null;
  /** The agent has said that it is done. */
  isDone = false;
  readonly runs: ObservedRun[] = [];
  readonly garbage: string[] = [];
  private rest = '';
  private current: Current | null = null;

  constructor(
    private readonly jobs: readonly Job[],
    private readonly onRun?: (run: ObservedRun) => void,
  ) {}

  push(chunk: string): void {
    const lines = (this.rest + chunk).split('\n');
    this.rest = lines.pop()!;
    if (this.rest.length > LONGEST_LINE) {
      this.throwAway(this.rest);
      this.rest = '';
    }
    for (const line of lines) this.line(line.replace(/\r$/, ''));
  }

  /** The job that has begun and not ended. */
  get running(): Job | null {
    return this.current?.job ?? null;
  }

  /** Ends the job that is running for a reason from outside. */
  stop(end: RunEnd): void {
    if (this.current) this.finish(this.current.setupFailed ?? end);
  }

  private line(line: string): void {
    if (line === '') return;
    const record = recordOf(line);
    try {
      if (record && this.take(record)) return;
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    }
    this.throwAway(line);
  }

  private throwAway(line: string): void {
    if (this.garbage.length < KEPT_GARBAGE) this.garbage.push(printable(line.slice(0, 200)));
  }

  /** @returns whether it made sense here */
  private take(record: Record_): boolean {
    switch (record.k) {
      case 'hello':
        this.features = featuresOf(record);
        return true;
      case 'bye':
        this.isDone = true;
        return true;
      case 'job': {
        const job = this.jobs.find(({ name }) => name === record.name);
        this.stop({ kind: 'stopped', reason: 'the report of its end is lost' });
        if (job) this.current = { job, observations: [], views: new Map(), setupFailed: null };
        return job !== undefined;
      }
      case 'turn':
        if (!this.current) return false;
        this.turn(this.current, record);
        return true;
      case 'jobend':
        if (!this.current) return false;
        this.finish(endOf(this.current, record));
        return true;
      default:
        return false;
    }
  }

  private turn(current: Current, record: Record_): void {
    const observation = observationOf(record, current.views);
    if (observation.step >= 0) {
      current.observations.push(observation);
      return;
    }
    const [end] = observation.ends;
    current.setupFailed =
      end?.outcome.kind === 'skip'
        ? { kind: 'skipped', reason: end.outcome.reason }
        : { kind: 'stopped', reason: `a region could not be mapped: ${JSON.stringify(end?.outcome)}` };
  }

  private finish(end: RunEnd): void {
    const { job, observations } = this.current!;
    const run = { fixture: job.name, steps: job.steps, observations, end };
    this.runs.push(run);
    this.current = null;
    this.onRun?.(run);
  }
}

/** Without what would do something to a terminal. */
const printable = (text: string): string => text.replace(/[^\t\x20-\x7e]/g, '?');

/** Null unless the line is whole. */
function recordOf(line: string): Record_ | null {
  const match = /^@([0-9a-f]{4}) (\{.*\})$/.exec(line);
  if (!match) return null;
  const [, sum, json] = match as unknown as [string, string, string];
  if (sumOf(json) !== Number.parseInt(sum, 16)) return null;
  try {
    return JSON.parse(json) as Record_;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** As conform/agent/out.c adds them up. */
export function sumOf(text: string): number {
  let sum = 0;
  for (let i = 0; i < text.length; i++) sum = (sum + text.charCodeAt(i)) & 0xffff;
  return sum;
}

function featuresOf(record: Record_): KernelFeatures {
  const given = record.features as Record<string, number>;
  const is = (name: string): boolean => given[name] === 1;
  return {
    release: printable(String(record.release)),
    userfaultfd: is('userfaultfd'),
    userfaultfdErrno: given.userfaultfdErrno ?? 0,
    userfaultfdFeatures: given.userfaultfdFeatures ?? 0,
    softDirty: is('softDirty'),
    pagemapScan: (given.scanCategories ?? 0) !== 0,
    scanCategories: given.scanCategories ?? 0,
    emptyWritten: is('emptyWritten'),
    holesWritten: is('holesWritten'),
    kpageflags: is('kpageflags'),
    ksmFlag: is('ksmFlag'),
    frames: is('frames'),
    ksm: is('ksm'),
    swap: is('swap'),
    nodes: given.nodes ?? 1,
    fs: is('fs'),
    thp: is('thp'),
  };
}

function endOf(current: Current, record: Record_): RunEnd {
  if (current.setupFailed) return current.setupFailed;
  if (typeof record.error === 'string') return { kind: 'stopped', reason: record.error };
  const spinning = current.observations.find(({ how }) => how === 'spins');
  if (spinning) return { kind: 'stopped', reason: `${spinning.actor} neither ends its step nor waits` };
  if (current.observations.some(({ how }) => how === 'late')) {
    return { kind: 'stopped', reason: 'it took longer than a fixture may' };
  }
  if (record.through !== true) return { kind: 'stopped', reason: 'the agent could not go on' };
  const waits = record.waits as [string, number][];
  return {
    kind: 'through',
    waits: waits.map(([actor, step]) => ({ actor, step })),
    stuck: Number(record.stuck),
  };
}

type RawEnd = Record<string, unknown> & { actor: string; op: number };
type RawMessage = Omit<Message, 'actor' | 'answer'> & { answer?: number };
type RawPages = [first: number, last: number, bits: string, scan: string, content?: number, stride?: number];
type RawVma = [number, number, string, number, number, number, number, string];

function observationOf(record: Record_, views: Map<string, RegionView>): Observation {
  const memory = (record.memory ?? []) as [string, string, RawPages[], RawVma[]][];
  for (const [process, region, pages, vmas] of memory) {
    const key = `${process} ${region}`;
    if (vmas.length === 0) views.delete(key);
    else views.set(key, { process, region, pages: pages.map(pageRun), vmas: vmas.map(vmaView) });
  }
  const messages = record.messages as [string, RawMessage[]][];
  return {
    actor: String(record.actor),
    step: Number(record.op),
    how: record.how as How,
    ends: (record.ends as RawEnd[]).map(stepEnd),
    messages: messages.flatMap(([actor, all]) =>
      all.map((message) => ({ ...message, actor, answer: message.answer ?? null })),
    ),
    memory: [...views.values()],
    log: ((record.log ?? []) as string[]).map(printable),
    ...(record.ran === undefined ? {} : { ran: record.ran as string[] }),
  };
}

const pageRun = ([first, last, bits, scan, content, stride]: RawPages): PageRun => ({
  first,
  last,
  bits,
  scan,
  content: content ?? null,
  stride: stride ?? 0,
});

const vmaView = ([first, last, permissions, anonymous, huge, lazyFree, swap, flags]: RawVma): VmaView => ({
  first,
  last,
  permissions,
  anonymous,
  huge,
  lazyFree,
  swap,
  flags: flags.split(' '),
});

function stepEnd(end: RawEnd): StepEnd {
  return {
    actor: end.actor,
    step: end.op,
    outcome: outcomeOf(end),
    reads: ((end.reads ?? []) as [number, number, number, number][]).map(
      ([first, count, value, stride]): ValueRun => ({ first, count, value, stride }),
    ),
    minorFaults: faultsOf(end.minor),
    majorFaults: faultsOf(end.major),
  };
}

const faultsOf = (count: unknown): number | null => (typeof count === 'number' ? count : null);

function outcomeOf(end: RawEnd): Outcome {
  if (typeof end.skip === 'string') return { kind: 'skip', reason: end.skip };
  if (typeof end.signal === 'number') {
    const signal = signals[end.signal] ?? `signal ${end.signal}`;
    return { kind: 'signal', signal, code: Number(end.code), address: Number(end.address) };
  }
  if (typeof end.result === 'number') return { kind: 'done', result: end.result };
  return { kind: 'died' };
}
