/** What is left when `conform` is ended from outside: a process of its own, because signals go to processes. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { start } from '../../src/conform/child';
import { withTemporary } from '../../src/conform/place';
import { folder, put } from '../cli/terminal';
import { fixtureText, hello, line, turn } from './sample';
import { bzImage, qemu } from './stand_in';

const top = join(__dirname, '..', '..');
const place = folder();
afterAll(() => rmSync(place, { recursive: true }));
const fixture = put(place, 'first.yaml', fixtureText('first'));
const image = put(place, 'bzImage', bzImage);

const isAlive = (pid: number): boolean => {
  try {
    // One that is dead and that nobody has waited for is as good as gone.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

async function until(is: () => boolean): Promise<boolean> {
  for (const end = Date.now() + 20_000; Date.now() < end; await wait(50)) if (is()) return true;
  return false;
}

/** A guest that has begun and never ends; the ids of its processes. */
async function ended(name: string, signals: readonly NodeJS.Signals[]) {
  const temporary = join(place, name);
  mkdirSync(temporary);
  const pids = join(temporary, 'pids');
  const report = hello() + line({ k: 'job', name: 'first' }) + turn(0);
  const env = qemu(report, 'Linux', `/bin/sleep 1000 & echo $$ $! > ${pids}; wait`);
  const child = spawn(
    process.execPath,
    ['-r', 'ts-node/register', 'src/cli.ts', 'conform', '--kernel', image, '--fixture', fixture],
    { cwd: top, env: { ...env, TMPDIR: temporary }, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  let stdout = '';
  child.stdout.on('data', (text) => (stdout += text));
  const gone = new Promise<number | null>((resolve) => child.once('close', resolve));
  expect(await Promise.race([until(() => existsSync(pids) && readFileSync(pids, 'utf8') !== ''), gone])).toBe(
    true,
  );
  // What it has said is read by then.
  await wait(500);
  for (const signal of signals) child.kill(signal);
  const code = await gone;
  const running = readFileSync(pids, 'utf8').trim().split(' ').map(Number);
  const isQuiet = await until(() => !running.some(isAlive) && left(temporary).length === 0);
  return { code, stdout, running, isQuiet };
}

const left = (temporary: string): string[] =>
  readdirSync(temporary).filter((name) => name.startsWith('faultline-'));

test.each([
  { name: 'SIGINT', signals: ['SIGINT'], code: 130 },
  { name: 'two quick ones, as timeout(1) sends', signals: ['SIGTERM', 'SIGTERM'], code: 130 },
  { name: 'two of two kinds', signals: ['SIGINT', 'SIGTERM'], code: 130 },
  { name: 'a terminal that is closed', signals: ['SIGHUP'], code: 130 },
  { name: 'an interrupt and SIGKILL', signals: ['SIGTERM', 'SIGKILL'], code: null },
  { name: 'SIGKILL', signals: ['SIGKILL'], code: null },
] as const)(
  '$name: no process and no file is left, and what was finished is printed',
  async ({ name, signals, code }) => {
    const end = await ended(name.replaceAll(/\W+/g, '-'), signals);
    expect(end.running).toHaveLength(2);
    expect({ code: end.code, isQuiet: end.isQuiet }).toEqual({ code, isQuiet: true });
    if (code === 130) expect(end.stdout).toContain('not compared to its end: interrupted');
  },
  120_000,
);

test('a folder of a process that is dead is removed at the next start, that of a living one is not', async () => {
  const own = await withTemporary(async (path) => path);
  const [, namespace] = /-\d+-(\d+)-/.exec(own)!;
  const dead = join(tmpdir(), `faultline-999999999-${namespace}-dead`);
  const others = ['999999999-1-elsewhere', `${process.ppid}-${namespace}-alive`].map((name) =>
    join(tmpdir(), `faultline-${name}`),
  );
  for (const path of [dead, ...others]) mkdirSync(path, { recursive: true });
  writeFileSync(join(dead, 'jobs'), '');
  await withTemporary(async () => {});
  expect([dead, ...others].map((path) => existsSync(path))).toEqual([false, true, true]);
  for (const path of others) rmSync(path, { recursive: true });
});

test('a program that ends by itself keeps its exit code, and its guard puts nothing back', async () => {
  const file = put(place, 'knob', 'as it was left');
  const { gone } = start('/bin/sh', ['-c', 'exit 7'], { env: {}, putBack: new Map([[file, 'before']]) });
  expect(await gone).toBe(7);
  await wait(200);
  expect(readFileSync(file, 'utf8')).toBe('as it was left');
});

test('where the process that started it is killed, files get back what they held', async () => {
  const file = put(place, "it's a knob", 'changed');
  const text = `
    const { start } = require(${JSON.stringify(join(top, 'src/conform/child.ts'))});
    start('/bin/sleep', ['1000'], { env: {}, putBack: new Map([[${JSON.stringify(file)}, "be'fore"]]) });
    process.kill(process.pid, 'SIGKILL');`;
  spawn(process.execPath, ['-r', 'ts-node/register', '-e', text], { cwd: top, stdio: 'ignore' });
  expect(await until(() => readFileSync(file, 'utf8') === "be'fore\n")).toBe(true);
}, 60_000);
