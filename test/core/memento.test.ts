import fc from 'fast-check';
import { clone, Memento, stateHash } from '../../src/core/index';

/** Data as a machine is made of. */
const data = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('node'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'log'), tie('node'), { noNullPrototype: true }),
    fc.array(fc.tuple(fc.integer(), tie('node')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(fc.integer(), { maxLength: 3 }).map((items) => new Set(items)),
    fc.array(fc.integer(), { maxLength: 3 }).map((items) => Int32Array.from(items)),
  ),
})).node;

/** Spoils all that can be reached. */
function spoil(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (ArrayBuffer.isView(value)) (value as Int32Array).fill(77);
  else if (value instanceof Map || value instanceof Set) {
    for (const one of value.values()) spoil(one);
    value.clear();
    if (value instanceof Map) value.set('new', 1);
    else value.add('new');
  } else {
    for (const one of Object.values(value)) spoil(one);
    if (Array.isArray(value)) value.push('new');
    else for (const key of Object.keys(value)) (value as Record<string, unknown>)[key] = 'spoilt';
    if (!Array.isArray(value)) (value as Record<string, unknown>).later = 1;
  }
}

test('whatever happened since, restore() puts all back', () => {
  const property = fc.property(data, (value) => {
    const root = { value };
    const before = clone(root);
    const memento = new Memento([root]);
    spoil(root);
    memento.restore();
    expect(root).toEqual(before);
  });
  fc.assert(property, { seed: 1, numRuns: 500 });
});

test('a copy has the hash of its original, and a memento that of its state', () => {
  const property = fc.property(data, (value) => {
    const hash = stateHash([value]);
    expect(stateHash([clone(value)])).toBe(hash);
    expect(new Memento([value]).hash).toBe(hash);
  });
  fc.assert(property, { seed: 2, numRuns: 500 });
});

const shared = {};
const rows: [what: string, a: unknown, b: unknown, isEqual: boolean][] = [
  ['a number tells', { a: 1 }, { a: 2 }, false],
  ['a bit above the 32nd tells', { a: 1 }, { a: 1 + 2 ** 32 }, false],
  ['a missing entry of a map tells', new Map([[1, 2]]), new Map(), false],
  ['one object in two places is not two equal ones', [shared, shared], [{}, {}], false],
  ['a column may be longer by zeroes', Int32Array.of(1, 0), Int32Array.of(1), true],
  ['the place of a number in a column tells', Int32Array.of(0, 1), Int32Array.of(1, 0), false],
  [
    'entries of a map by number are the same in every order',
    new Map([
      [1, 2],
      [3, 4],
    ]),
    new Map([
      [3, 4],
      [1, 2],
    ]),
    true,
  ],
  [
    'but not if they change places',
    new Map([
      [1, 2],
      [3, 4],
    ]),
    new Map([
      [1, 4],
      [3, 2],
    ]),
    false,
  ],
  ['numbers of a set are the same in every order', new Set([7, 5, 6]), new Set([5, 6, 7]), true],
  [
    'the order of entries by name tells',
    new Map([
      ['a', 1],
      ['b', 1],
    ]),
    new Map([
      ['b', 1],
      ['a', 1],
    ]),
    false,
  ],
  ['the order of a list tells', [1, 2], [2, 1], false],
  ['a log says nothing of the future', { a: 1, log: ['x'] }, { a: 1, log: [] }, true],
  ['what is frozen is not looked into', Object.freeze([1]), Object.freeze([2]), true],
];

test.each(rows)('%s', (_, a, b, isEqual) => {
  expect(stateHash([a]) === stateHash([b])).toBe(isEqual);
});

test('what is merely kept is put back, too', () => {
  const root = { a: 1, log: ['first'], cost: { faults: 0 } };
  const memento = new Memento([root]);
  root.log.push('second');
  root.cost.faults++;
  memento.restore();
  expect(root).toEqual({ a: 1, log: ['first'], cost: { faults: 0 } });
});
