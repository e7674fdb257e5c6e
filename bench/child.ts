/** Measurements of whole processes, each with a start, memory and caches of its own. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { distFolder } from './compiled';
import type { Measurement } from './figure';

const MIB = 2 ** 20;
const STARTS = 11;

/** Runs JavaScript in a new process, where no compiler takes memory. @returns what it prints last */
function inChild(script: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim().split('\n').at(-1)!;
}

const peak = 'console.log(process.resourceUsage().maxRSS * 1024);';
const load = (file: string): string => `require(${JSON.stringify(join(distFolder, file))})`;

/** Every hundredth page, so that no page table can be spared. */
const touchGuest = `
  const { Machine, defaultConfig, buildKernel, vaddr, content } = ${load('core/index.js')};
  const machine = new Machine({ ...defaultConfig, thp: 'never' });
  const mm = machine.newMm('qemu');
  const k = new (buildKernel([]))(machine, machine.newTask('vcpu', mm));
  const drive = (run) => {
    const steps = run[Symbol.iterator]();
    for (;;) { const next = steps.next(); if (next.done) return next.value; }
  };
  drive(k.down_write(mm.mmap_sem));
  const len = 64 * 2 ** 30;
  const start = drive(k.do_mmap(mm, { len, prot: 3, shared: false }));
  drive(k.up_write(mm.mmap_sem));
  for (let at = 0; at < len; at += 4096 * 100) drive(k.user_store(vaddr(start + at), content(1 + at / 4096)));
  ${peak}`;

export const guestMemory: Measurement = {
  name: 'guest-memory',
  says: 'a guest of 64 GiB with 1 % of its pages touched, spread over all of it',
  run() {
    const values = [1, 2, 3].map(() => Number(inChild(touchGuest)) / MIB);
    const idle = Number(inChild(`${load('core/index.js')}; ${peak}`)) / MIB;
    return [
      {
        of: 'peak memory of the process',
        unit: 'MiB',
        values,
        goal: 512,
        against: { what: 'the idle machine', values: [idle] },
      },
    ];
  },
};

export const start: Measurement = {
  name: 'start',
  says: 'how long until a command has done next to nothing',
  run() {
    const list = [join(distFolder, 'cli.js'), 'list'];
    const empty = ['-e', '0'];
    const timed = (args: string[]): number => {
      const before = process.hrtime.bigint();
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(stderr);
      return Number(process.hrtime.bigint() - before) / 1e6;
    };
    // In turn, so that a machine that slows down slows both.
    const pairs = Array.from({ length: STARTS }, () => ({ list: timed(list), empty: timed(empty) }));
    return [
      {
        of: 'faultline list',
        unit: 'ms',
        values: pairs.map((pair) => pair.list),
        goal: 250,
        against: { what: 'node -e 0', values: pairs.map((pair) => pair.empty) },
      },
    ];
  },
};

const judgeFixture = (fixture: string): string => `
  const { compare, loadFixtures, loadVariants } = ${load('compare/index.js')};
  compare(loadFixtures([${JSON.stringify(fixture)}]), loadVariants([])).then(() => { ${peak} });`;

/** How many of the fixtures are printed by name. */
const LARGEST = 10;

export const fixtureMemory: Measurement = {
  name: 'fixture-memory',
  says: 'peak memory of each fixture under all variants, one process each; the largest ten',
  run(note) {
    const { builtInFixtures } = require(
      join(distFolder, 'compare', 'load.js'),
    ) as typeof import('../src/compare/load');
    const peaks = builtInFixtures().map((fixture) => {
      note(fixture);
      return { fixture, mib: Number(inChild(judgeFixture(fixture))) / MIB };
    });
    peaks.sort((a, b) => b.mib - a.mib);
    return peaks
      .slice(0, LARGEST)
      .map(({ fixture, mib }) => ({ of: fixture, unit: 'MiB', values: [mib], goal: 300 }));
  },
};
