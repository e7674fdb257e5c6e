/** How a command ends that could not do what it was asked. */
import { isNativeError } from 'node:util/types';
import { version } from '../version';

/** The exit codes of docs/design.md section 5. */
export const exit = {
  done: 0,
  found: 1,
  /** As kselftest's "skip". */
  nothingRan: 4,
  usage: 64,
  input: 65,
  internal: 70,
  interrupted: 130,
} as const;

export interface Failure {
  readonly code: number;
  /** What stderr gets; empty where it was said already. */
  readonly text: string;
}

/**
 * Errors are told apart by name, so that nothing has to be loaded for it.
 * @param verbose with the stack
 */
export function failureOf(error: unknown, verbose: boolean): Failure {
  const { name, message, stack } = isNativeError(error) ? error : new Error(String(error));
  const trace = verbose && stack ? `${stack}\n` : '';
  if (name === 'CommanderError') {
    const { exitCode } = error as { exitCode: number } & Error;
    // Commander has printed its message, and help and version are no failures.
    return { code: exitCode === 0 ? exit.done : exit.usage, text: trace && exitCode !== 0 ? trace : '' };
  }
  if (name === 'InputError') {
    const isUsage = (error as { kind: string } & Error).kind === 'usage';
    return {
      code: isUsage ? exit.usage : exit.input,
      text: `${isUsage ? 'faultline: ' : ''}${message}\n${trace}`,
    };
  }
  if (name === 'FixtureError') return { code: exit.input, text: `${String(error)}\n${trace}` };
  return {
    code: exit.internal,
    text:
      `faultline: ${name}: ${message}\n` +
      `This is a bug of faultline ${version}, not of your input: please report it with the command line` +
      `${verbose ? ' and the stack below' : ' and what --verbose prints'}.\n${trace}`,
  };
}
