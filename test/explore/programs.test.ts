/** Programs over locks and numbers, put in place of a system call: what a search finds of them, and plain orders do. */
import fc from 'fast-check';
import { alone, attempts, drops, type Op, reads, under, writes } from '../kernels/programs';
import { tries } from '../support/tries';
import { findingsOf, lost, plain, random, reduced, within } from './searches';

interface Row {
  readonly name: string;
  readonly programs: readonly (readonly Op[])[];
}

const rows: readonly Row[] = [
  {
    name: 'sections with nothing in common but their lock',
    programs: [[under(0, writes(0))], [under(0, writes(1))], [under(0, writes(2))]],
  },
  {
    name: 'sections that only read',
    programs: [[under(0, reads(0), reads(1))], [under(0, reads(1), reads(0))]],
  },
  {
    name: 'sections that write the same numbers',
    programs: [[under(0, writes(0), writes(1))], [under(0, writes(1), writes(0))]],
  },
  {
    name: 'a section and whoever looks into it without a lock',
    programs: [[under(0, writes(0), writes(1))], [reads(0)]],
  },
  {
    name: 'a section beside one by another lock',
    programs: [[under(0, writes(0), writes(0))], [under(1, writes(0))]],
  },
  {
    name: 'accesses beside two sections',
    programs: [[under(0, writes(2))], [reads(0), under(0, reads(2))], [writes(0), reads(2)]],
  },
  {
    name: 'a section that waits for one within another',
    programs: [
      [under(1, writes(1), writes(0), under(0))],
      [under(1), writes(2)],
      [under(0, reads(0), reads(1)), under(1, writes(2), reads(0))],
    ],
  },
  {
    name: 'an access between three sections',
    programs: [
      [under(0, writes(0), reads(1))],
      [under(0, writes(0)), under(0, reads(1))],
      [under(0, writes(0)), writes(1), under(0)],
    ],
  },
  {
    name: 'a deadlock while a third sleeps',
    programs: [
      [writes(1)],
      [under(1, under(0), writes(2))],
      [reads(0), under(0, under(1, writes(2)), reads(2), under(1, reads(1)))],
    ],
  },
  {
    name: 'sections by two locks',
    programs: [
      [writes(0), under(1, writes(2)), under(0, writes(2))],
      [under(0, writes(0)), under(0, under(1), reads(2)), under(0)],
      [reads(1)],
    ],
  },
  {
    name: 'a lock within a section and an access behind it',
    programs: [
      [writes(1), under(0, reads(0))],
      [writes(0)],
      [under(0, under(1, reads(1)), writes(1)), under(0, reads(0)), reads(0)],
    ],
  },
  {
    name: 'two pairs that have nothing to do with each other',
    programs: [[writes(0), reads(1)], [writes(0)], [writes(2)], [reads(2), writes(3)]],
  },
  {
    name: 'two pairs of which one looks at what the other wrote, when it has seen something',
    programs: [[writes(0)], [under(0, writes(0), reads(2))], [under(1, writes(2))], [under(1, writes(2))]],
  },
  {
    name: 'who does not wait for mmap_sem beside one that has it and does nothing that others see',
    programs: [[attempts()], [alone(writes(0))]],
  },
  {
    name: 'who does not wait for mmap_sem when the one that has it has told',
    programs: [[reads(0), attempts(writes(1))], [alone(writes(0), writes(2))]],
  },
];

test.each(rows)('nothing is lost: $name', ({ programs }) => {
  const [less, all] = findingsOf(programs, reduced, plain(5_000));
  expect(all!.explored!.complete).toBe(true);
  expect([...lost(all!, less!), ...lost(less!, all!)]).toEqual([]);
});

const deadlocks: readonly Row[] = [
  {
    name: 'two locks in two orders, with nothing touched under them',
    programs: [[under(0, under(1))], [under(1, under(0))]],
  },
  {
    name: 'three locks in a circle',
    programs: [[under(0, under(1))], [under(1, under(2))], [under(2, under(0))]],
  },
  {
    name: 'two locks in two orders behind sections that commute',
    programs: [
      [under(0, writes(0)), under(0, under(1))],
      [under(0, writes(1)), under(1, under(0))],
    ],
  },
];

test.each(deadlocks)('a deadlock is found: $name', ({ programs }) => {
  const [less] = findingsOf(programs, reduced);
  expect([...less!.broken.keys()]).toContain('no-deadlock');
});

const number = fc.nat(2);
const access = fc.oneof(number.map(reads), number.map(writes), fc.nat(1).map(drops));
const lock = fc.nat(1);
const inner = fc.oneof(
  { weight: 4, arbitrary: access },
  { weight: 1, arbitrary: fc.tuple(lock, fc.array(access, { maxLength: 1 })) },
);
const section = fc.tuple(lock, fc.array(inner, { maxLength: 3 })).map(([outer, ops]) =>
  under(
    outer,
    // Whoever took the lock that it has would wait for itself.
    ...ops.map((op) => (Array.isArray(op) ? under(1 - outer, ...op[1]) : op)),
  ),
);
const underSem = fc.array(fc.oneof(access, access, section), { maxLength: 2 });
const ofSem = fc.oneof(
  underSem.map((ops) => alone(...ops)),
  underSem.map((ops) => attempts(...ops)),
);
const program = fc.array(fc.oneof(section, section, access), { minLength: 1, maxLength: 3 });

/** @param runs that change actors by chance, beside the first ones of every order */
function expectNothingLost(programs: readonly (readonly Op[])[], runs: number): void {
  const [less, all, some] = findingsOf(programs, within(20_000), plain(300), random(runs));
  expect(less!.explored!.complete).toBe(true);
  expect([...lost(all!, less!), ...lost(some!, less!)]).toEqual([]);
}

/** The same for other numbers and other locks. */
const apart = (op: Op): Op =>
  'alone' in op || 'attempts' in op
    ? op
    : 'under' in op
      ? { under: op.under + 2, ops: op.ops.map(apart) }
      : 'reads' in op
        ? reads(op.reads + 3)
        : 'writes' in op
          ? writes(op.writes + 3)
          : drops(op.drops + 3);

test('random pairs far apart, beside an access that may join them: no end and no deadlock is lost', () => {
  const pair = fc.array(fc.array(fc.oneof(section, access), { minLength: 1, maxLength: 2 }), {
    minLength: 2,
    maxLength: 2,
  });
  const property = fc.property(pair, pair, fc.array(access, { maxLength: 1 }), (near, far, joining) => {
    const [first, second] = far.map((ops) => ops.map(apart));
    const programs = [...near, first!, [...second!, ...joining]];
    expectNothingLost(programs, 200);
  });
  fc.assert(property, tries(30));
});

test('random programs: no end and no deadlock is lost', () => {
  const property = fc.property(fc.array(program, { minLength: 2, maxLength: 3 }), (programs) => {
    expectNothingLost(programs, 100);
  });
  fc.assert(property, tries(150));
});

test('random programs with mmap_sem, for which not all wait: no end and no deadlock is lost', () => {
  const withSem = fc.array(fc.oneof(ofSem, ofSem, section, access), { minLength: 1, maxLength: 2 });
  const property = fc.property(fc.array(withSem, { minLength: 2, maxLength: 3 }), (programs) => {
    expectNothingLost(programs, 100);
  });
  fc.assert(property, tries(100));
});
