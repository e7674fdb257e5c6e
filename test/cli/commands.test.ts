import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtInQuestions, loadFixtures } from '../../src/compare/load';
import { columns } from '../../src/report/screen';
import { version } from '../../src/version';
import { faultline, fixtureText, folder, put, replayArguments, variantText } from './terminal';

const place = folder();
const fixture = put(place, 'written-page.yaml', fixtureText('written-page'));
const idea = put(place, 'my-idea.ts', variantText(''));
const ESCAPE = String.fromCharCode(27);

const comparing = (...more: string[]): string[] => [
  ...['compare', '--jobs', '0', '--fixture', fixture],
  ...['--variant', 'uffd-wp-2018', '--variant', 'dirty-accountable-false', ...more],
];

describe('compare', () => {
  test('prints the table', async () => {
    const { code, stdout, stderr } = await faultline(comparing());
    expect(stdout).toMatch(/^written-page +survives.* +SIGBUS/m);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test("runs a user's own variant", async () => {
    const { code, stdout } = await faultline(comparing('--variant', idea));
    expect(stdout).toMatch(/^my-idea /m);
    expect(code).toBe(0);
  });

  test.each(['0', '1', '2'])(
    'finds the same with --jobs %s',
    async (jobs) => {
      const here = await faultline(comparing('--format', 'json', '--variant', idea));
      const there = await faultline([...comparing('--format', 'json', '--variant', idea), '--jobs', jobs]);
      expect(there).toEqual(here);
    },
    60_000,
  );

  test('prints JSON that a program can read', async () => {
    const { stdout } = await faultline(comparing('--format', 'json'));
    expect(JSON.parse(stdout)).toMatchObject({
      format: 'faultline-comparison',
      version: 1,
      fixtures: [{ id: 'written-page', file: fixture }],
      cells: [{ verdict: 'survives' }, { verdict: 'breaks', broken: [{ class: 'sigbus-loop' }] }],
    });
  });

  test('writes a file, all or nothing', async () => {
    const output = join(folder(), 'comparison.json');
    writeFileSync(output, 'old');
    const { code, stdout } = await faultline(comparing('--format', 'json', '--output', output));
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(JSON.parse(readFileSync(output, 'utf8'))).toHaveProperty('version', 1);
    expect(readdirSync(join(output, '..'))).toEqual(['comparison.json']);
  });

  test('prints what was finished when it is interrupted', async () => {
    const output = join(place, 'interrupted.txt');
    const { code, stdout, stderr } = await faultline(comparing('--output', output), { interruptAt: /1\/2/ });
    expect(code).toBe(130);
    expect(stdout).toMatch(/^written-page +survives \d+ +-$/m);
    expect(stderr).toContain('interrupted: 1 of 2 cells finished');
    expect(existsSync(output)).toBe(false);
  });

  test('says when a bound stopped the search', async () => {
    const { stdout } = await faultline(comparing('--bound', '1'));
    expect(stdout).toMatch(/stopped\s+by:\s+the\s+bound\s+of\s+1\s+run\b/);
  });

  test.each([
    { columns: 72, width: 72, least: 60 },
    { columns: 200, width: 200, least: 100 },
    { columns: undefined, width: 80, least: 60 },
  ])('uses $width columns', async ({ columns: given, width, least }) => {
    const { stdout } = await faultline(comparing(), given === undefined ? {} : { columns: given });
    const lines = stdout
      .replace(new RegExp(`${ESCAPE}\\[\\d+m`, 'g'), '')
      .split('\n')
      .map(columns);
    expect(Math.max(...lines)).toBeLessThanOrEqual(width);
    expect(Math.max(...lines)).toBeGreaterThan(least);
  });

  test.each([
    { argv: [], setting: {}, colored: false },
    { argv: [], setting: { columns: 80 }, colored: true },
    { argv: [], setting: { columns: 80, env: { NO_COLOR: '1' } }, colored: false },
    { argv: [], setting: { columns: 80, env: { TERM: 'dumb' } }, colored: false },
    { argv: [], setting: { env: { FORCE_COLOR: '1' } }, colored: true },
    { argv: ['--color'], setting: { env: { NO_COLOR: '1' } }, colored: true },
    { argv: ['--no-color'], setting: { columns: 80 }, colored: false },
  ])('$argv $setting: coloured is $colored', async ({ argv, setting, colored }) => {
    const { stdout } = await faultline(comparing(...argv), setting);
    expect(stdout.includes(ESCAPE)).toBe(colored);
  });
});

describe('check', () => {
  test.each([
    { variant: 'page-dirty-check', code: 0 },
    { variant: 'dirty-accountable-false', code: 1 },
    { variant: 'mkwrite-reuse-as-posted', code: 1 },
  ])('$variant ends with $code', async ({ variant, code }) => {
    const ended = await faultline(['check', variant, '--fixture', fixture, '--jobs', '0']);
    expect(ended.code).toBe(code);
    expect(ended.stdout).toContain(variant);
  });

  test('is not passed by a kernel that runs nothing', async () => {
    const check = ['check', 'uffd-wp-2018', 'linux-4.19', '--jobs', '0', '--fixture'];
    const { code, stderr } = await faultline([...check, fixture]);
    expect(code).toBe(4);
    expect(stderr).toBe(
      'faultline: nothing was run: linux-4.19 can run none of these fixtures, which proves nothing\n',
    );
    // On one that needs no userfaultfd it runs.
    expect((await faultline([...check, fixture, '--fixture', 'mprotect-plain-nouffd'])).code).toBe(0);
  });
});

describe('list', () => {
  test('has variants, fixtures and invariants', async () => {
    const { code, stdout } = await faultline(['list']);
    expect(code).toBe(0);
    for (const title of ['variants', 'fixtures', 'invariants']) expect(stdout).toContain(`${title} (`);
  });
  test('asks what the fixtures ask', () => {
    const asked = loadFixtures([]).map(({ fixture: { name, asks } }) => ({ id: name, asks }));
    expect(builtInQuestions()).toEqual(asked);
  });
  test('has one of them', async () => {
    const { stdout } = await faultline(['list', 'invariants']);
    expect(stdout).toMatch(/^invariants \(\d+\)\n {2}no-sigbus +sigbus-loop/);
  });
  test.each(
    [40, 72].flatMap((width) =>
      ['variants', 'fixtures', 'invariants', 'functions', 'signs'].map((what) => ({ what, width })),
    ),
  )('of $what keeps to $width columns', async ({ what, width }) => {
    const { stdout } = await faultline(['list', what, '--width', String(width)]);
    for (const line of stdout.split('\n')) expect(columns(line)).toBeLessThanOrEqual(width);
  });
  test('has the legend that a drawing names', async () => {
    const { stdout: drawing } = await faultline(['explain', fixture, 'dirty-accountable-false']);
    const command = /^signs: {2}faultline (.+)$/m.exec(drawing)![1]!;
    const { code, stdout } = await faultline(command.split(' '));
    expect(code).toBe(0);
    for (const title of ['words of a table', 'lines of a run', 'an entry', 'what stands in place'])
      expect(stdout).toContain(title);
  });
});

describe('explain', () => {
  test('tells what is broken where no tasks run beside each other', async () => {
    const text = `name: in-order
asks: Is VM_WRITE asked?
source: test
memory: { guest: { size: 4KiB } }
start: [a: write guest, a: uffd_register guest, a: mprotect guest r, a: uffd_unprotect guest, a: write guest]
`;
    const file = put(folder(), 'in-order.yaml', text);
    const { code, stdout } = await faultline(['explain', file, 'uffd-wp-2018', '--invariant', 'vm-write']);
    expect(code).toBe(0);
    expect(stdout).not.toContain('CPU0');
    expect(stdout).toContain(
      '\n  a  write guest\n       *** vm-write: a store landed in a mapping without VM_WRITE\n',
    );
  });

  test('draws the run, and its replay line gives the same run', async () => {
    const explained = await faultline(['explain', fixture, 'dirty-accountable-false']);
    expect(explained.code).toBe(0);
    expect(explained.stdout).toContain('broken   no-sigbus (sigbus-loop)');
    expect(explained.stdout).toContain('| FAULT_FLAG_ALLOW_RETRY missing 71');
    const replayed = await faultline(replayArguments(explained.stdout));
    expect(replayed.code).toBe(0);
    const runOf = (text: string): string => text.slice(text.indexOf('entries before'));
    expect(runOf(replayed.stdout)).toBe(runOf(explained.stdout));
  });

  test.each([
    { shows: 'in a pipe, as mails have them', setting: {}, more: [], width: 72 },
    { shows: 'on a terminal', setting: { columns: 100, env: { NO_COLOR: '1' } }, more: [], width: 100 },
    { shows: 'where they are asked for', setting: {}, more: ['--width', '88'], width: 88 },
  ])('and replay draw two columns $shows', async ({ setting, more, width }) => {
    const explained = await faultline(['explain', fixture, 'dirty-accountable-false', ...more], setting);
    const replayed = await faultline([...replayArguments(explained.stdout), ...more], setting);
    for (const { stdout } of [explained, replayed]) {
      expect(/^CPU0 vcpu +CPU1/m.exec(stdout)![0]).toHaveLength(Math.floor((width - 2) / 2) + 6);
      for (const line of stdout.split('\n')) expect(columns(line)).toBeLessThanOrEqual(width);
    }
  });

  test('draws how a proposal survives', async () => {
    const { stdout } = await faultline(['explain', fixture, 'page-dirty-check', '--full']);
    expect(stdout).toContain('verdict  survives');
    expect(stdout).toContain('replay: faultline replay');
  });

  test('says why nothing was run', async () => {
    const { code, stdout } = await faultline(['explain', fixture, 'mkwrite-reuse-as-posted']);
    expect(code).toBe(0);
    expect(stdout).toContain('verdict  does not build');
    expect(stdout).not.toContain('replay:');
  });

  test('says when an invariant holds', async () => {
    const { stdout } = await faultline(['explain', fixture, 'page-dirty-check', '--invariant', 'no-sigbus']);
    expect(stdout).toContain('no-sigbus holds in every run.');
  });

  test.each([
    {
      shows: 'a search that was stopped proves nothing',
      args: ['concurrent-4-writers', 'uffd-wp-2018', '--bound', '1'],
      says: 'no-sigbus was not seen to break, but the search was stopped by the bound of 1 run: that proves nothing.',
    },
    {
      shows: 'a kernel that cannot run the fixture proves nothing',
      args: ['thp-whole', 'linux-4.19'],
      says: 'Nothing was run, so nothing is known of no-sigbus.',
    },
    {
      shows: 'a proposal that does not build proves nothing',
      args: [fixture, 'mkwrite-reuse-as-posted'],
      says: 'Nothing was run, so nothing is known of no-sigbus.',
    },
    {
      shows: 'what is never entered is said beside what holds',
      args: ['fork-no-wp-4k', 'uffd-wp-bit'],
      says: 'no-sigbus holds in every run, none of which enters the window.',
    },
  ])('of an invariant: $shows', async ({ args, says }) => {
    const { stdout } = await faultline(['explain', ...args, '--invariant', 'no-sigbus', '--width', '120']);
    expect(stdout).toContain(says);
    expect(stdout.match(/holds in every run/g) ?? []).toHaveLength(says.includes('holds') ? 1 : 0);
  });

  test('calls nothing broken where a proposal survives', async () => {
    const { stdout } = await faultline(['explain', 'unprotect-during-migration', 'mkwrite-every-entry']);
    expect(stdout).toMatch(/nothing broke but what is\s+spurious\s+\(event-needs-arming\)/);
    expect(stdout).toMatch(/^spurious event-needs-arming$/m);
    expect(stdout).not.toMatch(/^broken/m);
    expect(stdout).toContain('*** event-needs-arming (spurious)');
  });
});

describe('help', () => {
  test.each(['compare', 'check', 'list', 'explain', 'replay'])('of %s has examples', async (command) => {
    const { code, stdout } = await faultline([command, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: faultline ${command}`);
    expect(stdout).toContain(`$ faultline ${command}`);
    for (const line of stdout.split('\n'))
      expect(columns(line)).toBeLessThanOrEqual(stdout.includes(line) && line.startsWith('  $') ? 120 : 80);
  });
  test('and version end well', async () => {
    expect(await faultline(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    expect((await faultline(['--help'])).code).toBe(0);
  });
});
