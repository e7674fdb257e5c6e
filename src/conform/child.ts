/** Programs that are run beside, with a time limit, and never left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import type { Env } from './place';

export interface Spawned {
  readonly child: ChildProcess;
  /** Resolves when it is gone, with its exit code, or null after a signal. */
  readonly gone: Promise<number | null>;
  /** Ends it and all that it started. */
  kill(): void;
}

export interface StartOptions {
  readonly env: Env;
  readonly cwd?: string | undefined;
  /** Where it works; removed with it if this process ends without a word. */
  readonly folder?: string;
  /** Files whose content is put back then, each with that content. */
  readonly putBack?: ReadonlyMap<string, string>;
}

export interface ToolOptions extends StartOptions {
  /** After which it is ended. */
  readonly seconds: number;
  /** Ends it at once. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A guard beside the program, which holds whatever ends this process, SIGKILL and a crash of Node included: its
 * descriptor 3 is at its end when nobody has the other side any more. It is nobody's child, because the agent takes
 * what its children are for its own. In its turn a line on that descriptor sends it home.
 */
const GUARDED = `( (
  read -r home <&3 && exit
  kill -KILL $$
  [ "$0" = / ] || PATH=/usr/bin:/bin rm -rf -- "$0"
  eval "$1"
  kill -KILL 0
) >/dev/null 2>&1 & )
shift
exec "$@" 3<&-`;

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Starts a program in a process group of its own; the group is killed when this process ends, however it does. */
export function start(
  program: string,
  parameters: readonly string[],
  { env, cwd, folder = '/', putBack = new Map() }: StartOptions,
): Spawned {
  const restore = [...putBack].map(([file, text]) => `echo ${quoted(text)} >${quoted(file)}`).join('\n');
  const child = spawn('/bin/sh', ['-c', GUARDED, folder, restore, program, ...parameters], {
    env: { ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
    ...(cwd === undefined ? {} : { cwd }),
  });
  const kill = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // All of them are gone.
    }
  };
  // Before its folder is removed, into which it might still write.
  process.prependOnceListener('exit', kill);
  const guard = child.stdio[3] as Writable;
  // The guard may have been killed with the others.
  guard.on('error', () => {});
  child.once('exit', () => guard.end('home\n'));
  const gone = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  }).finally(() => process.removeListener('exit', kill));
  return { child, gone, kill };
}

export interface ToolResult {
  /** Null where a signal or the time limit ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, or until its time is over. */
export async function runTool(
  program: string,
  parameters: readonly string[],
  { env, seconds, signal, ...place }: ToolOptions,
): Promise<ToolResult> {
  const { child, gone, kill } = start(program, parameters, { env: { ...env, LC_ALL: 'C' }, ...place });
  const limit = setTimeout(kill, seconds * 1000);
  if (signal?.aborted) kill();
  signal?.addEventListener('abort', kill);
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  try {
    return { code: await gone, stdout, stderr };
  } finally {
    clearTimeout(limit);
    signal?.removeEventListener('abort', kill);
    kill();
  }
}
