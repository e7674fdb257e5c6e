/** What the options of `conform` must be, asked before anything runs. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { InputError, reasonOf } from '../compare/input';
import { loadVariants } from '../compare/load';
import type { ConformOptions } from './conform';
import { checkOutput } from './output';
import { checkedWithout } from './without';

/** @throws InputError */
export function checkOptions(options: ConformOptions): void {
  const { runs, witnesses, variant, output, record } = options;
  if (options.kernel === '')
    throw new InputError('usage', '--kernel has no name: live, a bzImage or debian:6.1');
  if (variant !== undefined) loadVariants([variant]);
  if (witnesses !== undefined) {
    if (runs !== undefined) throw new InputError('usage', '--witnesses and --runs exclude each other');
    if (record !== undefined) throw new InputError('usage', '--record keeps nothing of --witnesses');
    loadVariants(witnesses);
  }
  if (runs === undefined) {
    const stray = (['seed', 'without'] as const).find((name) => options[name] !== undefined);
    if (stray) throw new InputError('usage', `--${stray} is for random fixtures: it needs --runs`);
  } else {
    const stray =
      options.format === 'json'
        ? '--format json'
        : options.observed
          ? '--observed'
          : options.fixture !== undefined
            ? '--fixture'
            : null;
    if (stray) throw new InputError('usage', `${stray} is not for random fixtures, which --runs asks for`);
    checkedWithout(options.without ?? []);
  }
  if (output !== undefined) runs === undefined ? checkOutput(output) : checkPlace(output);
  if (record !== undefined) checkOutput(record, '--record');
}

/** A folder that is made when there is something to put into it. */
function checkPlace(folder: string): void {
  let place = resolve(folder);
  let found = statSync(place, { throwIfNoEntry: false });
  while (!found) {
    place = dirname(place);
    found = statSync(place, { throwIfNoEntry: false });
  }
  try {
    if (!found.isDirectory()) throw new Error(`${place} is a file, not a directory`);
    accessSync(place, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new InputError('usage', `cannot write --output ${folder}: ${reasonOf(error)}`);
  }
}
