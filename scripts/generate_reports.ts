/** Writes reports/, the review that is committed: every built-in variant on fixtures that are searched in seconds. */
import { join } from 'node:path';
import { main } from '../src/cli/main';

const reviewed = [
  'base-dirty-4k',
  'copy-4k',
  'fork-cow-4k',
  'fork-cow-thp-partial',
  'hugezero-whole',
  'ksm',
  'madvfree-clean-4k',
  'migrate-4k',
  'mprotect-roundtrip-4k',
  'numa-hint-4k',
  'read-touched-zero-4k',
  'readonly-vma-4k',
  'softdirty-fault-4k',
  'swap-after-protect',
  'swap-before-protect',
  'thp-partial',
  'thp-whole',
  'unregister-while-waiting',
  'untouched-4k',
  'zeropage-ioctl-4k',
];

/** In this thread, because the workers are those of the build. */
export const reportArguments = ['report', '--jobs', '0', ...reviewed.flatMap((id) => ['--fixture', id])];

if (require.main === module) {
  main([...reportArguments, '--output', join(__dirname, '..', 'reports')], {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    onInterrupt: () => () => {},
  }).then((code) => {
    process.exitCode = code;
  });
}
