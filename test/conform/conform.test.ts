/** `faultline conform` where something is missing or wrong, with programs that stand in for QEMU. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQemu } from '../../src/conform/qemu';
import { faultline, folder, put } from '../cli/terminal';
import { fixtureText, hello, job, jobEnd, line, turn } from './sample';
import { bzImage, compiler, programs, qemu } from './stand_in';

const place = folder();
afterAll(() => rmSync(place, { recursive: true }));

const fixture = put(place, 'first.yaml', fixtureText('first'));
const second = put(place, 'second.yaml', fixtureText('second'));
const image = put(place, 'bzImage', bzImage);
/** Folders of this process; other tests make their own meanwhile. */
const left = (): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`faultline-${process.pid}-`));
const conform = (kernel: string, env: Record<string, string>, ...more: string[]) =>
  faultline(['conform', '--kernel', kernel, '--fixture', fixture, ...more], { env });

describe('nothing can be run: 4', () => {
  test.each([
    { what: 'no compiler', kernel: 'live', env: programs({}), says: 'no C compiler' },
    {
      what: 'a compiler that fails',
      kernel: 'live',
      env: programs({ cc: 'echo "ld: cannot find -lc" >&2; exit 1' }),
      says: 'cannot build the agent as a static binary: ld: cannot find -lc',
    },
    {
      what: 'no QEMU',
      kernel: image,
      env: programs({ cc: compiler }),
      says: 'no qemu-system-x86_64 in PATH',
    },
    { what: 'no apt', kernel: 'debian:1.2', env: programs({}), says: 'no kernel 1.2 in /boot, and no apt' },
    {
      what: 'a QEMU that fails',
      kernel: image,
      env: programs({ cc: compiler, 'qemu-system-x86_64': 'echo "qemu: no such machine" >&2; exit 1' }),
      says: 'qemu: no such machine',
    },
    {
      what: 'an image that panics at once',
      kernel: image,
      env: qemu('', '[ 1.0] Kernel panic - not syncing: VFS: Unable to mount root fs'),
      says: 'Unable to mount root fs',
    },
    {
      what: 'a kernel without userfaultfd',
      kernel: image,
      env: qemu(hello({ userfaultfd: 0, userfaultfdErrno: 38 }) + line({ k: 'bye' }), ''),
      says: 'userfaultfd: not configured into this kernel',
    },
    {
      what: 'a compiler that says nothing',
      kernel: 'live',
      env: programs({ cc: 'exit 3' }),
      says: 'cannot build the agent as a static binary: it ended with exit code 3',
    },
    {
      what: 'no place for the agent',
      kernel: 'live',
      env: { ...programs({ cc: compiler }), XDG_CACHE_HOME: fixture },
      says: 'first.yaml/faultline (XDG_CACHE_HOME names another folder): no such file',
    },
    {
      what: 'a QEMU that ends without a word',
      kernel: image,
      env: qemu('', '', 'exit 0'),
      says: 'does not get as far as the agent',
    },
    {
      what: 'nothing but garbage',
      kernel: image,
      env: qemu('\x00\x01@zzzz {}\n@0000 {"k":"hello"}\n\x1b[2J', '\x1b[2Jgarbage', 'exit 0'),
      says: 'does not get as far as the agent',
    },
    {
      what: 'userfaultfd not permitted',
      kernel: image,
      env: qemu(hello({ userfaultfd: 0, userfaultfdErrno: 1 }) + line({ k: 'bye' }), ''),
      says: 'not permitted: be root, or set vm.unprivileged_userfaultfd to 1',
    },
    {
      what: 'a version that apt does not know',
      kernel: 'debian:9.9',
      env: programs({
        'apt-get': '',
        'apt-cache': 'echo linux-image-6.1.0-1-cloud-amd64 - x',
        'dpkg-deb': '',
      }),
      says: 'apt knows no package linux-image-9.9*-cloud-amd64',
    },
    {
      what: 'no network',
      kernel: 'debian:7.7',
      env: programs({
        'apt-get': 'echo "E: Failed to fetch: Could not resolve deb.debian.org" >&2; exit 100',
        'apt-cache': 'echo linux-image-7.7.1-cloud-amd64 - x',
        'dpkg-deb': '',
      }),
      says: 'apt-get download linux-image-7.7.1-cloud-amd64 failed: E: Failed to fetch: Could not resolve',
    },
  ])(
    '$what',
    async ({ kernel, env, says }) => {
      const before = left();
      const { code, stdout, stderr } = await conform(kernel, env);
      expect(stderr).toContain(says);
      expect(stderr).toMatch(/^faultline: nothing could be run: /);
      // Neither a stack nor what would do something to a terminal.
      expect(stderr).not.toMatch(/^ +at |[^\n\t\x20-\x7e]/m);
      expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
      expect(left()).toEqual(before);
    },
    20_000,
  );
});

test.each([
  { kernel: join(place, 'nothing'), code: 64, says: 'no such file' },
  { kernel: place, code: 64, says: 'is not a file' },
  { kernel: fixture, code: 65, says: 'is not a bzImage' },
  { kernel: put(place, 'empty', ''), code: 65, says: 'is not a bzImage' },
  { kernel: put(place, 'random', '\x7fELF\x00'.repeat(400)), code: 65, says: 'is not a bzImage' },
  { kernel: '', code: 64, says: '--kernel has no name' },
  { kernel: 'debian:x', code: 64, says: 'names no Debian kernel' },
  { kernel: 'debian:', code: 64, says: 'names no Debian kernel' },
])('--kernel $kernel: $code', async ({ kernel, code, says }) => {
  const ended = await conform(kernel, programs({ cc: compiler, 'qemu-system-x86_64': '' }));
  expect(ended.stderr).toContain(says);
  expect(ended.code).toBe(code);
});

test.each([
  { options: ['--runs', '0'], says: 'a whole number from 1 to 2147483647' },
  { options: ['--runs', '1e3'], says: 'a whole number from 1 to 2147483647' },
  { options: ['--runs', '99999999999'], says: 'a whole number from 1 to 2147483647' },
  { options: ['--runs', '1', '--seed', '2147483648'], says: 'a whole number from 0 to 2147483647' },
  { options: ['--seed', '1'], says: '--seed is for random fixtures: it needs --runs' },
  { options: ['--without', 'fork'], says: '--without is for random fixtures: it needs --runs' },
  { options: ['--runs', '1', '--without', 'forc'], says: 'no verb or group of verbs "forc"' },
  { options: ['--runs', '1', '--format', 'json'], says: '--format json is not for random fixtures' },
  { options: ['--runs', '1', '--fixture', 'thp-partial'], says: '--fixture is not for random fixtures' },
  { options: ['--runs', '1', '--witnesses', './none.ts'], says: 'exclude each other' },
  { options: ['--runs', '1', '--output', fixture], says: 'is a file, not a directory' },
  {
    options: ['--record', '/nowhere/x'],
    says: 'cannot write --record /nowhere/x: there is no folder /nowhere',
  },
  {
    options: ['--output', '/nowhere/x'],
    says: 'cannot write --output /nowhere/x: there is no folder /nowhere',
  },
])('$options: 64, before anything runs', async ({ options, says }) => {
  const { code, stdout, stderr } = await faultline(['conform', ...options], { env: programs({}) });
  expect(stderr).toContain(says);
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
});

test('a guest that hangs at boot is given up', async () => {
  const env = qemu('', '[ 1.0] Linux version 6.1.0\n[ 1.1] waiting for root', 'exec /bin/sleep 100');
  const hung = runQemu(image, [job('first')], env, { bootSeconds: 1, machine: 'tcg' });
  await expect(hung).rejects.toThrow(
    /does not get as far as the agent \(tcg\): nothing was heard for 1\.\d s\n {2}Linux version 6\.1\.0\n/,
  );
});

test('a guest that hangs in the middle keeps what it said, with the end of its console', async () => {
  const report = hello() + line({ k: 'job', name: 'first' }) + turn(0);
  const env = qemu(report, '[ 9.0] the last words', 'exec /bin/sleep 100');
  const { runs } = await runQemu(image, [job('first')], env, { jobSeconds: 1, machine: 'tcg' });
  expect(runs.map(({ observations, end }) => [observations.length, end])).toEqual([
    [1, { kind: 'kernel', what: 'hang', lines: ['the last words'] }],
  ]);
});

test('a guest that says garbage without end keeps what it said', async () => {
  const report =
    hello() + line({ k: 'job', name: 'first' }) + turn(0) + jobEnd() + line({ k: 'job', name: 'second' });
  const env = qemu(report, '', 'i=0; while [ $i -lt 20000 ]; do echo "@dead {garbage $i}"; i=$((i+1)); done');
  const { runs, garbage } = await runQemu(image, [job('first'), job('second')], env, { machine: 'tcg' });
  expect(runs.map(({ end }) => end.kind)).toEqual(['through', 'kernel']);
  expect(garbage).toHaveLength(20);
});

test('a panic in the middle and garbage are results, and what was observed is kept', async () => {
  const report = [hello(), 'gar\x1bbage', line({ k: 'job', name: 'first' }), turn(0)].join('\n');
  const env = qemu(
    report,
    '[ 3.0] BUG: Bad page state in process init\n[ 3.1] Kernel panic - not syncing: x',
  );
  const { code, stdout } = await conform(image, env, '--observed');
  expect(stdout).toContain('vcpu: write guest: ok');
  expect(stdout).toContain('the kernel: panic');
  expect(stdout).toContain('BUG: Bad page state in process init');
  expect(stdout).toContain('1 brought the kernel down');
  expect(stdout).toContain('1 disagree');
  expect(stdout).not.toContain('\x1b');
  expect(code).toBe(1);
});

test('--quiet names the fixtures that disagree, --verbose what was run', async () => {
  const report = [hello(), line({ k: 'job', name: 'first' }), turn(0)].join('\n');
  const env = qemu(report, '[ 3.1] Kernel panic - not syncing: x');
  const { code, stdout, stderr } = await conform(image, env, '--quiet', '--verbose');
  expect(stdout).toMatch(/^first: disagrees\n1 fixture compared with 6\.1\.0: .* 1 disagree.*\n$/);
  expect(stderr).toMatch(
    /^fixture first: \d+ steps\nran first on .*\nran fixtures \(1\) on Linux 6\.1\.0 in \d+ ms\n$/,
  );
  expect(code).toBe(1);
});

test('JSON has a format and a version', async () => {
  const job = (name: string): string => line({ k: 'job', name }) + turn(0) + jobEnd();
  const env = qemu(hello() + job('first') + job('second') + line({ k: 'bye' }), 'Linux version 6.1.0');
  const { stdout } = await conform(image, env, '--fixture', second, '--format', 'json');
  const observed = JSON.parse(stdout);
  expect(observed).toMatchObject({
    format: 'faultline-observed',
    version: 1,
    features: { release: '6.1.0' },
  });
  expect(observed.runs.map((run: { fixture: string }) => run.fixture)).toEqual(['first', 'second']);
});

test('an interrupt ends QEMU and leaves nothing behind', async () => {
  const pid = join(place, 'pid');
  const before = left();
  const env = qemu(
    hello() + line({ k: 'job', name: 'first' }) + turn(0),
    'Linux',
    `echo $$ > ${pid}\nexec /bin/sleep 100`,
  );
  const { code } = await faultline(['conform', '--kernel', image, '--fixture', fixture], {
    env,
    interruptAt: /starting/,
  });
  expect(code).toBe(130);
  if (existsSync(pid))
    expect(() => process.kill(Number(require('node:fs').readFileSync(pid, 'utf8')), 0)).toThrow();
  expect(left()).toEqual(before);
});
