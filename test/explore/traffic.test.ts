/** Steps that nobody else can notice belong to the step before them: how many orders are left, and that none is lost. */
import { Block } from '../../src/explore/block';
import { Traffic } from '../../src/explore/traffic';
import { alone, attempts, type Op, reads, under, writes } from '../kernels/programs';
import { type Findings, findingsOf, lost, plain, reduced } from './searches';

type Programs = readonly (readonly Op[])[];

function searched(programs: Programs): { less: Findings; all: Findings } {
  const [less, all] = findingsOf(programs, reduced, plain(5_000));
  expect(all!.explored!.complete).toBe(true);
  return { less: less!, all: all! };
}

interface Row {
  readonly name: string;
  readonly programs: Programs;
  /** Orders between which somebody could tell a difference. */
  readonly orders: number;
}
const rows: readonly Row[] = [
  {
    name: 'accesses to what nobody else touches need one order',
    programs: [
      [writes(0), writes(0), writes(0)],
      [writes(1), writes(1)],
    ],
    orders: 1,
  },
  {
    name: 'so do accesses of which none writes',
    programs: [
      [reads(0), reads(0)],
      [reads(0), reads(0)],
    ],
    orders: 1,
  },
  {
    name: 'so do sections that only read',
    programs: [[under(0, reads(0), reads(1))], [under(0, reads(1), reads(0))]],
    orders: 1,
  },
  {
    name: 'so do sections that write different things',
    programs: [[under(0, writes(0), writes(1))], [under(0, writes(2))]],
    orders: 1,
  },
  {
    name: 'of two sections that write the same either may be first',
    programs: [[under(0, writes(0), writes(1))], [under(0, writes(1), writes(0))]],
    orders: 2,
  },
  {
    name: 'a section within others goes with them',
    programs: [[under(0, under(1, writes(0)))], [under(0, under(1, writes(0)))]],
    orders: 2,
  },
  {
    name: 'who looks without the lock comes before the write, between two of them, or after',
    programs: [[under(0, writes(0), writes(0))], [reads(0)]],
    orders: 3,
  },
];

test.each(rows)('$name', ({ programs, orders }) => {
  const { less, all } = searched(programs);
  expect([...lost(all, less), ...lost(less, all)]).toEqual([]);
  expect(less.explored!.executions).toBe(orders);
});

afterEach(() => jest.restoreAllMocks());

const between: Programs = [[writes(0), writes(0)], [reads(0)]];
const inside: Programs = [[under(0, writes(0), writes(0))], [reads(0)]];
const twice: Programs = [[under(0, writes(0))], [under(0, writes(0))]];

// biome-ignore lint/suspicious/noExplicitAny: private methods, too
const spyOn = (kind: { prototype: object }, method: string) => jest.spyOn(kind.prototype as any, method);

test.each<{ name: string; programs: Programs; breakIt(): void }>([
  {
    name: 'does not look whether a step is noticed',
    programs: between,
    breakIt: () => spyOn(Traffic, 'isNoticed').mockReturnValue(false),
  },
  {
    name: 'goes on where it has learned that one is',
    programs: between,
    breakIt: () => spyOn(Traffic, 'hasLearned').mockReturnValue(false),
  },
  {
    name: 'takes one who has no lock for one who has',
    programs: inside,
    breakIt() {
      const { note } = Traffic.prototype;
      let last: Parameters<typeof note>[2] = [];
      spyOn(Traffic, 'note').mockImplementation(function (this: unknown, ...args: unknown[]) {
        const [actor, step, locks] = args as Parameters<typeof note>;
        if (locks.length > 0) last = [...locks];
        note.call(this as Traffic, actor, step, last);
      });
    },
  },
  {
    name: 'does not look whether somebody may find an mmap_sem taken',
    programs: [[attempts()], [alone(writes(0))]],
    breakIt: () => spyOn(Traffic, 'isFoundHolding').mockReturnValue(false),
  },
  {
    name: 'forgets what a section touches',
    programs: twice,
    breakIt: () => spyOn(Block, 'touch').mockReturnValue(undefined),
  },
])('an order is lost by a search that $name', ({ programs, breakIt }) => {
  breakIt();
  const { less, all } = searched(programs);
  expect(lost(all, less)).not.toEqual([]);
});
