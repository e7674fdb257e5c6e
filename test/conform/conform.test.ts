/** `faultline conform` where something is missing or wrong, with programs that stand in for QEMU. */
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faultline, folder, put } from '../cli/terminal';
import { fixtureText, hello, jobEnd, line, turn } from './sample';

const place = folder();
const folders = [place];
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true });
});

const fixture = put(place, 'first.yaml', fixtureText('first'));
const second = put(place, 'second.yaml', fixtureText('second'));
const image = put(place, 'bzImage', `${' '.repeat(0x202)}HdrS and more`);
const shell = '/bin/sh';

/** Programs in a folder of their own, which is all of PATH. */
function programs(named: Record<string, string>): Record<string, string> {
  const path = folder();
  folders.push(path);
  for (const [name, text] of Object.entries(named)) {
    chmodSync(put(path, name, `#!${shell}\n${text}`), 0o755);
  }
  return { PATH: path, XDG_CACHE_HOME: join(path, 'cache'), HOME: path };
}

/** A compiler that writes something where it is told to. */
const compiler = 'while [ "$1" != -o ]; do shift; done; echo agent > "$2"';

/** QEMU, with its report and what it writes to the guest's console. */
function qemu(report: string, console: string, then = ''): Record<string, string> {
  const file = `for word in "$@"; do case "$word" in file:*) console="$\{word#file:}";; esac; done`;
  return programs({
    cc: compiler,
    'qemu-system-x86_64': `${file}\n/bin/cat > "$console" <<'END'\n${console}\nEND\n/bin/cat <<'END'\n${report}\nEND\n${then}`,
  });
}

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
  ])(
    '$what',
    async ({ kernel, env, says }) => {
      const before = left();
      const { code, stdout, stderr } = await conform(kernel, env);
      expect(stderr).toContain(says);
      expect(stderr).not.toMatch(/^ +at /m);
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
  { kernel: 'debian:x', code: 64, says: 'names no Debian kernel' },
])('--kernel $kernel: $code', async ({ kernel, code, says }) => {
  const ended = await conform(kernel, programs({ cc: compiler, 'qemu-system-x86_64': '' }));
  expect(ended.stderr).toContain(says);
  expect(ended.code).toBe(code);
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
  expect(stdout).toMatch(/^first: disagrees\n1 fixtures compared with 6\.1\.0: .* 1 disagree.*\n$/);
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
