/** Our bugs: the model is in a state that it must never reach. Never a verdict; the command exits with 70. */
export class ModelError extends Error {
  override name = 'ModelError';
}

/** @param what `function(): what is wrong`, as the kernel's panics say it */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new ModelError(what);
}

export function must<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new ModelError(what);
  return value;
}

/**
 * A BUG_ON, oops or panic of the kernel under test. It ends the task where it stands: what it holds stays held.
 * Thrown through the generators, which therefore must not catch or use `finally`.
 */
export class KernelBug extends Error {
  override name = 'KernelBug';
}
