#!/usr/bin/env node
/** The command `faultline`: the only file that prints. */
import { main } from './cli/main';

function leave(error: NodeJS.ErrnoException): void {
  // Whoever read our output has seen enough.
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
  process.exitCode = 64;
  process.stderr.write(`faultline: cannot write the output: ${error.message}\n`);
  process.exit();
}

/** What ends us politely, and wants what is finished and nothing left running: ^C, a time limit, a closed terminal. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** timeout(1) sends its signal twice: to its child, and to the group in which the child is. */
const TWICE_MS = 1000;

function onInterrupt(stop: () => void): () => void {
  let first: number | null = null;
  const heed = (): void => {
    if (first === null) {
      first = Date.now();
      stop();
    } else if (Date.now() - first > TWICE_MS) {
      // Whoever insists does not get what is finished, but all the same nothing is left behind.
      process.exit(130);
    }
  };
  for (const signal of signals) process.on(signal, heed);
  return () => {
    for (const signal of signals) process.off(signal, heed);
  };
}

if (require.main === module) {
  process.stdout.on('error', leave);
  process.stderr.on('error', () => process.exit());
  main(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    onInterrupt,
  }).then((code) => {
    process.exitCode = code;
  });
}
