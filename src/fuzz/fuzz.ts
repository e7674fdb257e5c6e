/** A campaign: random fixtures one after another, each on every variant, each finding shrunk. */
import type { LoadedVariant } from '../compare/load';
import type { ExploreOptions } from '../explore/index';
import type { Judged } from './bench';
import type { Finding } from './finding';
import { type Answer, type Job, type Lane, laneHere, lanesInThreads } from './lanes';
import { type Lead, Sieve } from './lead';
import { type Found, Ledger } from './ledger';
import { fuzzBounds } from './trial';

export interface FuzzOptions {
  readonly seed: number;
  /** Fixtures to try. */
  readonly runs: number;
  readonly variants: readonly LoadedVariant[];
  /** There are two variants: look for fixtures on which they differ, and for nothing else. */
  readonly differ?: boolean;
  /** Verbs and groups of verbs that do not appear. */
  readonly without?: readonly string[];
  /** Hardware acts on its own in all of them. */
  readonly hardware?: boolean;
  readonly bounds?: ExploreOptions;
  /** This part of the runs of all: every `of`-th, from `index` on. */
  readonly shard?: { readonly index: number; readonly of: number };
  /** Threads that work; 0: this one. The result is the same whatever their number. */
  readonly workers?: number;
  /** Asked before every fixture; true: what has begun is finished, and nothing else begins. */
  readonly isLate?: () => boolean;
  /** Aborted: what was found by then is returned, as small as it is. */
  readonly signal?: AbortSignal;
  /** Called in the order of the runs. */
  readonly onRun?: (done: number, found: number) => void;
  /** Called in the order of the runs, but not for what was found before. */
  readonly onFinding?: (finding: Finding) => void;
}

export interface FuzzResult {
  /** Fixtures that were tried. */
  readonly runs: number;
  /** Fixtures that no variant could run, because they ask for what cannot be. */
  readonly unusable: number;
  /** Searches that were cut short and found nothing: they prove nothing. */
  readonly cutShort: number;
  /** In the order of the runs; what repeats an earlier one says so. */
  readonly findings: readonly Found[];
}

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const lanes = lanesFor(options);
  try {
    return await new Campaign(options).run(lanes);
  } finally {
    await Promise.all(lanes.map((lane) => lane.end()));
  }
}

function lanesFor(options: FuzzOptions): Lane[] {
  const { variants, differ = false, without = [], hardware = false, signal, runs } = options;
  const { bounds = fuzzBounds } = options;
  const workers = Math.min(options.workers ?? 0, runs);
  const names = variants.flatMap(({ argument }) => argument ?? []);
  // A variant that exists in this process only cannot be handed to another thread.
  const canSend = names.length === variants.length;
  const bench = { variants: variants.map(({ variant }) => variant), differ, without, hardware, bounds };
  return workers > 0 && canSend ? lanesInThreads(bench, names, workers, signal) : [laneHere(bench, signal)];
}

/** One fixture in its place among the runs. */
interface Run {
  readonly run: number;
  judged?: Judged | null;
  /** What came of its leads that passed the sieve, in their order. */
  findings?: (Finding | undefined)[];
}

interface Task extends Job {
  readonly take: (answer: Answer) => void;
}

/**
 * Hands out work and puts the answers into the order of the runs. What is worth shrinking is decided in that order,
 * so that nothing depends on who was faster.
 */
class Campaign {
  /** Begun and not told yet, in their order. */
  private readonly open: Run[] = [];
  private readonly shrinking: Task[] = [];
  private readonly sieve = new Sieve();
  private readonly ledger = new Ledger();
  private next: number;
  private done = 0;
  private unusable = 0;
  private cutShort = 0;
  private busy = 0;
  private wake = (): void => {};
  private changed = this.change();

  constructor(private readonly options: FuzzOptions) {
    this.next = options.shard?.index ?? 0;
  }

  async run(lanes: readonly Lane[]): Promise<FuzzResult> {
    await Promise.all(lanes.map((lane) => this.keepBusy(lane)));
    const { done, unusable, cutShort, ledger } = this;
    return { runs: done, unusable, cutShort, findings: ledger.all };
  }

  private change(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private async keepBusy(lane: Lane): Promise<void> {
    for (;;) {
      const task = this.task();
      if (!task) {
        // Whoever is at work may find something to be made small.
        if (this.busy === 0) return;
        await this.changed;
        continue;
      }
      this.busy++;
      task.take(await lane.work({ seed: task.seed, lead: task.lead }));
      this.busy--;
      const { wake } = this;
      this.changed = this.change();
      wake();
    }
  }

  /** What was found is made small before anything else is looked for. */
  private task(): Task | undefined {
    const { runs, shard, signal, isLate } = this.options;
    const waiting = this.shrinking.shift();
    if (waiting || this.next >= runs || signal?.aborted || isLate?.()) return waiting;
    const run: Run = { run: this.next };
    this.next += shard?.of ?? 1;
    this.open.push(run);
    return {
      seed: this.seedOf(run),
      lead: null,
      take: (answer) => {
        run.judged = (answer as { judged: Judged | null }).judged;
        this.tell();
      },
    };
  }

  private readonly seedOf = ({ run }: Run): number => (this.options.seed + run) | 0;

  /** Everything whose turn it is. */
  private tell(): void {
    for (const run of this.open) {
      if (run.judged === undefined) break;
      run.findings ??= this.follow(run, run.judged?.leads ?? []);
    }
    for (let run = this.open[0]; run?.findings?.every((one) => one !== undefined); run = this.open[0]) {
      this.open.shift();
      if (!run.judged) continue;
      this.count(run.judged);
      for (const finding of run.findings) this.add(run, finding!);
      this.options.onRun?.(this.done, this.ledger.count);
    }
  }

  private count({ unusable, cutShort }: Judged): void {
    this.done++;
    if (unusable) this.unusable++;
    this.cutShort += cutShort;
  }

  private follow(run: Run, leads: readonly Lead[]): (Finding | undefined)[] {
    const worthIt = leads.filter(({ failure }) => this.sieve.passes(failure));
    const findings: (Finding | undefined)[] = worthIt.map(() => undefined);
    for (const [i, lead] of worthIt.entries()) {
      const take = (answer: Answer): void => {
        findings[i] = (answer as { finding: Finding }).finding;
        this.tell();
      };
      this.shrinking.push({ seed: this.seedOf(run), lead, take });
    }
    return findings;
  }

  private add({ run }: Run, finding: Finding): void {
    const found = this.ledger.add(run, finding);
    if (found.repeats === null) this.options.onFinding?.(found);
  }
}
