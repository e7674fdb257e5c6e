/** What `--without` may name: verbs of steps, and groups of them. */
import { InputError } from '../compare/input';
import { verbs } from '../workload/step_grammar';
import { didYouMean } from '../workload/suggestion';

export function checkedWithout(without: readonly string[]): readonly string[] {
  const known = new Set(Object.entries(verbs).flatMap(([verb, { group }]) => [verb, group]));
  const unknown = without.find((one) => !known.has(one));
  if (unknown === undefined) return without;
  throw new InputError(
    'usage',
    `there is no verb or group of verbs "${unknown}"${didYouMean(unknown, known)}; docs/fixtures.md has them all`,
  );
}
