/**
 * One race, in Promela and as a fixture, step by step the same: how long until both have searched a kernel that has it
 * and one that has not. Both must agree on what fails, and on how runs can end.
 *
 * What decides is how actors are coupled. Where all fight for one entry of one page, nearly every order of their steps
 * matters, and Spin goes through states much faster. Where a guest has its memory in slots that are far apart, each with
 * a vcpu and a monitor of its own, Spin goes through the product of what the slots can do, since its reduction knows
 * beforehand only that all of them touch global variables; faultline sees that the steps of different slots commute.
 */
import { totalmem } from 'node:os';
import type { Figure, Measurement } from './figure';
import { type FixtureRun, judgeFixture, outcomesOf } from './spin_fixture';
import { isHere, type SpinOptions, type SpinRun, searchWithSpin, timed } from './spin_model';

interface Scenario {
  readonly fixture: string;
  /** How the actors are coupled. */
  readonly says: string;
  readonly slots: number;
  /** Of each slot. */
  readonly writers: number;
  /** In all. */
  readonly protectors: number;
  /** Spin's search takes minutes, and gigabytes: it is searched once, and only as it was posed. */
  readonly isLarge?: true;
  /** After so many executions faultline gives up, and the figure says so. */
  readonly executions: number;
}
const ONE_PAGE = 'four actors, all at one entry of one page';
const scenarios: readonly Scenario[] = [
  {
    fixture: 'two-protectors-rewp',
    says: ONE_PAGE,
    slots: 1,
    writers: 1,
    protectors: 2,
    executions: 100_000,
  },
  { fixture: 'two-writers-rewp', says: ONE_PAGE, slots: 1, writers: 2, protectors: 1, executions: 100_000 },
  {
    fixture: 'two-slots-rewp',
    says: 'six actors, three to each of two slots far apart',
    slots: 2,
    writers: 1,
    protectors: 2,
    executions: 100_000,
  },
  {
    fixture: 'three-slots-rewp',
    says: 'seven actors, two to each of three slots far apart and one that protects one slot again',
    slots: 3,
    writers: 1,
    protectors: 1,
    isLarge: true,
    executions: 100_000,
  },
];

interface Subject {
  readonly marks: boolean;
  readonly variant: string;
  readonly fails: boolean;
}
const subjects: readonly Subject[] = [
  { marks: false, variant: 'uffd-wp-2018', fails: true },
  { marks: true, variant: 'uffd-wp-bit', fails: false },
];

const RUNS = 3;
/** A pair of searches that takes longer than this many seconds is measured once. */
const PATIENCE = 20;
const GOAL = 0.1;
/** Of the machine, for a large search of Spin's. */
const ENOUGH_MEMORY = 10 * 2 ** 30;

/** Both subjects, one after the other. */
function withSpin(scenario: Scenario, options: SpinOptions = {}): SpinRun[] {
  return subjects.map(({ marks, fails }) => {
    const found = searchWithSpin({ ...scenario, marks }, options);
    if (found.errors > 0 !== fails) throw new Error(`spin, marks ${marks}: ${found.errors} errors`);
    return found;
  });
}

function withFaultline({ fixture, executions }: Scenario): FixtureRun[] {
  return subjects.map(({ variant, fails }) => {
    const found = judgeFixture(fixture, variant, executions);
    const expected = fails ? ['breaks'] : ['survives', 'cut-short'];
    if (!expected.includes(found.kind)) throw new Error(`${fixture} under ${variant}: ${found.kind}`);
    return found;
  });
}

/** Runs end in the same ways; where faultline gives up, in some of them. @returns how many there are */
function compareOutcomes(scenario: Scenario, isFinished: boolean): number {
  const { fixture, executions, isLarge = false } = scenario;
  let ways = 0;
  for (const { marks, variant } of subjects) {
    const theirs = searchWithSpin({ ...scenario, marks }, { outcomes: true, hashed: isLarge }).outcomes;
    const ours = outcomesOf(fixture, variant, executions);
    const extra = [...ours].filter((way) => !theirs.has(way));
    const missing = isFinished ? [...theirs].filter((way) => !ours.has(way)) : [];
    if (extra.length > 0 || missing.length > 0) {
      throw new Error(`${fixture} under ${variant}: only here [${extra}], only in Spin [${missing}]`);
    }
    ways += theirs.size;
  }
  return ways;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const secondsOf = (runs: readonly SpinRun[]): number =>
  sum(runs.map(({ compilation, search }) => compilation + search));
const statesOf = (runs: readonly { readonly states: number }[]): number => sum(runs.map((r) => r.states));

interface Pair {
  readonly spin: readonly SpinRun[];
  readonly ours: readonly FixtureRun[];
  readonly seconds: number;
}

function measure(scenario: Scenario, note: (text: string) => void): Figure[] {
  const title: Figure = { of: `${scenario.fixture}: ${scenario.says}`, unit: '', values: [] };
  if (scenario.isLarge && totalmem() < ENOUGH_MEMORY) {
    return [title, { of: '  skipped: Spin needs more memory than this machine has', unit: '', values: [] }];
  }
  const pairs: Pair[] = [];
  do {
    note(`${scenario.fixture}: run ${pairs.length + 1} of ${RUNS}`);
    const spin = withSpin(scenario);
    const { seconds, value } = timed(() => withFaultline(scenario));
    pairs.push({ spin, ours: value, seconds });
  } while (!scenario.isLarge && pairs.length < RUNS && pairs[0]!.seconds < PATIENCE);
  const isFinished = pairs.every(({ ours }) => ours.every(({ complete }) => complete));
  note(`${scenario.fixture}: how runs end`);
  const ways = compareOutcomes(scenario, isFinished);
  return [title, ...figuresOfSpin(scenario, pairs), ...figuresOfOurs(scenario, pairs, isFinished, ways)];
}

function figuresOfSpin(scenario: Scenario, pairs: readonly Pair[]): Figure[] {
  const whole = pairs.map(({ spin }) => secondsOf(spin));
  const figure = (of: string, values: readonly number[]): Figure => ({ of, unit: 's', values });
  const part = (of: string, runs: readonly SpinRun[]): Figure =>
    figure(`${of}, ${statesOf(runs).toLocaleString('en-US')} states`, [secondsOf(runs)]);
  const others = scenario.isLarge
    ? [{ of: '  -DNOREDUCE and -DLEAN: left out, they would take minutes more', unit: '', values: [] }]
    : [
        part('  -DNOREDUCE', withSpin(scenario, { unreduced: true })),
        part('  -DLEAN', withSpin(scenario, { lean: true })),
      ];
  return [
    figure('  Spin, with its compilation', whole),
    figure(
      `  of that the search, ${statesOf(pairs[0]!.spin).toLocaleString('en-US')} states`,
      pairs.map(({ spin }) => sum(spin.map(({ search }) => search))),
    ),
    ...others,
  ];
}

function figuresOfOurs(
  scenario: Scenario,
  pairs: readonly Pair[],
  isFinished: boolean,
  ways: number,
): Figure[] {
  const { ours } = pairs[0]!;
  const executions = sum(ours.map((run) => run.executions)).toLocaleString('en-US');
  const done = isFinished
    ? `${executions} executions, ${statesOf(ours).toLocaleString('en-US')} states`
    : `CUT SHORT at ${scenario.executions} executions`;
  const agree = isFinished ? `runs end in the same ${ways} ways` : `runs end in some of Spin's ${ways} ways`;
  return [
    {
      of: `  faultline, with its start, ${done}`,
      unit: 's',
      values: pairs.map(({ seconds }) => seconds),
      against: { what: 'Spin', values: pairs.map(({ spin }) => secondsOf(spin)) },
    },
    {
      of: `  ${agree}`,
      unit: "of Spin's time",
      values: pairs.map(({ spin, seconds }) => seconds / secondsOf(spin)),
      ...(isFinished ? { goal: GOAL } : {}),
    },
  ];
}

export const againstSpin: Measurement = {
  name: 'spin',
  says: 'the same steps in Promela and as a fixture: a kernel that fails and one that does not, both searched to the end',
  run(note): readonly Figure[] {
    const missing = ['spin', 'gcc'].filter((command) => !isHere(command));
    if (missing.length > 0) {
      return [{ of: `skipped: ${missing.join(' and ')} not installed`, unit: '', values: [] }];
    }
    return scenarios.flatMap((scenario) => measure(scenario, note));
  },
};
