/** `faultline conform --runs`: random fixtures on a real kernel. */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { loadVariants } from '../compare/load';
import { variantFor } from '../conform/agree';
import type { KernelRun } from '../conform/observation';
import type { RandomFinding, RandomResult } from '../conform/random';
import type { Job, JobOptions } from '../conform/steps';
import { figuresText } from '../report/agreement';
import { type ConformOptions, recordFor } from './conform';
import { FOUND } from './conform_options';
import { exit } from './failure';
import { makeFolder, writeOutput } from './output';
import type { progressOn, Terminal } from './terminal';

const SEEDS = 2 ** 31;

export async function runRandom(
  options: ConformOptions,
  limits: JobOptions,
  run: (jobs: readonly Job[]) => Promise<KernelRun>,
  terminal: Terminal,
  progress: ReturnType<typeof progressOn>,
  signal: AbortSignal,
): Promise<number> {
  const { conformRandom } = require('../conform/random') as typeof import('../conform/random');
  const seed = options.seed ?? randomInt(SEEDS);
  const result = await conformRandom({
    seed,
    runs: options.runs!,
    limits,
    shrink: options.shrink !== false,
    without: options.without ?? [],
    run,
    variantOf: (release) => {
      const id = options.variant ?? variantFor(release);
      return id === null ? null : loadVariants([id])[0]!.variant;
    },
    stopped: () => signal.aborted,
    tell: (text) => progress.show(text),
  });
  progress.clear();
  if (!result) {
    terminal.stdout.write('No variant models this kernel; --variant names one to compare with.\n');
    return exit.done;
  }
  print(result, seed, options, terminal);
  if (result.cut === null && !signal.aborted) recordFor(options, result.release, result, seed);
  if (signal.aborted) return exit.interrupted;
  return result.figures.disagreed > 0 ? exit.found : exit.done;
}

function print(result: RandomResult, seed: number, options: ConformOptions, terminal: Terminal): void {
  const { stdout } = terminal;
  for (const finding of new Set(result.findings)) {
    stdout.write(`${finding.text}\n# saved as ${save(finding, options.output ?? FOUND)}\n\n`);
  }
  if (result.cut !== null) terminal.stderr.write(`faultline: not all could be run: ${result.cut}\n`);
  stdout.write(`${figuresText(result.figures, result.release)} Against ${result.variant}, seed ${seed}.\n`);
}

function save({ fixture, text }: RandomFinding, folder: string): string {
  makeFolder(folder);
  const file = join(folder, `${fixture.name.replaceAll('.', '-')}.yaml`);
  writeOutput(file, text);
  return file;
}
