import fc from 'fast-check';
import { clone, type Memento, Memory, stateHash } from '../../src/core/index';

/** Data as a machine is made of. */
const data = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.integer(),
    fc.double({ noNaN: true }).filter((n) => !Object.is(n, -0)),
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
    if (!Array.isArray(value)) Object.assign(value, { later: 1, found: { later: 2 } });
  }
}

test('whatever happened since, restore() puts all back, forth and back again', () => {
  const property = fc.property(data, (value) => {
    const root = { value };
    const memory = new Memory([root]);
    const before = clone(root);
    const hash = memory.read([], []);
    const memento = memory.save();
    spoil(root);
    const after = clone(root);
    const spoilt = memory.read([], []);
    const other = memory.save();
    for (let round = 0; round < 2; round++) {
      memory.restore(memento);
      expect(root).toEqual(before);
      expect(memory.read([], [])).toBe(hash);
      memory.restore(other);
      expect(root).toEqual(after);
      expect(memory.read([], [])).toBe(spoilt);
    }
  });
  fc.assert(property, { seed: 1, numRuns: 500 });
});

test('a copy has the hash of its original, whoever tells it', () => {
  const property = fc.property(data, (value) => {
    const copy = clone(value);
    expect(stateHash([copy])).toBe(stateHash([value]));
    expect(new Memory([copy]).read([], [])).toBe(new Memory([value]).read([], []));
  });
  fc.assert(property, { seed: 2, numRuns: 500 });
});

const shared = {};
const rows: [what: string, a: unknown, b: unknown, isEqual: boolean][] = [
  ['a number tells', { a: 1 }, { a: 2 }, false],
  ['a bit above the 32nd tells', { a: 1 }, { a: 1 + 2 ** 32 }, false],
  ['and in which of two numbers it is', [1 + 2 ** 32, 1], [1, 1 + 2 ** 32], false],
  ['no value is not a number', { a: null }, { a: 3 }, false],
  ['true is not a number', { a: true }, { a: 1 }, false],
  ['a missing entry of a map tells', new Map([[1, 2]]), new Map(), false],
  ['one object in two places is not two equal ones', [shared, shared], [{}, {}], false],
  ['a column may be longer by zeroes', Int32Array.of(1, 0), Int32Array.of(1), true],
  ['the place of a number in a column tells', Int32Array.of(0, 1), Int32Array.of(1, 0), false],
  [
    'of two columns, in which of them a number is',
    [Int32Array.of(1), Int32Array.of(0)],
    [Int32Array.of(0), Int32Array.of(1)],
    false,
  ],
  ['of two lists, in which of them a value is', [[1], []], [[], [1]], false],
  ['a list is not what it holds', [[1, 2]], [1, 2], false],
  ['a field that holds nothing is not none', { a: 1, b: undefined }, { a: 1 }, false],
  ['the name of a field tells', { a: 1 }, { b: 1 }, false],
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
  // Whether it was there at the beginning, came into a field, or is in a list that is told in full.
  expect(new Memory([a]).read([], []) === new Memory([b]).read([], [])).toBe(isEqual);
  const root: { value: unknown } = { value: null };
  const memory = new Memory([root]);
  const cameLater = (value: unknown): number => {
    root.value = value;
    return memory.read([], []);
  };
  expect(cameLater(a) === cameLater(b)).toBe(isEqual);
  expect(cameLater(null)).toBe(memory.read([], []));
  expect(memory.read([], [[[a]]]) === memory.read([], [[[b]]])).toBe(isEqual);
});

test('objects that were there at the beginning are not told apart by what they hold alone', () => {
  const root = { one: { n: 5 }, other: { n: 5 }, which: null as unknown };
  const memory = new Memory([root]);
  root.which = root.one;
  const one = memory.read([], []);
  root.which = root.other;
  expect(memory.read([], [])).not.toBe(one);
  [root.one.n, root.other.n] = [6, 7];
  const before = memory.read([], []);
  [root.one.n, root.other.n] = [7, 6];
  expect(memory.read([], [])).not.toBe(before);
});

test('what is merely kept is put back, too, and who is referred to by it alone', () => {
  const log: unknown[] = ['first'];
  const root = { a: 1, log, cost: { faults: 0 } };
  const memory = new Memory([root]);
  log.push({ text: 'second' });
  const hash = memory.read([], []);
  const memento = memory.save();
  (log[1] as { text: string }).text = 'other';
  log.push('third');
  root.cost.faults++;
  expect(memory.read([], [])).toBe(hash);
  memory.restore(memento);
  expect(root).toEqual({ a: 1, log: ['first', { text: 'second' }], cost: { faults: 0 } });
});

/** An object with a number of its own, so that one that is reached in the same way but is another looks another. */
interface Node {
  readonly own: number;
  n: number;
  to: Node | null;
  list: (number | Node | null)[];
  readonly map: Map<number, Node | readonly number[]>;
  readonly set: Set<number>;
  column: Int32Array;
  log: unknown[];
  gained?: number;
}
const newNode = (own: number): Node => ({
  own,
  n: 0,
  to: null,
  list: [],
  map: new Map(),
  set: new Set(),
  column: new Int32Array(2),
  log: [],
});

/** What may happen to a node. `pick` gives a node that may be known, may be new, and may be gone. */
const happenings: ((node: Node, value: number, pick: () => Node) => void)[] = [
  (node, value) => {
    node.n = value;
  },
  (node, value, pick) => {
    node.to = value === 0 ? null : pick();
  },
  (node, value, pick) => {
    node.list.push(value === 1 ? pick() : value);
  },
  (node) => {
    node.list.pop();
  },
  (node, value) => {
    node.list = node.list.filter((item) => item !== value);
  },
  (node, value, pick) => {
    node.map.set(value, value % 2 === 0 ? pick() : [value, value + 1]);
  },
  (node, value) => {
    node.map.delete(value);
  },
  (node, value) => {
    if (!node.set.delete(value)) node.set.add(value);
  },
  (node, value) => {
    node.column[value % 2] = value;
  },
  (node) => {
    const wider = new Int32Array(node.column.length + 1);
    wider.set(node.column);
    node.column = wider;
  },
  (node, value) => {
    node.log.push({ value });
  },
  (node, value) => {
    node.gained = value;
  },
];

const script = fc.array(
  fc.tuple(fc.nat({ max: happenings.length - 1 }), fc.nat(9), fc.nat(4), fc.nat(9), fc.nat(5)),
  { minLength: 5, maxLength: 40 },
);

test('hashes are equal where those of all that is there are, whatever happened', () => {
  const property = fc.property(script, (steps) => {
    // All that is known stays within reach; a graph of nodes with numbers of their own looks like no other.
    const known = [0, 1, 2, 3].map(newNode);
    const all = { known, later: [] as Node[] };
    const memory = new Memory([all]);
    const fresh = (): Node => newNode(4 + (all.later.length % 3));
    const pick = (which: number) => (): Node =>
      [...known, ...all.later][which] ?? (which === 9 ? fresh() : known[which % 4]!);
    const ofMemory = new Map<number, number>();
    const ofAll = new Map<number, number>();
    const logs = (): string => JSON.stringify([...known, ...all.later].map(({ log }) => log));
    const mementos: { memento: Memento; list: unknown[]; hash: number; whole: number; logs: string }[] = [];
    for (const [kind, whose, value, which, what] of steps) {
      if (what === 0 && which === 9) all.later.push(fresh());
      if (what === 1 && which < 5) all.later.pop();
      happenings[kind]!(pick(whose)(), value, pick(which));
      const list = [value % 2, all.later[0] ?? null];
      const hash = memory.read([], [[list]]);
      const whole = stateHash([all, list]);
      expect(ofMemory.get(whole) ?? hash).toBe(hash);
      expect(ofAll.get(hash) ?? whole).toBe(whole);
      ofMemory.set(whole, hash);
      ofAll.set(hash, whole);
      if (what === 2) mementos.push({ memento: memory.save(), list, hash, whole, logs: logs() });
      if (what === 3 && mementos.length > 0) {
        const back = mementos[which % mementos.length]!;
        memory.restore(back.memento);
        expect(stateHash([all, back.list])).toBe(back.whole);
        expect(memory.read([], [[back.list]])).toBe(back.hash);
        expect(logs()).toBe(back.logs);
      }
    }
  });
  fc.assert(property, { seed: 3, numRuns: 1500 });
});
