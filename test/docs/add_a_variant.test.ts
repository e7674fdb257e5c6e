import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import * as api from '../../src/index';
import * as jestMatchers from '../../src/jest';
import { faultline, folder } from '../cli/terminal';

const page = readFileSync(join(__dirname, '..', '..', 'docs', 'add-a-variant.md'), 'utf8');
const place = folder();
const before = process.cwd();
beforeAll(() => process.chdir(place));
afterAll(() => process.chdir(before));

const blocks = [...page.matchAll(/^```(\w+) ?(\S*)\n([\s\S]*?)^```$/gm)].map(([, kind, file, text]) => ({
  kind: kind!,
  file: file!,
  text: text!,
}));
const block = (file: string, kind = 'ts'): string =>
  blocks.find((one) => one.file === file && one.kind === kind)!.text;
const commands = blocks.filter(({ kind }) => kind === 'sh').flatMap(({ text }) => text.trim().split('\n'));
const command = (start: string) => {
  const [, ...argv] = commands.find((one) => one.startsWith(`faultline ${start}`))!.split(' ');
  return faultline(start === 'new' ? argv : [...argv, ...(start === 'explain' ? [] : ['--jobs', '0'])]);
};

/** Runs a program of the page with this very package as `faultline`. */
function run(text: string, globals: Record<string, unknown> = {}): Record<string, unknown> {
  const options = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 };
  const code = ts.transpileModule(text, { compilerOptions: options }).outputText;
  const exports = {};
  const load = (name: string): unknown => (name === 'faultline/jest' ? jestMatchers : api);
  const names = Object.keys(globals);
  new Function('exports', 'require', ...names, code)(exports, load, ...names.map((name) => globals[name]));
  return exports;
}

/** In the order of the page: each step needs the one before. */
describe('docs/add-a-variant.md', () => {
  test('goes from a mail to a file', async () => {
    writeFileSync('proposal.eml', block('proposal.eml', 'text'));
    expect(await command('new')).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync('no-borrowing.ts', 'utf8')).toContain("author: 'A Reader'");
  });

  test('changes the line that the hunk changes', () => {
    const change = block('no-borrowing.ts', 'diff');
    const [, old] = /^-( .*)$/m.exec(change)!;
    const [, new_] = /^\+( .*)$/m.exec(change)!;
    const text = readFileSync('no-borrowing.ts', 'utf8');
    expect(text.split(old!.trim())).toHaveLength(2);
    writeFileSync('no-borrowing.ts', text.replace(old!.trim(), new_!.trim()));
  });

  test('asks', async () => {
    expect(await command('check')).toMatchObject({ code: 1, stderr: '' });
    expect((await command('explain')).stdout).toContain('FAULT_FLAG_ALLOW_RETRY missing 71');
    expect((await command('diff')).stdout).toContain('+++ b/no-borrowing.ts');
  }, 60_000);

  test('has a test for Jest that passes', () => {
    const ran: string[] = [];
    run(block('no-borrowing.test.ts'), {
      test: (name: string, work: () => void) => {
        work();
        ran.push(name);
      },
      expect,
    });
    expect(ran).toHaveLength(2);
  }, 60_000);

  test('has a program that prints the table', async () => {
    const { table } = run(block('compare.ts')) as { table(): Promise<string> };
    expect(await table()).toMatch(/^thp-partial.*SIGBUS/m);
  }, 60_000);
});

describe('toSurvive()', () => {
  test('says the run that breaks a variant', () => {
    const fails = () => expect('dirty-accountable-false').toSurvive('thp-partial');
    expect(fails).toThrow(/dirty-accountable-false on thp-partial: breaks: no-sigbus/);
    expect(fails).toThrow(/replay: faultline replay thp-partial dirty-accountable-false \w+-[0-9a-f]{6}/);
  }, 60_000);

  test.each([
    { variant: 'page-dirty-check', fixture: 'thp-partial', pass: true, says: 'survives' },
    { variant: 'mkwrite-reuse-as-posted', fixture: 'thp-partial', pass: false, says: 'does not build' },
  ])('$variant on $fixture: $pass', ({ variant, fixture, pass, says }) => {
    const result = jestMatchers.toSurvive(variant, fixture);
    expect(result.pass).toBe(pass);
    expect(result.message()).toContain(says);
  });
});
