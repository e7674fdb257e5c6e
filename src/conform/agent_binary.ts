/** The agent as a static binary, built by the system's compiler when it is first needed. */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { reasonOf } from '../compare/input';
import { CannotRunError } from './cannot_run';
import { runTool, type ToolResult } from './child';
import { cacheDirectory, type Env, findProgram, withTemporary } from './place';

const SOURCES = join(__dirname, '../../conform/agent');
const FLAGS = ['-static', '-O2', '-pthread', '-std=gnu11'];

/**
 * The path of the binary.
 * @throws CannotRunError without a compiler, or where it fails
 */
export async function agentBinary(env: Env, signal?: AbortSignal, sources = SOURCES): Promise<string> {
  const files = readdirSync(sources)
    .filter((file) => /\.[ch]$/.test(file))
    .sort();
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(readFileSync(join(sources, file)));
  const binary = join(cacheDirectory(env), `agent-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(binary)) return binary;
  const compiler = findProgram(env, 'cc', 'gcc', 'clang');
  if (!compiler) {
    throw new CannotRunError('no C compiler (cc, gcc or clang): the agent cannot be built');
  }
  return withTemporary(async (place) => {
    const made = join(place, 'agent');
    const units = files.filter((file) => file.endsWith('.c')).map((file) => join(sources, file));
    // A compiler that is ended in the middle leaves its files in TMPDIR.
    const options = { env: { ...env, TMPDIR: place }, folder: place, seconds: 120, signal };
    const built = await runTool(compiler, [...FLAGS, '-o', made, ...units], options);
    if (signal?.aborted) throw new CannotRunError('interrupted while the agent was built');
    if (built.code !== 0) throw new CannotRunError(notBuilt(compiler, built));
    return keep(made, binary);
  });
}

function notBuilt(compiler: string, { code, stderr }: ToolResult): string {
  const [line] = stderr.split('\n').filter((text) => /error|cannot|not found|denied/i.test(text));
  const said = line ?? stderr.slice(0, 200);
  const why = said !== '' ? said : code === null ? 'it took too long' : `it ended with exit code ${code}`;
  return `${compiler} cannot build the agent as a static binary: ${why}`;
}

/** Puts it into the cache, whole or not at all. */
function keep(made: string, binary: string): string {
  const folder = dirname(binary);
  const unfinished = `${binary}.${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true });
    try {
      copyFileSync(made, unfinished);
      renameSync(unfinished, binary);
    } finally {
      rmSync(unfinished, { force: true });
    }
    return binary;
  } catch (error) {
    throw new CannotRunError(
      `cannot keep the agent in ${folder} (XDG_CACHE_HOME names another folder): ${reasonOf(error)}`,
    );
  }
}
