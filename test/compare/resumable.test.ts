import * as vm from 'node:vm';
import { makeResumable, resumableModule, takesSteps } from '../../src/compare/resumable';
import { type Frame, natively, runtime } from '../../src/core/frame';

type Program = (inner: unknown) => Iterator<unknown, unknown>;

/** The value of an expression, with `inner` as a function that takes two steps and gives their sum. */
function evaluate(code: string): { program: Program; inner: unknown } {
  const scope = { ...runtime };
  const inner = vm.runInNewContext(
    makeResumable('(function* (n) { const a = yield n; yield n + 1; return 2 * n + (a ?? 0); })'),
    scope,
  );
  return { program: vm.runInNewContext(makeResumable(code), scope) as Program, inner };
}

/** Every value handed out, then the result. */
function run(code: string, native: boolean): string {
  const { program, inner } = evaluate(code);
  const steps = (): string => {
    const iterator = program(inner);
    const seen: unknown[] = [];
    for (let next = iterator.next(); ; next = iterator.next()) {
      seen.push(next.value);
      if (next.done) return JSON.stringify(seen);
      if (seen.length > 100) return 'endless';
    }
  };
  return native ? natively(steps) : steps();
}

const rows: [what: string, code: string][] = [
  ['a result of what it enters', '(function* (f) { const a = yield* f(1); return a + (yield* f(10)); })'],
  [
    'a loop over an array',
    '(function* (f) { let s = 0; for (const x of [1, 2, 3]) s += yield* f(x); return s; })',
  ],
  [
    'a loop over a map',
    '(function* (f) { let s = 0; for (const [a, b] of new Map([[1, 2], [3, 4]])) s += (yield* f(a)) * b; return s; })',
  ],
  [
    'loops in loops, left and gone on with',
    '(function* (f) { let s = 0; outer: for (const x of [1, 2, 3]) { for (const y of [1, 2]) { if (y === 2) continue outer; if (x === 3) break outer; s += yield* f(x * y); } } return s; })',
  ],
  [
    'while and do',
    '(function* (f) { let n = 0; while ((yield* f(n)) < 8) n++; do { n--; } while ((yield* f(n)) > 2); return n; })',
  ],
  [
    'a condition in the middle of an expression',
    '(function* (f) { return (yield* f(0)) || (yield* f(2)) ? [yield* f(1), yield* f(2)] : { a: yield* f(3) }; })',
  ],
  [
    'a switch',
    "(function* (f) { switch (yield* f(2)) { case 4: return 'four'; default: return 'other'; } })",
  ],
  [
    'a variable of each round, closed over',
    '(function* (f) { const all = []; for (const x of [1, 2]) { yield* f(x); all.push(() => x); } return all.map((one) => one()); })',
  ],
  [
    'functions within, with steps of their own',
    '(function* (f) { const twice = function* (g) { yield* g(1); return yield* g(2); }; return yield* twice(f); })',
  ],
  [
    'parameters taken apart, defaults and the rest',
    '(function* (f, { a = 3 } = {}, ...rest) { return (yield* f(a)) + rest.length; })',
  ],
  [
    'spread, templates and optional parts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code
    '(function* (f) { const m = [...new Set([1, 1, 2])]; return `${yield* f(m.length)} ${m?.at?.(0) ?? 9} ${[...m, ...m].length}`; })',
  ],
  ['what ends at once', '(function* (f) {})'],
  ['a method with this', '((f) => ({ n: 4, *run() { return this.n + (yield* f(this.n)); } }).run())'],
];

test.each(rows)('%s: as the engine does it', (_, code) => {
  expect(run(code, false)).toBe(run(code, true));
  expect(run(code, false)).not.toBe('endless');
});

test.each(rows)('%s: from wherever it was saved, it goes on alike', (_, code) => {
  const { program, inner } = evaluate(code);
  const toEnd = (iterator: Iterator<unknown, unknown>): string => {
    const rest: unknown[] = [];
    for (let next = iterator.next(); ; next = iterator.next()) {
      rest.push(next.value);
      if (next.done) return JSON.stringify(rest);
    }
  };
  const frame = program(inner) as unknown as Frame;
  for (;;) {
    const saved = frame.save()!;
    const first = toEnd(frame);
    frame.restore(saved);
    // Closures over variables of a round are not kept apart; nothing in the kernel collects those.
    if (!code.includes('all.push')) expect(toEnd(frame)).toBe(first);
    frame.restore(saved);
    if (frame.next().done) break;
  }
});

describe('what is kept of a frame is what somebody may still read', () => {
  /** The values among what is saved at the n-th step, which are strings here. */
  function kept(code: string, step: number): string[] {
    const { program, inner } = evaluate(code);
    const frame = program(inner) as unknown as Frame;
    for (let i = 0; i < step; i++) frame.next();
    return frame
      .save()!
      .states[0]!.filter((value): value is string => typeof value === 'string' && /^(?:old|new)/.test(value));
  }
  const cases: [what: string, code: string, step: number, expected: string[]][] = [
    [
      'a variable that is read after the step',
      "(function* (f) { const a = 'old'; yield* f(1); return a; })",
      1,
      ['old'],
    ],
    [
      'not one that was read before it',
      "(function* (f) { const a = 'old'; f(a); yield* f(1); return 1; })",
      1,
      [],
    ],
    [
      'not one that is given another value first',
      "(function* (f) { let a = 'old'; f(a); yield* f(1); a = 'new'; return a; })",
      1,
      [],
    ],
    [
      'one that may be given another value',
      "(function* (f) { let a = 'old'; if (yield* f(1)) a = 'new'; return a; })",
      1,
      ['old'],
    ],
    [
      'one that the next round of a loop reads',
      "(function* (f) { let a = 'old'; for (let i = 0; i < 2; i++) { f(a); yield* f(i); } })",
      1,
      ['old'],
    ],
    [
      'not any more in the last step after the loop',
      "(function* (f) { let a = 'old'; for (let i = 0; i < 1; i++) { f(a); yield* f(i); } yield* f(2); })",
      3,
      [],
    ],
    [
      'one that a function reads which the callee was handed',
      "(function* (f) { const a = 'old'; yield* f(1, () => a); })",
      1,
      ['old'],
    ],
    [
      'one that a function reads which somebody else has',
      "(function* (f) { const a = 'old'; const get = () => a; yield* f(1); yield* f(2); return get; })",
      3,
      ['old'],
    ],
    [
      'not one that only a function reads which was called at once',
      "(function* (f) { const a = 'old'; [1].map(() => a); yield* f(1); })",
      1,
      [],
    ],
  ];
  test.each(cases)('%s', (_, code, step, expected) => {
    expect(kept(code, step)).toEqual(expected);
  });
});

test('what is between saves stands on its own line, so that places in a file stay', () => {
  const code =
    '"use strict";\nexports.f = function* (k) {\n  yield* k.a();\n\n  yield* k.b();\n};\nexports.after = 1;\n';
  const made = resumableModule(code, './frame');
  const lineOf = (text: string): number => made.slice(0, made.indexOf(text)).split('\n').length;
  expect([lineOf('k.a()'), lineOf('exports.after')]).toEqual([3, 7]);
  expect(resumableModule('exports.one = 1;', './frame')).toBe('exports.one = 1;');
});

test('a compiled function is still one that takes steps', () => {
  const { program } = evaluate('(function* (f) { yield* f(1); })');
  expect([takesSteps(program), takesSteps(function* () {}), takesSteps(() => 1)]).toEqual([
    true,
    true,
    false,
  ]);
});

test('a function that uses try stays a generator', () => {
  const code = '(function* (f) { try { return yield* f(1); } finally { f(2); } })';
  expect(makeResumable(code)).toBe(code);
});
