/** Rounds of start steps that change nothing are left out, and nobody can tell. */
import { loadVariants } from '../../src/compare/load';
import { buildKernel, type Happening, type Machine, stateHash } from '../../src/core/index';
import { prepare } from '../../src/explore/index';
import { observer } from '../../src/judge/observer';
import { compile, parseFixture } from '../../src/workload/index';

const Kernel = buildKernel(loadVariants(['uffd-wp-2018'])[0]!.variant.layers);

/** The machine after the start steps, and how many times a step of them was begun. */
function started(steps: string, needsNoRounds: boolean): { machine: Machine; begun: number; notes: object } {
  const text = `name: rounds
asks: What is left?
source: chosen:rounds
memory:
  guest: { size: 8KiB }
start:
  - vcpu: write guest
  - monitor: uffd_register guest
  - ${steps}
tasks:
  vcpu:
    - read guest[0]
  monitor:
    - uffd_serve
`;
  let begun = 0;
  const counted = (h: Happening): void => {
    if (h.kind === 'begin') begun++;
  };
  const { machine, notes } = prepare(compile(parseFixture(text, 'rounds.yaml')), Kernel, {
    begin: observer.begin,
    needsNoRounds,
    watch: (m, n) => {
      const watch = observer.watch(m, n);
      return (h) => {
        counted(h);
        watch(h);
      };
    },
  });
  return { machine, begun, notes };
}

const rows: [what: string, steps: string, begun: number][] = [
  ['led back', 'monitor: { repeat: 50, steps: [uffd_protect guest, uffd_unprotect guest] }', 2 + 4],
  ['led back after one', 'monitor: { repeat: 50, steps: [uffd_protect guest] }', 2 + 2],
  ['stored something new', 'vcpu: { repeat: 50, steps: ["write guest[0]"] }', 2 + 50],
  ['store the same', 'vcpu: { repeat: 50, steps: ["write guest[0] = 5"] }', 2 + 2],
];

test.each(rows)('rounds that %s', (_, steps, begun) => {
  const short = started(steps, true);
  const long = started(steps, false);
  expect(short.begun).toBe(begun);
  expect(long.begun).toBeGreaterThanOrEqual(50);
  for (const { machine } of [short, long]) machine.watch = null;
  expect(stateHash([short.machine, short.notes])).toBe(stateHash([long.machine, long.notes]));
  expect(short.machine.cost).toEqual(long.machine.cost);
  expect(short.machine.log).toEqual(long.machine.log);
  expect(short.machine.tasks.map(({ position }) => position)).toEqual(
    long.machine.tasks.map(({ position }) => position),
  );
});
