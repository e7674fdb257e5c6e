import type { Kernel, Run, Step } from '../../src/core/index';
import { AddressSpace, PAGE } from '../support/address_space';

/** Four threads of one process; those of `holders` have a translation of page 0. */
function raced(holders: readonly number[]): { space: AddressSpace; threads: Kernel[] } {
  const space = new AddressSpace();
  space.map(0, 1);
  space.write(0, 7);
  space.m.tlbs[space.k.task.id]!.flushAll();
  const threads = [space.k, ...['b', 'c', 'd'].map((name) => space.thread(name, space.mm))];
  for (const holder of holders) space.read(0, threads[holder]!);
  space.m.solo = false;
  return { space, threads };
}

const flush = ({ space }: { space: AddressSpace }): Iterator<Step> => {
  const run: Run<void> = space.k.flush_tlb_range(space.mm, space.at(0), space.at(0 + 1));
  return run[Symbol.iterator]();
};

/** By step: how many CPUs it asks, and whether one of them loses something. */
function stepsOf(steps: Iterator<Step>): [cpus: number, loses: boolean][] {
  const seen: [number, boolean][] = [];
  for (let next = steps.next(); !next.done; next = steps.next()) {
    const { footprint, writesNow } = next.value;
    seen.push([footprint!().length, writesNow!() !== 0]);
  }
  return seen;
}

const rows: [what: string, holders: number[], steps: [number, boolean][]][] = [
  ['nobody holds it: all answer at once', [], [[4, false]]],
  [
    'each has a step of its own who holds it',
    [0, 1, 2, 3],
    [
      [1, true],
      [1, true],
      [1, true],
      [1, true],
    ],
  ],
  [
    'those before answer with the one who does',
    [2],
    [
      [3, true],
      [1, false],
    ],
  ],
  ['and the last is asked, too', [3], [[4, true]]],
];

test.each(rows)('%s', (_, holders, expected) => {
  const begun = raced(holders);
  expect(stepsOf(flush(begun))).toEqual(expected);
  for (const { task } of begun.threads) expect(begun.space.m.tlbs[task.id]!.isEmpty).toBe(true);
});

test('a CPU that fetches the entry before it has answered loses it again', () => {
  const begun = raced([1]);
  const { space, threads } = begun;
  const steps = flush(begun);
  steps.next();
  space.m.solo = true;
  space.read(0, threads[3]!);
  space.m.solo = false;
  while (!steps.next().done);
  expect(space.m.tlbs[threads[3]!.task.id]!.holds(space.at(0), space.at(1), 8 * PAGE)).toBe(false);
});
