/** `faultline conform`: fixtures on a real kernel. */
import { InputError } from '../compare/input';
import { loadFixtures, loadVariants } from '../compare/load';
import { agree, type Figures, type KernelAgreement, variantFor } from '../conform/agree';
import { CannotRunError } from '../conform/cannot_run';
import type { KernelRun } from '../conform/observation';
import { type Job, jobOf } from '../conform/steps';
import { renderAgreement, renderAgreementBriefly } from '../report/agreement';
import { renderObserved, renderObservedJson } from '../report/observed';
import { compile, type Workload } from '../workload/workload';
import type { CommonOptions } from './arguments';
import { checkOptions } from './conform_options';
import { detailsOn } from './details';
import { exit } from './failure';
import { writeOutput } from './output';
import { progressOn, screenOf, type Terminal } from './terminal';

export interface ConformOptions extends CommonOptions {
  readonly kernel: string;
  readonly fixture?: readonly string[];
  readonly format: 'table' | 'json';
  readonly quiet?: boolean;
  /** The one that the kernel is held against; that of its version unless named. */
  readonly variant?: string;
  /** Print what the kernel did, too. */
  readonly observed?: boolean;
  /** Variants whose witnesses are followed, instead of fixtures in their usual order. */
  readonly witnesses?: readonly string[];
  /** Random fixtures instead of those that are there. */
  readonly runs?: number;
  readonly seed?: number;
  readonly without?: readonly string[];
  readonly shrink?: boolean;
  /** Where figures are kept. */
  readonly record?: string;
}

/** TCG is slower by an order of magnitude. */
const LIMITS = { live: { limit: 60, turn: 10 }, image: { limit: 180, turn: 30 } };
/** Real page tables have so many entries, whatever is enough to explore. */
const ENTRIES = 512;

export async function runConform(options: ConformOptions, terminal: Terminal): Promise<number> {
  checkOptions(options);
  const workloads = new Map(
    loadFixtures(options.fixture ?? []).map(({ fixture }) => [
      fixture.name,
      compile(fixture, { entries: ENTRIES }),
    ]),
  );
  const limits = options.kernel === 'live' ? LIMITS.live : LIMITS.image;
  const jobs = [...workloads.values()].map((workload) => jobOf(workload, limits));
  if (jobs.length === 0) throw new InputError('input', 'there are no fixtures to run');
  const interrupt = new AbortController();
  const details = detailsOn(terminal, options);
  const begin = details.now();
  for (const { name, steps } of jobs) details.say(`fixture ${name}: ${steps.length} steps`);
  const progress = progressOn(terminal, (options.quiet || options.verbose) ?? false);
  const stopListening = terminal.onInterrupt(() => interrupt.abort());
  let done = 0;
  try {
    progress.show(`starting ${options.kernel}`);
    const run = (all: readonly Job[]): Promise<KernelRun> =>
      runOn(options.kernel, all, terminal, { signal: interrupt.signal, onRun: () => {} });
    const other = otherMode(options);
    if (other) return await other(options, limits, run, terminal, progress, interrupt.signal);
    const observed = await runOn(options.kernel, jobs, terminal, {
      signal: interrupt.signal,
      onRun({ fixture }) {
        details.say(`ran ${fixture} on ${options.kernel}`);
        progress.show(fixture, ++done, jobs.length);
      },
    });
    progress.clear();
    details.stage(`ran fixtures (${observed.runs.length}) on Linux ${observed.features.release}`, begin);
    const agreement = compared(observed, workloads, options);
    print(observed, agreement, options, terminal);
    if (agreement) recordFor(options, observed.features.release, agreement, null);
    if (interrupt.signal.aborted) {
      terminal.stderr.write(`faultline: interrupted: ${done} of ${jobs.length} fixtures were run\n`);
      return exit.interrupted;
    }
    return agreement && agreement.figures.disagreed > 0 ? exit.found : exit.done;
  } catch (error) {
    progress.clear();
    if (!(error instanceof CannotRunError)) throw error;
    if (interrupt.signal.aborted) {
      terminal.stderr.write('faultline: interrupted before anything was run\n');
      return exit.interrupted;
    }
    terminal.stderr.write(`faultline: nothing could be run: ${error.message}\n`);
    return exit.nothingRan;
  } finally {
    stopListening();
  }
}

/** What runs something else than the fixtures in their usual order. */
function otherMode({ witnesses, runs }: ConformOptions): typeof import('./conform_random').runRandom | null {
  if (witnesses !== undefined) {
    return (require('./conform_witnesses') as typeof import('./conform_witnesses')).runWitnessReplay;
  }
  if (runs !== undefined) return (require('./conform_random') as typeof import('./conform_random')).runRandom;
  return null;
}

/** What a builder has added to the name of a running kernel says nothing to others. */
export const nameOfLive = (release: string): string => release.replace(/-.*/, '');

/** @param seed of random fixtures */
export function recordFor(
  options: ConformOptions,
  release: string,
  { variant, figures }: { readonly variant: string; readonly figures: Figures },
  seed: number | null,
): void {
  if (options.record === undefined) return;
  const { kernel, runs, without = [] } = options;
  const words = [
    'faultline conform',
    ...(kernel === 'live' ? [] : [`--kernel ${kernel}`]),
    ...(seed === null ? [] : [`--runs ${runs} --seed ${seed}`]),
    ...without.map((verb) => `--without ${verb}`),
  ];
  const { recordFigures } = require('../conform/figures') as typeof import('../conform/figures');
  const named = kernel === 'live' ? nameOfLive(release) : release;
  recordFigures(options.record, { kernel: named, variant, seed, command: words.join(' '), ...figures });
}

async function runOn(
  kernel: string,
  jobs: readonly Job[],
  { env }: Terminal,
  options: { signal: AbortSignal; onRun: (run: { fixture: string }) => void },
): Promise<KernelRun> {
  if (kernel === 'live') {
    const { runLive } = require('../conform/live') as typeof import('../conform/live');
    return runLive(jobs, env, options);
  }
  const { debianKernel, debianVersion } =
    require('../conform/debian_kernel') as typeof import('../conform/debian_kernel');
  const { runQemu } = require('../conform/qemu') as typeof import('../conform/qemu');
  const version = debianVersion(kernel);
  if (version === null && kernel.startsWith('debian:')) {
    throw new InputError('usage', `"${kernel}" names no Debian kernel; for example debian:6.1`);
  }
  return runQemu(
    version === null ? kernel : await debianKernel(version, env, options.signal),
    jobs,
    env,
    options,
  );
}

/** Null where no variant models the kernel. */
function compared(
  run: KernelRun,
  workloads: ReadonlyMap<string, Workload>,
  options: ConformOptions,
): KernelAgreement | null {
  const id = options.variant ?? variantFor(run.features.release);
  return id === null ? null : agree(run, workloads, loadVariants([id])[0]!.variant);
}

function print(
  run: KernelRun,
  agreement: KernelAgreement | null,
  options: ConformOptions,
  terminal: Terminal,
): void {
  const screen = screenOf(terminal, options);
  const text =
    options.format === 'json'
      ? renderObservedJson(run, agreement)
      : [
          options.observed || !agreement ? renderObserved(run, screen) : '',
          agreement
            ? options.quiet
              ? renderAgreementBriefly(run, agreement)
              : renderAgreement(run, agreement, screen)
            : `No variant models Linux ${run.features.release}; --variant names one to compare with.\n`,
        ].join('');
  if (options.output === undefined) terminal.stdout.write(text);
  else writeOutput(options.output, text);
}
