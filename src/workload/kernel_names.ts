/** The names of the kernel functions, for what a fixture wants to see run. */
import { mainline } from '../core/index';

let names: ReadonlySet<string> | null = null;

export function functionNames(): ReadonlySet<string> {
  names ??= new Set(
    Object.entries(mainline)
      .filter(([, value]) => typeof value === 'function')
      .map(([name]) => name),
  );
  return names;
}
