/** In what the machine of the model differs from the one under test. */
import { flags } from '../core/index';
import type { UserStep } from '../workload/index';

/** Whether a release is of that version or of a later one. */
export function isSince(release: string, major: number, minor: number): boolean {
  const [, x, y] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return Number(x) > major || (Number(x) === major && Number(y) >= minor);
}

/** Nothing lies above the last region here; in a real process its stack does, so that there is a mapping, elsewhere. */
export const below = ({ verb }: UserStep, result: number): number =>
  /^uffd_(un)?register$/.test(verb) && result === -flags.ENOMEM ? -flags.EINVAL : result;
