/** Fixtures on the running kernel, by the agent as a child process. */
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { agentBinary } from './agent_binary';
import { type Attempt, listen, type RunOptions, runAll } from './attempts';
import { CannotRunError } from './cannot_run';
import { type StartOptions, start } from './child';
import type { KernelRun } from './observation';
import { type Env, withTemporary } from './place';
import { ReportReader } from './report_reader';
import type { Job } from './steps';

/** A job may be silent as long as it may take, and some more. */
const SILENCE = 90_000;

const THP = '/sys/kernel/mm/transparent_hugepage';
const KSM = '/sys/kernel/mm/ksm';
/** What the agent changes for the whole machine. */
const knobs = [
  `${THP}/enabled`,
  `${THP}/defrag`,
  ...['scan_sleep_millisecs', 'alloc_sleep_millisecs', 'pages_to_scan'].map(
    (name) => `${THP}/khugepaged/${name}`,
  ),
  ...['sleep_millisecs', 'pages_to_scan', 'smart_scan', 'run'].map((name) => `${KSM}/${name}`),
];

/** @throws CannotRunError */
export async function runLive(jobs: readonly Job[], env: Env, options: RunOptions = {}): Promise<KernelRun> {
  if (process.platform !== 'linux') throw new CannotRunError(`this is ${process.platform}, not Linux`);
  const agent = await agentBinary(env, options.signal);
  const before = knobsNow();
  const putBack = (): void => setKnobs(before);
  process.once('exit', putBack);
  try {
    return await withTemporary(async (folder) => {
      const place = { env, folder, putBack: before };
      const result = await runAll(jobs, (left) => attempt(agent, left, place, options), options);
      return { kernel: `live ${release()}`, machine: 'live', ...result };
    });
  } finally {
    process.removeListener('exit', putBack);
    putBack();
  }
}

async function attempt(
  agent: string,
  jobs: readonly Job[],
  place: StartOptions & { readonly folder: string },
  options: RunOptions,
): Promise<Attempt> {
  const list = join(place.folder, 'jobs');
  writeFileSync(list, jobs.map(({ text }) => text).join(''));
  const reader = new ReportReader(jobs, options.onRun);
  const spawned = start(agent, [list, place.folder], place);
  let said = '';
  spawned.child.stderr!.setEncoding('utf8').on('data', (text: string) => (said += text));
  const heard = await listen(spawned, reader, { silence: () => SILENCE, signal: options.signal });
  const reason =
    said.trim() ||
    (heard.silent === null
      ? `the agent ended with exit code ${heard.code} before it said anything`
      : 'the agent says nothing');
  return {
    reader,
    reason,
    isHang: heard.silent !== null,
    end: { kind: 'stopped', reason: options.signal?.aborted ? 'interrupted' : reason },
  };
}

function knobsNow(): ReadonlyMap<string, string> {
  return new Map(
    knobs.flatMap((file): [string, string][] => {
      try {
        const text = readFileSync(file, 'utf8').trim();
        // A choice is shown as "always [madvise] never".
        return [[file, /\[([\w+]+)\]/.exec(text)?.[1] ?? text]];
      } catch {
        return [];
      }
    }),
  );
}

function setKnobs(values: ReadonlyMap<string, string>): void {
  for (const [file, text] of values) {
    try {
      writeFileSync(file, text);
    } catch {
      // Without the permission to write there was nothing to restore.
    }
  }
}
