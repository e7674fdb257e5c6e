/** Orders that user space cannot force, tried many times by the program of `explain --c`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ResolvedVariant } from '../core/index';
import { type Fixture, FixtureError } from '../workload/index';
import { runTool } from './child';
import { type Env, findProgram, withTemporary } from './place';
import { reproducerOf } from './reproducer';
import type { Witness } from './witness_plan';

export type Tried =
  /** `saw`: what came to something that it comes to in no order in the model of a correct kernel; null where nothing did. */
  | { readonly kind: 'tried'; readonly rounds: number; readonly saw: string | null }
  | { readonly kind: 'cannot'; readonly reason: string };

const SECONDS = { build: 60, run: 60 };
const SKIPPED = 4;

/** @param correct whose outcomes count as right, as for the program */
export async function tryWitness(
  fixture: Fixture,
  variant: ResolvedVariant,
  { schedule }: Witness,
  correct: readonly ResolvedVariant[],
  env: Env,
  signal?: AbortSignal,
): Promise<Tried> {
  const compiler = findProgram(env, 'cc', 'gcc', 'clang');
  if (!compiler) return { kind: 'cannot', reason: 'no C compiler (cc, gcc or clang)' };
  let text: string;
  try {
    ({ text } = reproducerOf({ fixture, variant, correct, schedule, head: [] }));
  } catch (error) {
    if (!(error instanceof FixtureError)) throw error;
    return { kind: 'cannot', reason: error.message.replace(/^.*?:\d+:\d+: /, '') };
  }
  return await withTemporary(async (cwd) => {
    const [source, binary] = [join(cwd, 'race.c'), join(cwd, 'race')];
    writeFileSync(source, `${text}\n`);
    const flags = ['-O2', '-pthread', '-o', binary, source];
    const built = await runTool(compiler, flags, {
      ...{ env: { ...env, TMPDIR: cwd }, cwd, folder: cwd, signal },
      seconds: SECONDS.build,
    });
    if (built.code !== 0) return { kind: 'cannot', reason: `${compiler} cannot build the program` };
    return triedBy(await runTool(binary, [], { env, seconds: SECONDS.run, cwd, folder: cwd, signal }));
  });
}

/** What a program of `explain --c` says. */
export function triedBy({ code, stdout }: { code: number | null; stdout: string }): Tried {
  const skipped = /^1\.\.0 # SKIP (.*)$/m.exec(stdout)?.[1];
  if (code === SKIPPED) return { kind: 'cannot', reason: skipped ?? 'the program says nothing' };
  if (code !== 0 && code !== 1) return { kind: 'cannot', reason: 'the program did not come to its end' };
  const failed = /^(?:# (?!Totals|\d+ rounds)(.*)\n)?not ok \d+ (.*)$/m.exec(stdout);
  const rounds = Number(/^# (\d+) rounds$/m.exec(stdout)?.[1] ?? 1);
  return { kind: 'tried', rounds, saw: failed ? `${failed[2]}: ${failed[1] ?? 'not ok'}` : null };
}
