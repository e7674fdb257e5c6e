import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { failureOf } from '../../src/cli/failure';
import { ModelError } from '../../src/core/assert';
import { faultline, fixtureText, folder, put, variantText } from './terminal';

const place = folder();
const fixture = put(place, 'written-page.yaml', fixtureText('written-page'));
const missing = join(place, 'missing.ts');
mkdirSync(join(place, 'folder.yaml'));

describe('the command line', () => {
  test.each([
    { argv: ['compare', '--nonsense'], says: "unknown option '--nonsense'" },
    { argv: ['compair'], says: 'Did you mean compare?' },
    { argv: ['list', 'fixture'], says: 'Allowed choices are variants, fixtures, invariants, functions' },
    { argv: ['compare', '--format', 'pdf'], says: 'Allowed choices are table, json' },
    { argv: ['compare', '--width', 'wide'], says: 'a whole number, at least 40' },
    { argv: ['compare', '--jobs', '-1'], says: 'a whole number, at least 0' },
    {
      argv: ['compare', '--variant', 'mkwrite-resue'],
      says: 'unknown variant "mkwrite-resue"; did you mean "mkwrite-reuse"?',
    },
    { argv: ['compare', '--fixture', 'qqqqqqqqqqqqqqqq'], says: 'faultline list fixtures shows' },
    { argv: ['explain', fixture], says: "missing required argument 'variant'" },
    {
      argv: ['explain', fixture, 'uffd-wp-2018', '--invariant', 'no-sigbuss'],
      says: 'did you mean "no-sigbus"?',
    },
    { argv: ['replay', fixture, 'uffd-wp-2018', '12a!'], says: '"12a!" is no schedule' },
    { argv: ['compare', '--variant', 'uffd-wp-2018', '--variant', 'uffd-wp-2018'], says: 'named twice' },
    {
      argv: ['compare', '--output', '/nonexistent/x.json'],
      says: 'cannot write --output /nonexistent/x.json: there is no folder /nonexistent',
    },
    { argv: ['compare', '--output', place], says: 'is a directory' },
    { argv: ['compare', '--output', ''], says: 'cannot write --output' },
    { argv: ['compare', 'everything'], says: "too many arguments for 'compare'" },
    { argv: ['check'], says: "missing required argument 'variant'" },
    { argv: ['constructor'], says: "unknown command 'constructor'" },
  ])('$argv: 64', async ({ argv, says }) => {
    const { code, stdout, stderr } = await faultline(argv);
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(/^ +at /m);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });
});

/** So many actors that each write once. */
const crowdText = (name: string, many: number): string =>
  `name: ${name}\nasks: Do all get on?\nsource: test\nmemory:\n  guest: { size: 16KiB }\nstart: []\ntasks:\n` +
  Array.from({ length: many }, (_, i) => `  t${i}: [write guest]\n`).join('');

test.each<{ argv: string[] }>([
  { argv: ['fuzz', '--runs', '1'] },
  { argv: ['compare', '--fixture', 'base-dirty-4k'] },
  { argv: ['new', 'fixture', 'mine'] },
  { argv: ['list'] },
])('$argv in a directory that is gone: 64', async ({ argv }) => {
  const home = process.cwd();
  const gone = folder();
  process.chdir(gone);
  rmdirSync(gone);
  const { code, stdout, stderr } = await faultline(argv).finally(() => process.chdir(home));
  expect(stderr).toBe('faultline: the directory in which it was started is gone; start it in another\n');
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
});

test.each<{ shows: string; argv: string[] }>([
  { shows: 'fuzz', argv: ['fuzz', '--runs', '1', '--save', '/proc/faultline'] },
  { shows: 'conform', argv: ['conform', '--runs', '1', '--output', '/proc/faultline'] },
  { shows: 'compare', argv: ['compare', '--output', '/proc/faultline'] },
  { shows: 'diff', argv: ['diff', 'uffd-wp-2018', 'uffd-wp-bit', '--output', '/proc/faultline'] },
  { shows: 'merge', argv: ['merge', 'never-read.json', '--output', '/proc/faultline'] },
])('$shows asks before its work whether its output can be written', async ({ argv }) => {
  const { code, stderr } = await faultline(argv);
  expect(stderr).toMatch(
    /^faultline: cannot write --\w+ \/proc\/faultline: \/proc: no file can be made there\n$/,
  );
  expect(code).toBe(64);
});

describe('a file', () => {
  const variant = (name: string, text: string): string[] => ['--variant', put(place, name, text)];
  const yaml = (name: string, text: string): string[] => ['--fixture', put(place, name, text)];

  test.each([
    { file: ['--variant', missing], says: `${missing}: no such file` },
    { file: ['--fixture', join(place, 'folder.yaml')], says: 'folder.yaml: is a directory' },
    { file: variant('syntax.ts', 'export default {\n  meta: {\n  kernel }}}'), says: 'syntax.ts:3:' },
    { file: variant('plain.js', 'module.exports = {\n  meta: {\n  kernel }}}'), says: 'plain.js:3:' },
    { file: variant('empty.ts', ''), says: 'empty.ts:1:1: exports no variant' },
    { file: variant('number.ts', 'export default 7;'), says: 'number.ts:1:1: exports no variant' },
    { file: variant('half.ts', "export default { meta: { id: 'half' } };"), says: 'no "kernel"' },
    {
      file: variant('misspelt.ts', variantText('*mwriteprotect_rang() {}')),
      says: 'misspelt.ts:7:6: there is no kernel function "mwriteprotect_rang" to replace; did you mean "mwriteprotect_range"?',
    },
    {
      file: variant('value.ts', variantText('do_wp_page: 3,')),
      says: 'value.ts:7:5: "do_wp_page" must be a function',
    },
    {
      file: variant('no-steps.ts', variantText('do_wp_page() { return 0; },')),
      says: 'no-steps.ts:7:5: "do_wp_page" takes steps: write *do_wp_page',
    },
    {
      file: variant('steps.ts', variantText('*vma_can_userfault() { return true; },')),
      says: 'steps.ts:7:6: "vma_can_userfault" takes no steps: write vma_can_userfault without *',
    },
    {
      file: variant('ends.js', 'module.exports = {'),
      says: 'ends.js:1:1: SyntaxError: Unexpected end of input',
    },
    {
      file: variant('throws.ts', "\n\nthrow new Error('not today');\nexport default {};"),
      says: 'throws.ts:3:7: Error: not today',
    },
    {
      file: variant('base.ts', variantText('', "id: 'x', base: 'uffd-wp-2081'")),
      says: 'base.ts:5:20: base "uffd-wp-2081" does not exist; did you mean "uffd-wp-2018"?',
    },
    {
      file: variant('taken.ts', variantText('', "id: 'mkwrite-reuse', base: null")),
      says: 'is the id of a built-in variant',
    },
    {
      file: variant('requires.ts', "import 'nowhere-to-be-found';"),
      says: "Cannot find module 'nowhere-to-be-found'",
    },
    { file: yaml('bad.yaml', 'name: bad\n  asks: [\n'), says: 'bad.yaml:1:7: not YAML' },
    {
      file: yaml('step.yaml', fixtureText('step').replace('uffd_wait', 'uffd_weight')),
      says: 'step.yaml:12:13: there is no verb "uffd_weight"; did you mean "uffd_wait"?',
    },
    {
      file: yaml('outside.yaml', fixtureText('outside').replace('write guest[1]', 'write guest[99]')),
      says: 'outside.yaml:11:23: page 99 is outside guest, which has 4 pages: guest[0..3]',
    },
    {
      file: yaml('type.yaml', fixtureText('type').replace('16KiB', '[1, 2]')),
      says: 'type.yaml:5:18: size is a list; allowed: a size such as 16KiB',
    },
    {
      file: yaml('empty.yaml', ''),
      says: 'empty.yaml:1:1: a fixture is nothing; allowed: a mapping with name',
    },
    {
      file: yaml('crowd.yaml', crowdText('crowd', 27)),
      says: 'crowd.yaml:34:9: the task of one actor too many: the fixture has tasks of 27; allowed: at most 26',
    },
    {
      file: [...yaml('machines.yaml', crowdText('machines', 14)), '--hardware'],
      says: 'machines.yaml:21:9: the task of one actor too many: the fixture has tasks of 14; allowed: at most 13',
    },
    { file: yaml('noise.yaml', '\u0001x'.repeat(999)), says: 'noise.yaml:1:1: a fixture is "?x?x' },
  ])('$says: 65', async ({ file, says }) => {
    const output = join(place, 'never-written.txt');
    const { code, stdout, stderr } = await faultline(['compare', '--jobs', '0', ...file, '--output', output]);
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(/^ +at /m);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr.length).toBeLessThan(1000);
    expect({ code, stdout }).toEqual({ code: 65, stdout: '' });
    expect(existsSync(output)).toBe(false);
  });

  test.each(['0', '1'])(
    'that throws in a run is told with its place, with --jobs %s',
    async (jobs) => {
      const kernel = '*mwriteprotect_range(k: any): any {\n      return k.no_such_thing.at.all;\n    },';
      const mine = put(place, 'throws-late.ts', variantText(kernel));
      const argv = ['compare', '--fixture', fixture, '--variant', mine, '--jobs', jobs];
      const { code, stderr } = await faultline(argv);
      expect(stderr).toMatch(/throws-late\.ts:8:\d+: variant my-idea threw TypeError: .*\n$/);
      expect(stderr).not.toMatch(/^ +at /m);
      expect(code).toBe(65);
      expect((await faultline([...argv, '--verbose'])).stderr).toMatch(/^ +at /m);
    },
    30_000,
  );

  test.each(['a3b9-000000', '0-000000'])(
    'with the schedule %s of another model is told, with the run',
    async (token) => {
      const { code, stdout, stderr } = await faultline(['replay', fixture, 'uffd-wp-2018', token]);
      expect(code).toBe(65);
      expect(stdout).toContain('replay: ');
      expect(stderr).toContain('from another version of the model');
    },
  );
});

test('our own bug: 70, with a line asking for a report', () => {
  const failure = failureOf(new ModelError('pte_lock(): not recursive'), false);
  expect(failure.code).toBe(70);
  expect(failure.text).toMatch(
    /^faultline: ModelError: pte_lock\(\): not recursive\nThis is a bug of faultline/,
  );
  expect(failure.text).not.toMatch(/^ +at /m);
  expect(failureOf(new ModelError('x'), true).text).toMatch(/^ +at /m);
});
