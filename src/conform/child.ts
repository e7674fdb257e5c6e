/** Programs that are run beside, with a time limit, and never left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Env } from './place';

export interface Spawned {
  readonly child: ChildProcess;
  /** Resolves when it is gone, with its exit code, or null after a signal. */
  readonly gone: Promise<number | null>;
  /** Ends it and all that it started. */
  kill(): void;
}

/** Starts a program in a process group of its own; the group is killed when this process ends. */
export function start(program: string, parameters: readonly string[], env: Env): Spawned {
  const child = spawn(program, parameters, {
    env: { ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const kill = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // All of them are gone.
    }
  };
  process.once('exit', kill);
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

/** Runs a program to its end. */
export async function runTool(
  program: string,
  parameters: readonly string[],
  { env, seconds, cwd }: { env: Env; seconds: number; cwd?: string },
): Promise<ToolResult> {
  const child = spawn(program, parameters, {
    env: { ...env, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: seconds * 1000,
    killSignal: 'SIGKILL',
    ...(cwd === undefined ? {} : { cwd }),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { code, stdout, stderr };
}
