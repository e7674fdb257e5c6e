/** spin/rewp.pml: generated, compiled and searched, with what that came to. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How many of each actor beside the monitors; and whether entries are marked, as in Linux 5.7. */
export interface ModelOf {
  /** Pages far apart, each with a monitor of its own. */
  readonly slots: number;
  /** Of each slot. */
  readonly writers: number;
  /** In all. */
  readonly protectors: number;
  readonly marks: boolean;
}

export interface SpinOptions {
  /** Without the steps that nobody else can notice. */
  readonly lean?: boolean;
  /** Without Spin's partial-order reduction. */
  readonly unreduced?: boolean;
  /** Tells how runs end. */
  readonly outcomes?: boolean;
  /** Keeps hashes of states, where there is no room for the states; two with the same hash count as one. */
  readonly hashed?: boolean;
}

export interface SpinRun {
  /** Seconds. */
  readonly compilation: number;
  readonly search: number;
  readonly states: number;
  /** Runs that failed an assertion or got stuck; all, not only the first, because faultline finds all as well. */
  readonly errors: number;
  readonly outcomes: ReadonlySet<string>;
}

export function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr || stdout}`);
  return stdout;
}

export const isHere = (command: string): boolean => spawnSync(command, ['--version']).error === undefined;

/** Seconds, with what the action gave. */
export function timed<T>(action: () => T): { seconds: number; value: T } {
  const before = process.hrtime.bigint();
  const value = action();
  return { seconds: Number(process.hrtime.bigint() - before) / 1e9, value };
}

/** Longer than any run of the model. */
const DEPTH = '-m100000';
const OUTCOME = /^(?:(?:stored|SIGBUS) )+\d+ (?:writable|read-only)(?:, .*)?$/gm;
/** MiB; a search that needs more is cut short, which is an error. */
const MEMORY = '-DMEMLIM=8000';

export function searchWithSpin(model: ModelOf, options: SpinOptions = {}): SpinRun {
  const cwd = mkdtempSync(join(tmpdir(), 'faultline-spin-'));
  try {
    copyFileSync(join(__dirname, 'spin', 'rewp.pml'), join(cwd, 'rewp.pml'));
    const { seconds: compilation } = timed(() => {
      run('spin', [...defines(model, options), '-a', 'rewp.pml'], cwd);
      const wanted = [...(options.unreduced ? ['-DNOREDUCE'] : []), ...(options.hashed ? ['-DHC4'] : [])];
      run('gcc', ['-O2', '-w', '-DSAFETY', MEMORY, ...wanted, '-o', 'pan', 'pan.c'], cwd);
    });
    const { seconds: search, value } = timed(() => run('./pan', ['-c0', '-n', DEPTH], cwd));
    return { compilation, search, ...read(value) };
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

function defines({ slots, writers, protectors, marks }: ModelOf, { lean, outcomes }: SpinOptions): string[] {
  const given = [`-DSLOTS=${slots}`, `-DWRITERS=${writers}`, `-DPROTECTORS=${protectors}`];
  if (marks) given.push('-DMARKS');
  if (lean) given.push('-DLEAN');
  if (outcomes) given.push('-DOUTCOMES');
  return given;
}

function read(output: string): Pick<SpinRun, 'states' | 'errors' | 'outcomes'> {
  if (/max search depth too small|Search not completed/.test(output)) throw new Error(`spin: ${output}`);
  const number = (pattern: RegExp): number => {
    const found = pattern.exec(output)?.[1];
    if (found === undefined) throw new Error(`spin says nothing of ${pattern.source}: ${output}`);
    return Number(found);
  };
  return {
    states: number(/(\d+) states, stored/),
    errors: number(/errors: (\d+)/),
    outcomes: new Set(output.match(OUTCOME) ?? []),
  };
}
