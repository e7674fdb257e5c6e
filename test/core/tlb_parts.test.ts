/** What a flush of one page and an access elsewhere have in common. */
import { type Kernel, mmu, type Run, type Step } from '../../src/core/index';
import type { Footprint } from '../../src/explore/footprint';
import { independent } from '../../src/explore/history';
import { AddressSpace, PAGE } from '../support/address_space';

const HUGE = 8;
/** In pages, from the first mapping on: the last page of its unit of eight, and one in another. */
const NEAR = HUGE - 1;
const FAR = 4 * HUGE;

/** Two threads; the first one has fetched nothing, the second one page 0. Memory lies at pages 0 to 7 and at FAR. */
function raced(): { space: AddressSpace; reader: Kernel } {
  const start = new AddressSpace().at(0);
  const regions = [
    { name: 'low', start, pages: HUGE },
    { name: 'high', start: start + FAR * PAGE, pages: 1 },
  ];
  const space = new AddressSpace({ regions });
  space.map(0, HUGE);
  space.map(FAR, 1);
  for (const page of [0, NEAR, FAR]) space.write(page, 7);
  space.m.tlbs[space.k.task.id]!.flushAll();
  const reader = space.thread('reader', space.mm);
  space.read(0, reader);
  space.m.beginRace();
  return { space, reader };
}

function announced(run: Run<unknown>): Footprint {
  const step = run[Symbol.iterator]().next().value as Step;
  const objects = [...step.footprint!()];
  const writes = step.writesNow?.() ?? step.writes;
  return { objects, writes, commutes: 0, acquires: false, releasesFrom: objects.length };
}

const rows: [what: string, flushed: [first: number, end: number], loaded: number, commute: boolean][] = [
  ['a page and a load of it', [0, 1], 0, false],
  ['a page and the first load of one in the same unit', [0, 1], NEAR, false],
  ['a page and the first load of one in another unit', [0, 1], FAR, true],
  ['a range that reaches another unit and a load there', [0, FAR + 1], FAR, false],
];

test.each(rows)('a flush of %s', (_, [first, end], loaded, commute) => {
  const { space, reader } = raced();
  const flush = announced(space.k.flush_tlb_range(space.mm, space.at(first), space.at(end)));
  const load = announced(mmu.load(reader, space.at(loaded), 'user'));
  expect(independent(flush, load)).toBe(commute);
});

test('a flush of everything has to do with every load', () => {
  for (const page of [0, NEAR, FAR]) {
    const { space, reader } = raced();
    const flush = announced(space.k.flush_tlb_mm(space.mm));
    expect(independent(flush, announced(mmu.load(reader, space.at(page), 'user')))).toBe(false);
  }
});
