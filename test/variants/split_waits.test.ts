import { mainline } from '../../src/core/index';
import { explore } from '../../src/explore/index';
import { begin } from '../../src/judge/index';
import { kernelOf, type Override, workload } from '../judge/broken_kernel';

const body = `memory:
  guest: { size: 2MiB, thp: true }
start:
  - vcpu: write guest[0]
  - monitor: uffd_register guest[0]
tasks:
  monitor: ["uffd_protect guest[0]"]
  vcpu: ["madvise guest[0] cold"]
`;

/** Whether MADV_COLD of a part has split its huge page, over all orders. */
function splits(base: string, override: Override = {}): boolean[] {
  const begun = begin(workload(body), kernelOf(base, override));
  if ('reason' in begun) throw new Error(begun.reason);
  const found = new Set<boolean>();
  const bounds = { maxExecutions: 2000, maxSteps: 10_000 };
  const { complete } = explore(
    begun.start,
    ({ machine, running }) => {
      if (!running.every(({ task }) => task.done)) return;
      const { head, firstOrdinary } = machine.pages;
      found.add(!head.some((first, page) => page >= firstOrdinary && first > 0 && first !== page));
    },
    bounds,
  );
  expect(complete).toBe(true);
  return [...found].sort();
}

test('a split waits for an entry that another thread has taken out to change it, from TTU_SYNC on', () => {
  expect(splits('linux-6.1')).toEqual([true]);
  // Without it the entry is passed over, the page stays mapped, and its references are too many.
  expect(splits('linux-6.1', { freeze_page: mainline.freeze_page })).toEqual([false, true]);
});
