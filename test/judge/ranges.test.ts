import fc from 'fast-check';
import { add, has, noRanges, remove } from '../../src/judge/ranges';

const MOST = 24;
const change = fc.record({
  kind: fc.constantFrom('add' as const, 'remove' as const),
  start: fc.nat(MOST),
  length: fc.nat(8),
});

test('a set of ranges is the set of its members, sorted and as short as can be', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const ranges = noRanges();
      const members = new Set<number>();
      for (const { kind, start, length } of changes) {
        (kind === 'add' ? add : remove)(ranges, start, start + length);
        for (let at = start; at < start + length; at++) members[kind === 'add' ? 'add' : 'delete'](at);
        for (let at = 0; at <= MOST + 8; at++) expect([at, has(ranges, at)]).toEqual([at, members.has(at)]);
        ranges.list.forEach((range, i) => {
          expect(range.start).toBeLessThan(range.end);
          const before = ranges.list[i - 1];
          if (before) expect(before.end).toBeLessThan(range.start);
        });
      }
    }),
    { numRuns: 200 },
  );
});

test('a range that ends where it begins changes nothing', () => {
  const ranges = noRanges();
  add(ranges, 4, 4);
  add(ranges, 1, 3);
  remove(ranges, 2, 2);
  expect(ranges.list).toEqual([{ start: 1, end: 3 }]);
});
