/** What --verbose tells: where things are from, and how long it took. */
import type { Terminal } from './terminal';

export interface Details {
  say(text: string): void;
  /** Told with the time since `begin`. */
  stage(text: string, begin: number): void;
  now(): number;
}

export function detailsOn({ stderr }: Terminal, { verbose }: { readonly verbose?: boolean }): Details {
  const say = (text: string): void => {
    if (verbose) stderr.write(`${text}\n`);
  };
  const now = (): number => performance.now();
  return { say, now, stage: (text, begin) => say(`${text} in ${Math.round(now() - begin)} ms`) };
}
