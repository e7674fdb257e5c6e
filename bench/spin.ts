/**
 * One race, in Promela and as a fixture, step by step the same: how long until both have searched a kernel that has it
 * and one that has not. Before anything is measured both must agree on what fails, and on how runs can end.
 */
import type { Figure, Measurement } from './figure';
import { type FixtureRun, judgeFixture, outcomesOf } from './spin_fixture';
import { isHere, type SpinOptions, type SpinRun, searchWithSpin, timed } from './spin_model';

interface Scenario {
  readonly fixture: string;
  readonly writers: number;
  readonly protectors: number;
  /** After so many executions faultline gives up, and the figure says so. */
  readonly executions: number;
}
const scenarios: readonly Scenario[] = [
  { fixture: 'two-protectors-rewp', writers: 1, protectors: 2, executions: 100_000 },
  { fixture: 'two-writers-rewp', writers: 2, protectors: 1, executions: 100_000 },
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

/** Both subjects, one after the other. */
function withSpin({ writers, protectors }: Scenario, options: SpinOptions = {}): SpinRun[] {
  return subjects.map(({ marks, fails }) => {
    const found = searchWithSpin({ writers, protectors, marks }, options);
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
  const { fixture, writers, protectors, executions } = scenario;
  let ways = 0;
  for (const { marks, variant } of subjects) {
    const theirs = searchWithSpin({ writers, protectors, marks }, { outcomes: true }).outcomes;
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
  const pairs: Pair[] = [];
  do {
    note(`${scenario.fixture}: run ${pairs.length + 1} of ${RUNS}`);
    const spin = withSpin(scenario);
    const { seconds, value } = timed(() => withFaultline(scenario));
    pairs.push({ spin, ours: value, seconds });
  } while (pairs.length < RUNS && pairs[0]!.seconds < PATIENCE);
  const isFinished = pairs.every(({ ours }) => ours.every(({ complete }) => complete));
  note(`${scenario.fixture}: how runs end`);
  const ways = compareOutcomes(scenario, isFinished);
  return [...figuresOfSpin(scenario, pairs), ...figuresOfOurs(scenario, pairs, isFinished, ways)];
}

function figuresOfSpin(scenario: Scenario, pairs: readonly Pair[]): Figure[] {
  const whole = pairs.map(({ spin }) => secondsOf(spin));
  const { fixture } = scenario;
  const figure = (of: string, values: readonly number[]): Figure => ({ of, unit: 's', values });
  const part = (of: string, runs: readonly SpinRun[]): Figure =>
    figure(`${of}, ${statesOf(runs).toLocaleString('en-US')} states`, [secondsOf(runs)]);
  return [
    figure(`${fixture}: Spin, with its compilation`, whole),
    figure(
      `  of that the search, ${statesOf(pairs[0]!.spin).toLocaleString('en-US')} states`,
      pairs.map(({ spin }) => sum(spin.map(({ search }) => search))),
    ),
    part('  -DNOREDUCE', withSpin(scenario, { unreduced: true })),
    part('  -DLEAN', withSpin(scenario, { lean: true })),
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
