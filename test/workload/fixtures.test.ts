import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import { parse } from 'yaml';
import { generated } from '../../scripts/generate';
import { buildKernel, type Happening, type Variant } from '../../src/core/index';
import { variants } from '../../src/variants/index';
import { boot, compile, fixtureSchema, leastEntries, parseFixture } from '../../src/workload/index';
import { straightRun } from '../support/straight_run';

const folder = join(__dirname, '..', '..', 'fixtures');
const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
const textOf = (file: string): string => readFileSync(join(folder, file), 'utf8');
const fixtureOf = (file: string) => parseFixture(textOf(file), `fixtures/${file}`);

const byId = new Map(variants.map((variant) => [variant.meta.id, variant]));
const layersOf = (id: string): Variant['kernel'][] => {
  const { meta, kernel } = byId.get(id)!;
  return [...(meta.base === null ? [] : layersOf(meta.base)), kernel];
};

/** A run under the kernel of the thread, and which functions ran. */
function run(file: string, entries: number, id = 'uffd-wp-2018') {
  const entered = new Set<string>();
  const tracer = {
    functions: 'all' as const,
    enter: (_: unknown, name: string) => entered.add(name),
    leave() {},
  };
  const fixture = fixtureOf(file);
  const layers = layersOf(id) as Parameters<typeof buildKernel>[0];
  return { fixture, entered, ...straightRun(compile(fixture, { entries }), buildKernel(layers, tracer)) };
}

/** What a program is refused; a fixture is not to make mistakes of its own. */
const refused = (happenings: readonly Happening[]): string[] =>
  happenings.flatMap((h) =>
    h.kind === 'return' && h.result < 0 ? [`${h.task.name}: ${h.name} = ${h.result}`] : [],
  );

describe('every fixture', () => {
  const validate = new Ajv({ strict: false }).compile(fixtureSchema());

  test.each(files)('%s is what the schema says', (file) => {
    validate(parse(textOf(file)));
    expect(validate.errors).toBe(null);
    expect(textOf(file).split('\n')[0]).toBe('# yaml-language-server: $schema=./schema.json');
  });

  const stuck: Record<string, string> = { 'unregister-while-waiting': 'vcpu: an answer on userfaultfd 0' };
  // get_user_pages() of ptrace may not wait, so it fails on a protected page.
  const fails: Record<string, string> = { 'poke-readonly-protected': 'debugger: poke = -5' };
  // What they ask for is younger than the thread.
  const later: Record<string, string> = { 'protect-async': 'linux-6.12', 'protect-not-mapped': 'linux-6.12' };
  describe.each(files)('%s', (file) => {
    const name = file.replace(/\.yaml$/, '');
    test.each([512, 0])('runs under the kernel of the thread, %s entries per table', (given) => {
      const entries = given === 0 ? Math.max(4, leastEntries(fixtureOf(file))) : given;
      const { fixture, entered, happenings, stuck: found } = run(file, entries, later[name]);
      expect(found).toEqual(name in stuck ? [expect.stringContaining(stuck[name]!)] : []);
      expect(refused(happenings)).toEqual(name in fails ? [fails[name]] : []);
      expect(fixture.shows.filter((one) => !entered.has(one))).toEqual([]);
    });
  });
});

describe('the run of 10 September 2018', () => {
  test('has the addresses and the flags of the log', () => {
    const workload = compile(fixtureOf('qemu-snapshot-2018.yaml'));
    const layers = layersOf('uffd-wp-2018') as Parameters<typeof buildKernel>[0];
    const machine = boot(workload, buildKernel(layers));
    const vmas = machine.user.processes.get('qemu-system-x86')!.mmap;
    expect(vmas.map(({ vm_start, vm_end, vm_flags }) => [vm_start, vm_end, vm_flags])).toEqual([
      [0x7f205fe00000, 0x7f209fe00000, 0xa0121073],
      [0x7f20aa000000, 0x7f20ab000000, 0xa0121073],
    ]);
  });

  test('ends in SIGBUS with the line of the log', () => {
    const { happenings, machine } = run('qemu-snapshot-2018.yaml', 512);
    expect(happenings.filter((h) => h.kind === 'signal')).toMatchObject([
      { signal: 'SIGBUS', va: 0x7f205fe7f000 },
    ]);
    expect(machine.log.map(({ text }) => text)).toContainEqual(
      expect.stringContaining('FAULT_FLAG_ALLOW_RETRY missing 71'),
    );
  });
});

test('every workload that was observed has its fixture', () => {
  const observed = files.filter((file) => fixtureOf(file).source.startsWith('observed:'));
  expect(observed.map((file) => fixtureOf(file).source)).toEqual(
    observed.map((file) => `observed:${file.replace(/\.yaml$/, '')}`),
  );
  expect(observed).toHaveLength(31);
});

test.each(Object.keys(generated))('%s is fresh (npm run generate)', (file) => {
  expect(readFileSync(join(folder, '..', file), 'utf8')).toBe(generated[file]!());
});
