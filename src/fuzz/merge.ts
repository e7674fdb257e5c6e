/** The parts of a campaign, saved as JSON, put together again. */
import { InputError } from '../compare/input';
import type { FuzzResult } from './fuzz';
import { Sieve } from './lead';
import { Ledger } from './ledger';
import { type CampaignKey, foundOf, runsIn, type SavedFuzz, savedOf, shardOf } from './saved';

/** Of missing shards so many are named. */
const SHOWN = 5;

export interface FuzzPart {
  readonly file: string;
  readonly saved: SavedFuzz;
}

/** @returns what one campaign over all runs would have found */
export function mergeFuzz(parts: readonly FuzzPart[]): SavedFuzz {
  const [first] = parts;
  if (!first) throw new InputError('usage', 'no files to merge');
  for (const part of parts) refuseOther(first, part);
  refuseShards(parts);
  for (const part of parts) refuseUnfinished(part);
  return savedOf(first.saved, resultOf(parts.map(({ saved }) => saved)));
}

/**
 * A part follows leads that the whole leaves alone, as it has seen fewer of a kind; it leaves none alone that the whole
 * follows. So the whole is found by asking the same of all of them again, in the order of the runs.
 */
function resultOf(parts: readonly SavedFuzz[]): FuzzResult {
  const sum = (count: (part: SavedFuzz) => number): number => parts.reduce((n, part) => n + count(part), 0);
  const sieve = new Sieve();
  const ledger = new Ledger();
  // Within a run they are in their order already, and sorting leaves it so.
  const all = parts.flatMap(({ findings }) => findings).sort((a, b) => a.run - b.run);
  for (const found of all.map(foundOf)) if (sieve.passes(found.failure)) ledger.add(found.run, found);
  return {
    runs: sum(({ tried }) => tried),
    unusable: sum(({ unusable }) => unusable),
    cutShort: sum(({ cutShort }) => cutShort),
    findings: ledger.all,
  };
}

const refused = ({ file }: FuzzPart, message: string): InputError =>
  new InputError('input', `${file}:1:1: ${message}`);

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** What must be the same, and how it is shown where it is not. */
const sameIn: readonly [what: string, of: (key: CampaignKey) => unknown][] = [
  ['the version of faultline', ({ tool }) => tool],
  ['the seed', ({ seed }) => seed],
  ['the number of runs', ({ runs }) => runs],
  ['--differ', ({ differ }) => differ],
  ['the list of variants', ({ variants }) => variants.map(({ id }) => id).join(' ')],
  ['the bound', ({ bound: { executions, steps } }) => `${executions} executions of ${steps} steps`],
  ['what is left out (--without)', ({ without }) => without.join(' ') || 'nothing'],
  ['--hardware', ({ hardware = false }) => hardware],
  ['the model', ({ model }) => model],
];

function refuseOther(first: FuzzPart, part: FuzzPart): void {
  const whose = `it does not belong to ${first.file}`;
  for (const [what, of] of sameIn) {
    const [ours, theirs] = [shown(of(part.saved)), shown(of(first.saved))];
    if (ours !== theirs) throw refused(part, `${what} is ${ours}, not ${theirs}; ${whose}`);
  }
  const [ours, theirs] = [part.saved.variants, first.saved.variants];
  const other = ours.find((variant, i) => JSON.stringify(variant) !== JSON.stringify(theirs[i]));
  if (other) throw refused(part, `${other.id} was another variant of that name; ${whose}`);
}

function refuseShards(parts: readonly FuzzPart[]): void {
  const files = new Map<number, string>();
  const { of } = shardOf(parts[0]!.saved);
  for (const part of parts) {
    const shard = shardOf(part.saved);
    const name = `${shard.index + 1}/${shard.of}`;
    if (shard.of !== of)
      throw refused(part, `shard ${name} among shards of ${of}, such as ${parts[0]!.file}`);
    const before = files.get(shard.index);
    if (before !== undefined) throw refused(part, `shard ${name} is given twice; the other is ${before}`);
    files.set(shard.index, part.file);
  }
  const missing: string[] = [];
  for (let i = 0; i < of && missing.length < SHOWN; i++) if (!files.has(i)) missing.push(`${i + 1}/${of}`);
  if (missing.length === 0) return;
  const more = of - files.size - missing.length;
  const names = `${missing.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  const isOne = missing.length === 1;
  throw new InputError(
    'input',
    `shard${isOne ? '' : 's'} ${names} ${isOne ? 'is' : 'are'} in none of the files`,
  );
}

function refuseUnfinished(part: FuzzPart): void {
  const { runs, tried, stoppedBy } = part.saved;
  const of = runs === null ? null : runsIn(runs, shardOf(part.saved));
  if (stoppedBy === null && tried === of) return;
  const ended = { time: '--time ended it', interrupt: 'it was interrupted' };
  const why = stoppedBy === null ? 'it is not whole' : ended[stoppedBy];
  throw refused(
    part,
    `${why} after ${tried}${of === null ? '' : ` of ${of}`} fixtures; only what was tried to its end can be merged`,
  );
}
