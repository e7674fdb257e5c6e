import fc from 'fast-check';
import { stepPattern } from '../../src/workload/describe';
import { type Part, reserved, showStep, type UserStep, verbNames, verbs } from '../../src/workload/index';
import { deeds } from '../../src/workload/perform';
import { type Names, parseStep } from '../../src/workload/step_text';

const place = { line: 1, column: 1 };
const names: Names = {
  regions: new Map([
    ['guest', 512],
    ['one', 1],
    ['a-b', 4],
  ]),
  files: new Map([['data', 4]]),
  nodes: 2,
};

const name = fc.stringMatching(/^[A-Za-z_][\w-]{0,8}$/).filter((text) => !reserved.has(text));
const pages = fc.constantFrom(...names.regions).chain(([region, size]) =>
  fc.oneof(
    fc.constant({ region, first: 0, last: size - 1, whole: true }),
    fc.tuple(fc.nat(size - 1), fc.nat(size - 1)).map(([a, b]) => ({
      region,
      first: Math.min(a, b),
      last: Math.max(a, b),
      whole: false,
    })),
  ),
);
const page = fc
  .constantFrom(...names.regions)
  .chain(([region, size]) => fc.nat(size - 1).map((at) => ({ region, first: at, last: at, whole: false })));

/** What a part can add to a step. */
function fieldsOf(part: Part): fc.Arbitrary<Partial<UserStep>> {
  switch (part.kind) {
    case 'pages': {
      const all = pages.filter((range) => range.whole);
      const on = (part.whole ? all : part.one ? page : pages).map((range) => ({ on: range }));
      if (part.fault) return fc.oneof(on, fc.constant({ onFault: true }));
      return part.optional ? fc.oneof(on, fc.constant({})) : on;
    }
    case 'value':
      return fc.option(fc.nat(999_999), { nil: null }).map((value) => ({ value }));
    case 'to':
      return fc.constantFrom(...names.regions.keys()).map((to) => ({ to }));
    case 'word': {
      const word = fc.constantFrom(...part.of).map((one) => ({ word: one }));
      return part.optional ? fc.oneof(word, fc.constant({})) : word;
    }
    case 'flags':
      return fc.subarray([...part.of]).map((flags) => ({ flags }));
    case 'features':
      return fc.subarray([...part.of]).map((features) => ({ features }));
    case 'name': {
      const one = (part.of === 'file' ? fc.constantFrom(...names.files.keys()) : name).map((n) => ({
        name: n,
      }));
      return part.optional ? fc.oneof(one, fc.constant({})) : one;
    }
    case 'filePage':
      return fc.nat(3).map((filePage) => ({ name: 'data', filePage }));
    case 'node':
      return fc.option(fc.nat(1), { nil: null }).map((node) => ({ node }));
    case 'with':
      return fc.option(name, { nil: null }).map((uffd) => ({ uffd }));
  }
}

const nothing = {
  ...{ on: null, onFault: false, to: null, value: null, word: null, flags: [], name: null },
  ...{ filePage: null, node: null, features: [], uffd: null, place },
};
const step: fc.Arbitrary<UserStep> = fc
  .constantFrom(...verbNames)
  .chain((verb) =>
    fc
      .tuple(...verbs[verb]!.parts.map(fieldsOf))
      .map((fields) => Object.assign({ verb, ...nothing }, ...(fields as object[])) as UserStep),
  );

describe('the table of verbs', () => {
  test.each(verbNames)('%s has an example that is a step', (verb) => {
    const { example } = verbs[verb]!;
    const known = { ...names, regions: new Map([...names.regions, ['later', 512], ['fresh', 1]]) };
    expect(showStep(parseStep(example, place, known))).toBe(example);
  });

  test('has something to do for every verb, and nothing else', () => {
    expect(Object.keys(deeds).sort()).toEqual([...verbNames].sort());
  });

  test('reads every step as it is shown', () => {
    fc.assert(fc.property(step, (one) => expect(parseStep(showStep(one), place, names)).toEqual(one)));
  });

  test('describes every step to editors', () => {
    fc.assert(fc.property(step, (one) => expect(showStep(one)).toMatch(new RegExp(stepPattern(one.verb)))));
  });
});
