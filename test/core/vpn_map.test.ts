import fc from 'fast-check';
import type { Pte } from '../../src/core/index';
import { VpnMap } from '../../src/core/vpn_map';

/** Page numbers of user space that often meet in one place of the table. */
const vpn = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 0, max: 40 }).map((n) => 0x7effc0000 + n * 512),
  fc.integer({ min: 0, max: 40 }).map((n) => 0x7effc0000 - n),
);
const change = fc.oneof(
  fc.record({ kind: fc.constant('set'), vpn, entry: fc.integer({ min: 0, max: 2 ** 40 }) }),
  fc.record({ kind: fc.constant('delete'), vpn, entry: fc.constant(0) }),
  fc.record({ kind: fc.constant('range'), vpn, entry: fc.integer({ min: 0, max: 600 }) }),
);

test('VpnMap holds what a Map holds', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
      const ours = new VpnMap();
      const plain = new Map<number, number>();
      for (const { kind, vpn, entry } of changes) {
        if (kind === 'set') {
          ours.set(vpn, entry as Pte);
          plain.set(vpn, entry);
        } else if (kind === 'delete') {
          ours.delete(vpn);
          plain.delete(vpn);
        } else {
          ours.deleteRange(vpn, vpn + entry);
          for (const key of [...plain.keys()]) if (key >= vpn && key < vpn + entry) plain.delete(key);
        }
        expect(ours.size).toBe(plain.size);
        expect(ours.get(vpn)).toBe(plain.get(vpn));
      }
      const inOrder = (entries: Iterable<[number, number]>) => [...entries].sort((a, b) => a[0] - b[0]);
      expect(inOrder(ours)).toEqual(inOrder(plain));
    }),
  );
});
