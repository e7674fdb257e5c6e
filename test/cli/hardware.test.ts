/** --hardware: what it finds is told, saved and replayed as such. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import { faultline, folder, put, replayArguments } from './terminal';

const place = folder();
const fixture = put(
  place,
  'protected-once.yaml',
  `name: protected-once
asks: Does a protection reach a CPU that has never had the page?
source: this test
memory: { guest: { size: 4KiB } }
start: [main: write guest, monitor: uffd_register guest]
tasks:
  vcpu: [wait done, write guest]
  monitor: [uffd_protect guest, post done, uffd_serve]
shows: [handle_userfault]
`,
);
const broken = put(
  place,
  'without-flush.ts',
  `import { defineVariant } from 'faultline';
export default defineVariant({
  meta: {
    id: 'without-flush', title: 'No flush', author: 'this test', subject: '', messageId: null, date: '2026-01-01',
    base: 'uffd-wp-bit', supersedes: [], touches: ['mm/mprotect.c:change_protection_range'], reported: [], builds: true,
  },
  kernel: {
    *change_protection_range(k, vma, from, to, newprot, cp_flags) {
      return yield* k.change_upper_range(vma, vma.vm_mm.pgd, from, to, newprot, cp_flags);
    },
  },
}, 60_000);
`,
);
const cell = ['--fixture', fixture, '--variant', broken];

test('a kernel without a flush stands without it and falls with it', async () => {
  expect((await faultline(['check', broken, '--fixture', fixture])).code).toBe(0);
  const { code, stdout } = await faultline(['check', broken, '--fixture', fixture, '--hardware']);
  expect(code).toBe(1);
  expect(stdout).toContain('Hardware: a CPU may use');
}, 60_000);

test('the witness says that it needs hardware, and replays', async () => {
  const { stdout } = await faultline(['explain', fixture, broken, '--hardware']);
  expect(stdout).toMatch(/\[ hardware: the CPU\s+chooses\s+another/);
  const token = replayArguments(stdout).at(-1)!;
  expect(token).toMatch(/-hw$/);
  const again = await faultline(['replay', fixture, broken, token]);
  expect(again.code).toBe(0);
  expect(again.stdout).toContain('broken   stale-store: ');
  const onward = await faultline(['replay', fixture, broken, '0-hw', '--then', 'explore']);
  expect(onward.stdout).toMatch(/^onward {3}breaks: stale-store/m);
}, 60_000);

test('threads find what this one finds, and JSON says how', async () => {
  const argv = ['compare', ...cell, '--hardware', '--format', 'json'];
  const { stdout } = await faultline([...argv, '--jobs', '0']);
  const inThreads = await faultline([...argv, '--jobs', '2']);
  // Threads run the sources as they are, which states are not remembered of.
  const found = (text: string): unknown[] =>
    JSON.parse(text).cells.map(({ explored: _, ...rest }: { explored: object }) => rest);
  expect(found(inThreads.stdout)).toEqual(found(stdout));
  const value = JSON.parse(stdout);
  const schema = join(__dirname, '..', '..', 'schemas', 'comparison.schema.json');
  expect(new Ajv({ strict: false }).compile(JSON.parse(readFileSync(schema, 'utf8')))(value)).toBe(true);
  expect(value.hardware).toBe(true);
  expect(value.cells[0].broken[0].schedule).toMatch(/-hw$/);
}, 60_000);

test('parts made with and without it are not merged', async () => {
  const part = async (name: string, ...more: string[]): Promise<string> => {
    const file = join(place, name);
    await faultline(['compare', ...cell, '--jobs', '0', '--format', 'json', '--output', file, ...more]);
    return file;
  };
  const [plain, hardware] = [await part('plain.json'), await part('hardware.json', '--hardware')];
  const { code, stderr } = await faultline(['merge', plain, hardware]);
  expect(code).toBe(65);
  expect(stderr).toContain('made with --hardware');
  expect((await faultline(['merge', hardware, '--format', 'json'])).stdout).toBe(
    readFileSync(hardware, 'utf8'),
  );
}, 60_000);

test('a fixture may ask for it itself', async () => {
  const text = readFileSync(fixture, 'utf8').replace('memory:', 'machine: { hardware: true }\nmemory:');
  const own = put(place, 'itself.yaml', text.replace('protected-once', 'itself'));
  expect((await faultline(['check', broken, '--fixture', own])).code).toBe(1);
}, 60_000);

test('the fuzzer makes fixtures that ask for it, and leaves it out where it is not needed', async () => {
  const argv = [
    'fuzz',
    '--hardware',
    '--variant',
    'mkwrite-reuse',
    '--seed',
    '3',
    '--runs',
    '6',
    '--format',
    'json',
  ];
  const { stdout } = await faultline([...argv, '--jobs', '0', '--save', join(place, 'found')]);
  const { hardware, findings } = JSON.parse(stdout);
  expect(hardware).toBe(true);
  for (const { fixture: text } of findings) expect(text).toContain('--hardware');
}, 60_000);

test('a program cannot tell its CPUs what to do', async () => {
  const { code, stderr } = await faultline(['explain', fixture, broken, '--hardware', '--c']);
  expect(code).toBe(64);
  expect(stderr).toContain('--c does not go with --hardware');
}, 60_000);
