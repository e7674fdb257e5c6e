/** `faultline conform --witnesses`: the witnesses of variants on a real kernel. */
import { InputError } from '../compare/input';
import { loadFixtures, loadVariants } from '../compare/load';
import { variantFor } from '../conform/agree';
import type { KernelRun } from '../conform/observation';
import type { Job, JobOptions } from '../conform/steps';
import type { Tried } from '../conform/witness_tries';
import { isDisagreement, renderWitnesses, renderWitnessesJson } from '../report/witnesses';
import { type ConformOptions, nameOfLive } from './conform';
import { exit } from './failure';
import { writeOutput } from './output';
import { type progressOn, screenOf, type Terminal } from './terminal';

const CORRECT = ['linux-6.1', 'linux-6.12', 'linux-6.18'];

export async function runWitnessReplay(
  options: ConformOptions,
  limits: JobOptions,
  run: (jobs: readonly Job[]) => Promise<KernelRun>,
  terminal: Terminal,
  progress: ReturnType<typeof progressOn>,
  signal: AbortSignal,
): Promise<number> {
  const { runWitnesses } = require('../conform/witnesses') as typeof import('../conform/witnesses');
  const variants = loadVariants(options.witnesses ?? []).map(({ variant }) => variant);
  const broken = variants.find(({ meta }) => !meta.builds);
  if (broken) throw new InputError('input', `${broken.meta.id} does not build: it has no witnesses`);
  const found = await runWitnesses({
    fixtures: loadFixtures(options.fixture ?? []).map(({ fixture }) => fixture),
    variants,
    limits,
    run,
    ownOf(release) {
      const id = options.variant ?? variantFor(release);
      return id === null ? null : loadVariants([id])[0]!.variant;
    },
    attempt: async (fixture, variant, witness): Promise<Tried> => {
      if (options.kernel !== 'live') {
        return {
          kind: 'cannot',
          reason: 'an order that cannot be forced is tried on the running kernel only',
        };
      }
      const { tryWitness } = require('../conform/witness_tries') as typeof import('../conform/witness_tries');
      const correct = loadVariants(CORRECT).map((one) => one.variant);
      return await tryWitness(fixture, variant, witness, correct, terminal.env, signal);
    },
    stopped: () => signal.aborted,
    tell: (text) => progress.show(text),
  });
  progress.clear();
  if (!found) {
    terminal.stdout.write('No variant models this kernel; --variant names one to compare with.\n');
    return exit.done;
  }
  const result = options.kernel === 'live' ? { ...found, release: nameOfLive(found.release) } : found;
  const text =
    options.format === 'json'
      ? renderWitnessesJson(result)
      : renderWitnesses(result, options.observed ?? false, screenOf(terminal, options));
  if (options.output === undefined) terminal.stdout.write(text);
  else writeOutput(options.output, text);
  if (signal.aborted) return exit.interrupted;
  return result.results.some(isDisagreement) ? exit.found : exit.done;
}
