/** What the options of `conform` must be, asked before anything runs. */
import { InputError } from '../compare/input';
import { loadVariants } from '../compare/load';
import type { ConformOptions } from './conform';
import { checkFolderToBe, checkOutput } from './output';
import { checkedWithout } from './without';

/** Where random fixtures are put that disagree. */
export const FOUND = 'conform-found';

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
  if (runs !== undefined) checkFolderToBe(output ?? FOUND, '--output');
  else if (output !== undefined) checkOutput(output);
  if (record !== undefined) checkOutput(record, '--record');
}
