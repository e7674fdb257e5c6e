/** A kernel's run is held against the model in every order in which the scheduler can let the woken go on, and no other. */
import { loadVariants } from '../../src/compare/load';
import { Choices } from '../../src/conform/choices';
import { runModel } from '../../src/conform/model_run';
import type { ObservedRun } from '../../src/conform/observation';
import { compareInEveryOrder } from '../../src/conform/orders';
import { compile, parseFixture } from '../../src/workload/index';
import { features } from './sample';

const { variant } = loadVariants(['linux-6.18'])[0]!;

/** Two threads wait for one page and both store to it. */
const text = `name: woken
asks: Which of those who are woken at once stores last?
source: conform
memory:
  guest: { size: 4KiB }
start:
  - a: write guest
  - a: uffd_register guest
  - a: uffd_protect guest
tasks:
  a: [write guest = 5]
  b: [write guest = 6]
  c: [uffd_unprotect guest]
`;
const workload = () => compile(parseFixture(text, 'woken.yaml'), { entries: 512 });
const lastContent = (run: ObservedRun): number | null =>
  run.observations.at(-1)!.memory[0]!.pages[0]!.content;

/** Every run of the model. */
function all(preempts = false, of = workload(), on = { variant, features }): ObservedRun[] {
  const runs: ObservedRun[] = [];
  for (let choices: Choices | null = new Choices(); choices; choices = choices.next())
    runs.push(runModel(of, on.variant, { features: on.features, choices, preempts }));
  return runs;
}

test('either of two threads that are woken at once may store last', () => {
  const contents = all().map(lastContent);
  expect([...new Set(contents)].sort()).toEqual([1000005, 1000006]);
});

test('and a kernel that did either agrees', () => {
  for (const real of all()) {
    const { first, agreed } = compareInEveryOrder(real, workload(), variant, features);
    expect([first, agreed]).toEqual([null, real.observations.length]);
  }
});

test('what no order comes to disagrees, where it does', () => {
  const [real] = all();
  const told = JSON.stringify(real).replaceAll(String(lastContent(real!)), '1000007');
  const { first, orders } = compareInEveryOrder(JSON.parse(told), workload(), variant, features);
  expect(first?.differences.map(({ about, real: kernel }) => `${about}: ${kernel}`)).toEqual([
    'content: program guest [0..0] p-x?--- 1000007+0',
  ]);
  expect(orders).toBe(all().length + all(true).length);
});

describe('a monitor that wakes a writer of two pages before it answers for the second one', () => {
  const served = text
    .slice(0, text.indexOf('tasks:'))
    .replace('4KiB', '8KiB')
    .concat('  - a: write guest = 5\n  - b: write guest[1] = 6\ntasks:\n  monitor: [uffd_serve]\n');
  const two = () => compile(parseFixture(served, 'woken.yaml'), { entries: 512 });
  /** 6.1 charges for a major fault whoever has waited. */
  const old = {
    variant: loadVariants(['linux-6.1'])[0]!.variant,
    features: { ...features, release: '6.1.0' },
  };
  const waits = (run: ObservedRun): number => {
    const ends = run.observations.flatMap((one) => one.ends).filter(({ actor }) => actor === 'a');
    return ends.at(-1)!.majorFaults!;
  };
  const runs = (preempts: boolean): ObservedRun[] => all(preempts, two(), old);

  test('lets it wait for both only if it loses the CPU', () => {
    expect(Math.max(...runs(false).map(waits))).toBe(1);
    expect(Math.max(...runs(true).map(waits))).toBe(2);
  });

  test('and a kernel that did so agrees', () => {
    const real = runs(true).find((run) => waits(run) === 2)!;
    expect(compareInEveryOrder(real, two(), old.variant, old.features).first).toBeNull();
  });
});

describe('where there are more orders than are tried', () => {
  const few = { orders: 1, choices: 1000 };
  const [real] = all();
  const compared = (told: string) =>
    compareInEveryOrder(JSON.parse(told), workload(), variant, features, few);

  test('nobody knows whether another one would have agreed', () => {
    const {
      first,
      cut,
      agreed,
      compared: of,
    } = compared(JSON.stringify(real).replaceAll(String(lastContent(real!)), '1000007'));
    expect([first, agreed]).toEqual([null, of]);
    expect(cut).toContain('more orders');
    expect(agreed).toBeLessThan(real!.observations.length);
  });

  test('but what comes before anything is chosen disagrees in all of them', () => {
    const [start] = real!.observations[0]!.ends;
    const told = JSON.stringify({
      ...real,
      observations: real!.observations.map((one, i) =>
        i === 0 ? { ...one, ends: [{ ...start!, outcome: { kind: 'done', result: -22 } }] } : one,
      ),
    });
    expect(compared(told).first?.at).toBe(0);
  });
});

test('choices are made in every way once', () => {
  const made: string[] = [];
  for (let choices: Choices | null = new Choices(); choices; choices = choices.next()) {
    const first = choices.choose(2);
    // What there is to choose from later depends on what was chosen.
    made.push(`${first} ${choices.choose(first === 0 ? 3 : 1)}`);
  }
  expect(made).toEqual(['0 0', '0 1', '0 2', '1 0']);
});
