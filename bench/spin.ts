/** One race, in Promela and as a fixture: how long until both have searched a kernel that has it and one that has not. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { distFolder } from './compiled';
import type { Figure, Measurement } from './figure';

const folder = join(__dirname, 'spin');
const fixture = join(folder, 'two-writers-rewp.yaml');
const RUNS = 3;
/** After so many executions faultline gives up, and the figure says so. */
const EXECUTIONS = 5_000;

interface Subject {
  readonly define: readonly string[];
  readonly variant: string;
  readonly fails: boolean;
}
const subjects: readonly Subject[] = [
  { define: [], variant: 'uffd-wp-2018', fails: true },
  { define: ['-DMARKS'], variant: 'uffd-wp-bit', fails: false },
];

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr || stdout}`);
  return stdout;
}
const isHere = (command: string): boolean => spawnSync(command, ['--version']).error === undefined;

function timed(action: () => void): number {
  const before = process.hrtime.bigint();
  action();
  return Number(process.hrtime.bigint() - before) / 1e9;
}

/** Generates, compiles and runs; all errors, not only the first, because faultline finds all as well. */
function spin({ define, fails }: Subject, cwd: string): void {
  run('spin', [...define, '-a', 'rewp.pml'], cwd);
  run('gcc', ['-O2', '-w', '-DSAFETY', '-o', 'pan', 'pan.c'], cwd);
  const errors = /errors: (\d+)/.exec(run('./pan', ['-c0', '-n', '-m100000'], cwd))?.[1];
  if (Number(errors) > 0 !== fails) throw new Error(`spin ${define.join(' ')}: ${errors} errors`);
}

/** In a process of its own, as its start counts like a compilation does. @returns whether the search was finished */
function faultline({ variant, fails }: Subject): boolean {
  const script = `
    const { loadFixtures, loadVariants } = require(${JSON.stringify(join(distFolder, 'compare', 'index.js'))});
    const { judge } = require(${JSON.stringify(join(distFolder, 'judge', 'index.js'))});
    const { compile } = require(${JSON.stringify(join(distFolder, 'workload', 'index.js'))});
    const workload = compile(loadFixtures([${JSON.stringify(fixture)}])[0].fixture);
    const { variant } = loadVariants([${JSON.stringify(variant)}])[0];
    const verdict = judge(workload, variant, { maxExecutions: ${EXECUTIONS}, maxSteps: 1e6 });
    console.log(JSON.stringify({ kind: verdict.kind, complete: verdict.explored.complete }));`;
  const { kind, complete } = JSON.parse(run(process.execPath, ['-e', script], folder));
  const expected = fails ? ['breaks'] : ['survives', 'cut-short'];
  if (!expected.includes(kind)) throw new Error(`${variant}: ${kind}`);
  return complete;
}

export const againstSpin: Measurement = {
  name: 'spin',
  says: 'two writers, a monitor and a second protect on one page: a kernel that fails and one that does not',
  run(note): readonly Figure[] {
    const missing = ['spin', 'gcc'].filter((command) => !isHere(command));
    if (missing.length > 0) {
      return [{ of: `skipped: ${missing.join(' and ')} not installed`, unit: '', values: [] }];
    }
    const cwd = mkdtempSync(join(tmpdir(), 'faultline-spin-'));
    cpSync(join(folder, 'rewp.pml'), join(cwd, 'rewp.pml'));
    const ours: number[] = [];
    const theirs: number[] = [];
    let isFinished = true;
    for (let i = 0; i < RUNS; i++) {
      note(`run ${i + 1} of ${RUNS}`);
      theirs.push(
        timed(() => {
          for (const subject of subjects) spin(subject, cwd);
        }),
      );
      ours.push(
        timed(() => {
          for (const subject of subjects) isFinished = faultline(subject) && isFinished;
        }),
      );
    }
    rmSync(cwd, { recursive: true });
    const of = isFinished ? 'faultline, with its start' : `faultline, CUT SHORT at ${EXECUTIONS} executions`;
    return [
      { of: 'Spin, with its compilation (a coarser model)', unit: 's', values: theirs },
      { of, unit: 's', values: ours, against: { what: 'Spin', values: theirs } },
    ];
  },
};
