/** The agent as a static binary, built by the system's compiler when it is first needed. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CannotRunError } from './cannot_run';
import { runTool } from './child';
import { cacheDirectory, type Env, findProgram } from './place';

const SOURCES = join(__dirname, '../../conform/agent');
const FLAGS = ['-static', '-O2', '-pthread', '-std=gnu11'];

/**
 * The path of the binary.
 * @throws CannotRunError without a compiler, or where it fails
 */
export async function agentBinary(env: Env, sources = SOURCES): Promise<string> {
  const files = readdirSync(sources)
    .filter((file) => /\.[ch]$/.test(file))
    .sort();
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(readFileSync(join(sources, file)));
  const folder = cacheDirectory(env);
  const binary = join(folder, `agent-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(binary)) return binary;
  const compiler = findProgram(env, 'cc', 'gcc', 'clang');
  if (!compiler) {
    throw new CannotRunError('no C compiler (cc, gcc or clang): the agent cannot be built');
  }
  mkdirSync(folder, { recursive: true });
  const unfinished = `${binary}.${process.pid}`;
  const units = files.filter((file) => file.endsWith('.c')).map((file) => join(sources, file));
  const built = await runTool(compiler, [...FLAGS, '-o', unfinished, ...units], { env, seconds: 120 });
  if (built.code !== 0) {
    rmSync(unfinished, { force: true });
    const [line] = built.stderr.split('\n').filter((text) => /error|cannot/.test(text));
    throw new CannotRunError(
      `${compiler} cannot build the agent as a static binary: ${line ?? built.stderr.slice(0, 200)}`,
    );
  }
  renameSync(unfinished, binary);
  return binary;
}
