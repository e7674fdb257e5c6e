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

if (require.main === module) {
  process.stdout.on('error', leave);
  process.stderr.on('error', () => process.exit());
  main(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    onInterrupt(stop) {
      // Whoever ends us politely wants what is finished, and nothing left running, as much as whoever types ^C.
      const signals = ['SIGINT', 'SIGTERM'] as const;
      for (const signal of signals) process.once(signal, stop);
      return () => {
        for (const signal of signals) process.off(signal, stop);
      };
    },
  }).then((code) => {
    process.exitCode = code;
  });
}
