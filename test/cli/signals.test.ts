/** A process of its own, because signals go to processes. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const top = join(__dirname, '..', '..');
const FIXTURES = ['two-writers-one-page', 'concurrent-4-writers', 'fork-both-write-thp'];

function interrupted(signal: NodeJS.Signals): Promise<{ code: number | null; stdout: string }> {
  const fixtures = FIXTURES.flatMap((name) => ['--fixture', name]);
  const argv = ['-r', 'ts-node/register', 'src/cli.ts', 'compare', '--jobs', '1', '--verbose', ...fixtures];
  const child = spawn(process.execPath, argv, { cwd: top, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => (stdout += text));
  child.stderr.on('data', (text) => {
    const isFirst = !/^cell /m.test(stderr);
    stderr += text;
    // The first cell is done, the last ones are far off.
    if (isFirst && /^cell /m.test(stderr)) child.kill(signal);
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout })));
}

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s ends with 130, and what was finished is printed',
  async (signal) => {
    const { code, stdout } = await interrupted(signal);
    expect(code).toBe(130);
    expect(stdout).toContain('two-writers-one-page');
  },
  120_000,
);
