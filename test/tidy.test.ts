import packageJson from '../package.json';
import { version } from '../src/version';
import { forgottenYields } from './support/forgotten_yields';
import { wrongKernelComments } from './support/kernel_comments';
import { brokenLayers } from './support/layers';
import { type Source, sourceOf, sourcesUnder } from './support/source';
import {
  impurities,
  plainYields,
  printing,
  tooLong,
  unfinishedWork,
  unlistedVariants,
  vagueNames,
} from './support/tidy';

const all = sourcesUnder('src', '.ts');
const below = (...folders: string[]): Source[] =>
  all.filter(({ file }) => folders.some((folder) => file.startsWith(`src/${folder}/`)));

describe('the project', () => {
  test('keeps to the layers', () => expect(brokenLayers(all)).toEqual([]));

  test('has a machine without clock, chance and output', () => {
    expect(impurities(below('core', 'variants'))).toEqual([]);
  });

  test('prints in cli.ts only', () => expect(printing(all)).toEqual([]));

  test('lists the variants that are in the folder', () => {
    expect(unlistedVariants(below('variants'))).toEqual([]);
  });

  test('has files and functions that fit the eye', () => {
    expect(tooLong(all, { file: 300, function: 60 })).toEqual([]);
  });

  test('leaves no work unfinished', () => {
    const files = ['src', 'test', 'bench', 'fixtures', '.ci'].flatMap((folder) => sourcesUnder(folder, ''));
    expect(unfinishedWork([...files, sourceOf('package.json')])).toEqual([]);
  });

  test('names files after nouns', () => {
    expect(vagueNames([...all, ...sourcesUnder('test', '.ts'), ...sourcesUnder('bench', '.ts')])).toEqual([]);
  });

  test('forgets no yield*', () => expect(forgottenYields(below('core', 'variants'))).toEqual([]));

  test('takes steps in the machine, not in kernel functions', () => {
    expect(plainYields(below('core/kernel', 'variants'))).toEqual([]);
  });

  test('says of every kernel function where it is from and which locks it wants', () => {
    expect(wrongKernelComments(below('core/kernel'))).toEqual([]);
  });

  test('has one version', () => expect(version).toBe(packageJson.version));
});

describe('brokenLayers()', () => {
  const core = { file: 'src/core/index.ts', text: '' };
  const judge = { file: 'src/judge/verdict.ts', text: '' };
  const check = (file: string, text: string) => brokenLayers([{ file, text }, core, judge]);

  test.each([
    { file: 'src/core/kernel/mm.ts', text: "import { join } from 'node:path';", because: 'core is alone' },
    {
      file: 'src/core/a.ts',
      text: "import type { Verdict } from '../judge/verdict';",
      because: 'even types',
    },
    { file: 'src/core/a.ts', text: "const fs = require('fs');", because: 'require is an import' },
    {
      file: 'src/core/a.ts',
      text: "type V = import('../judge/verdict').Verdict;",
      because: 'so is import()',
    },
    { file: 'src/variants/a.ts', text: "import { pte } from '../core/entry';", because: 'not through index' },
    { file: 'src/variants/a.ts', text: "import b from './b';", because: 'another variant' },
    {
      file: 'src/workload/a.ts',
      text: "export * from '../variants/b';",
      because: 'never knows who is tested',
    },
    { file: 'src/explore/a.ts', text: "import list from '../variants';", because: 'is handed its variant' },
    { file: 'src/judge/a.ts', text: "import '../variants/index';", because: 'is a judge' },
    { file: 'src/report/a.ts', text: "import { judge } from '../judge/verdict';", because: 'runs something' },
    { file: 'src/report/a.ts', text: "import { readFileSync } from 'node:fs';", because: 'touches files' },
    { file: 'src/walk.ts', text: "import './cli';", because: 'nobody imports cli.ts' },
    { file: 'src/walk.ts', text: "import '../test/a';", because: 'is not shipped' },
    { file: 'src/else/a.ts', text: '', because: 'has no row' },
  ])('$file: $text ($because)', ({ file, text }) => {
    expect(check(file, text)).toEqual([
      expect.stringMatching(new RegExp(`^${file.replaceAll('.', '\\.')}:`)),
    ]);
  });

  test.each([
    { file: 'src/core/kernel/mm.ts', text: "import { pte } from '../entry'; import './rmap';" },
    { file: 'src/variants/a.ts', text: "import { a } from '../core'; import { b } from '../core/index';" },
    { file: 'src/variants/index.ts', text: "import a from './a';" },
    { file: 'src/workload/a.ts', text: "import { parseDocument } from 'yaml';" },
    {
      file: 'src/report/a.ts',
      text: "import type { Verdict } from '../judge/verdict'; import 'cli-table3';",
    },
    { file: 'src/report/b.ts', text: "import { type Verdict } from '../judge/verdict';" },
    { file: 'src/cli.ts', text: "import './variants'; import 'node:fs'; import 'commander';" },
  ])('$file: $text', ({ file, text }) => expect(check(file, text)).toEqual([]));

  test('says where, what and why', () => {
    expect(check('src/judge/a.ts', "\nimport v from '../variants';")).toEqual([
      'src/judge/a.ts:2: imports ../variants: a judge must not know who is tested',
    ]);
  });
});

describe('forgottenYields()', () => {
  const run = {
    file: 'src/core/run.ts',
    text: `
      export interface Step { label: string }
      export interface Run<T> { [Symbol.iterator](): Iterator<Step, T, undefined> }
      export declare function lock(): Run<void>;
      export declare function map(address: number): Run<number> | undefined;
      export declare function drive(task: Run<void>): void;`,
  };
  const check = (body: string) =>
    forgottenYields([
      run,
      {
        file: 'src/core/kernel/a.ts',
        text: `import { drive, lock, map, type Run, type Step } from '../run';\n${body}`,
      },
    ]);

  test.each([
    { body: 'function* f(): Run<void> { lock(); }', calls: 'lock' },
    { body: 'function* f(): Run<void> { if (lock()) return; }', calls: 'lock' },
    { body: 'function* f(): Run<void> { const page = map(1); }', calls: 'map' },
    { body: 'function* f(): Run<unknown> { return lock(); }', calls: 'lock' },
    { body: 'function* f(): Generator<Step, void> {}\nfunction g() { f(); }', calls: 'f' },
    { body: 'const k = { *f(): Run<void> {} };\nfunction* g(): Run<void> { k.f(); }', calls: 'k.f' },
    { body: 'function* f(): Generator<Run<void>, void> { yield lock(); }', calls: 'lock' },
  ])('$body', ({ body, calls }) => {
    expect(check(body)).toEqual([expect.stringMatching(/^src\/core\/kernel\/a\.ts:[23]: /)]);
    expect(check(body)[0]).toContain(`: ${calls}() is never run`);
  });

  test.each([
    'function* f(): Run<void> { yield* lock(); }',
    'function* f(a: boolean): Run<void> { yield* (a ? lock() : lock()); }',
    'function* f(): Run<number> { return yield* map(1)!; }',
    'function f(): Run<void> { return lock(); }',
    'function f() { return lock(); }',
    'const f = () => lock();',
    'const start: Run<void> = lock();',
    'drive(lock());',
    'function* numbers() { yield 1; }\nfor (const n of numbers()) n.toFixed();',
  ])('%s', (body) => expect(check(body)).toEqual([]));
});

describe('wrongKernelComments()', () => {
  const check = (comment: string, code = 'export function* do_wp_page(k: K): Run<void> {}') =>
    wrongKernelComments([{ file: 'src/core/kernel/memory.ts', text: `${comment}\n${code}` }]);
  const good = `/**
    * mm/memory.c:do_wp_page(). Simplified: never out of memory.
    * Why it is long.
    * Enters with the entry locked; returns
    * with it unlocked.
    */`;

  test.each([
    { comment: '', wrong: 'do_wp_page(): its comment must begin' },
    { comment: '/** Copies the page. */', wrong: 'do_wp_page(): its comment must begin' },
    { comment: '/** mm/memory.c:do_wp_page(). */', wrong: 'do_wp_page(): its comment must begin' },
    {
      comment: '/** mm/memory.c:do_wp_page(). Simplified: */',
      wrong: 'do_wp_page(): its comment must begin',
    },
    { comment: good.replace('do_wp_page', 'wp_page_copy'), wrong: 'cites wp_page_copy()' },
    {
      comment: '/** mm/memory.c:do_wp_page(). Faithful. */',
      wrong: 'do_wp_page(): its comment needs a line on locks',
    },
    { comment: good.replace('; returns', ''), wrong: 'do_wp_page(): its comment needs a line on locks' },
  ])('$comment', ({ comment, wrong }) => {
    expect(check(comment)).toEqual([expect.stringContaining(wrong)]);
  });

  test('sees constants and methods of exported objects', () => {
    expect(check('', 'export const do_wp_page = function* () {};')).toHaveLength(1);
    expect(
      check('', 'export const memory = { *do_wp_page(k) {}, do_fault: (k) => 1 } satisfies K;'),
    ).toHaveLength(2);
  });

  test('leaves good comments, our own functions and what is not exported alone', () => {
    expect(check(good)).toEqual([]);
    expect(check(good.replace('do_wp_page()', 'do_fault(), the\n * last part'))).toEqual([]);
    expect(check('', `export const memory = {\n${good}\n*do_wp_page(k) {} };`)).toEqual([]);
    expect(check('', 'export function pageOf(k: K) {} function* do_fault() {}')).toEqual([]);
  });
});

describe('impurities()', () => {
  const check = (text: string) => impurities([{ file: 'src/core/a.ts', text }]);

  test.each([
    'Date.now()',
    'new Date()',
    'Math.random()',
    "console.log('x')",
    'process.env',
    'performance.now()',
  ])('%s', (text) =>
    expect(check(`\nconst a = ${text};`)).toEqual([expect.stringContaining('src/core/a.ts:2: ')]),
  );

  test('leaves words in comments and strings, and our own members, alone', () => {
    expect(check("// Math.random()\nconst a = 'Date.now()' + Math.max(1, page.Date);")).toEqual([]);
  });
});

describe('printing()', () => {
  test.each(["console.error('x')", "process.stdout.write('x')", "process.stderr.write('x')"])(
    '%s',
    (text) => {
      expect(printing([{ file: 'src/walk.ts', text }])).toEqual([expect.stringContaining('src/walk.ts:1: ')]);
      expect(printing([{ file: 'src/cli.ts', text }])).toEqual([]);
    },
  );
});

test('tooLong() names file and function', () => {
  const source = { file: 'src/a.ts', text: 'const a = () => {\n\n\n};\n\nclass B {\n  c() {\n\n\n  }\n}\n' };
  expect(tooLong([source], { file: 11, function: 4 })).toEqual([]);
  expect(tooLong([source], { file: 10, function: 3 })).toEqual([
    expect.stringMatching(/^src\/a\.ts: 11 lines/),
    expect.stringMatching(/^src\/a\.ts:1: a\(\) has 4 lines/),
    expect.stringMatching(/^src\/a\.ts:7: c\(\) has 4 lines/),
  ]);
});

test('unfinishedWork() names the line', () => {
  const word = ['TO', 'DO'].join('');
  expect(unfinishedWork([{ file: 'a.ts', text: `\n// ${word}: more` }])).toEqual([
    expect.stringContaining(`a.ts:2: "${word}"`),
  ]);
  expect(unfinishedWork([{ file: 'a.ts', text: 'todo(); XXXL; shack' }])).toEqual([]);
});

test('vagueNames() wants nouns', () => {
  const named = (file: string): Source => ({ file, text: '' });
  const found = vagueNames(['src/a/utils.ts', 'src/helpers.ts', 'src/types.ts', 'src/entry.ts'].map(named));
  expect(found).toHaveLength(3);
});

test('plainYields() wants yield*', () => {
  const text = 'function* f() {\n  yield* g();\n  yield step;\n}';
  expect(plainYields([{ file: 'a.ts', text }])).toEqual([expect.stringContaining('a.ts:3: ')]);
});

test('unlistedVariants() wants each file once', () => {
  const variants = (text: string) => [
    { file: 'src/variants/index.ts', text },
    { file: 'src/variants/a.ts', text: '' },
  ];
  expect(unlistedVariants(variants("import a from './a';"))).toEqual([]);
  expect(unlistedVariants(variants(''))).toEqual([
    'src/variants/index.ts imports src/variants/a.ts 0 times, not once',
  ]);
  expect(unlistedVariants(variants("import a from './a';\nimport b from './a';"))).toHaveLength(1);
});
