/** How time grows with the size of a workload: fixtures that are made here, one dimension larger at a time. */
import { compare, judge, workload } from './compiled';
import type { Figure, Measurement } from './figure';

interface Size {
  readonly writers: number;
  readonly pages: number;
  /** Of each writer. */
  readonly steps: number;
}
type Dimension = keyof Size;
const dimensions: readonly Dimension[] = ['writers', 'pages', 'steps'];

const VARIANT = 'uffd-wp-bit';
const LARGEST = 6;
/** A size that needs more is printed as cut short, and no larger one is tried. */
const bounds = { maxExecutions: 5_000, maxSteps: 1_000_000 };
/** Milliseconds after which no larger size is tried. */
const PATIENCE = 30_000;

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Writers of protected pages, each beginning at another one, and a monitor that un-protects all at each event. */
function fixtureOf({ writers, pages, steps }: Size): string {
  const stores = (writer: number): string[] =>
    numbers(steps).map((step) => `    - write guest[${(writer + step) % pages}]`);
  return [
    'name: growth',
    'asks: Do all writers get on?',
    'source: bench/growth.ts',
    'memory:',
    `  guest: { size: ${4 * pages}KiB }`,
    'start:',
    '  - monitor: write guest',
    '  - monitor: uffd_register guest',
    '  - monitor: uffd_protect guest',
    'tasks:',
    ...numbers(writers).flatMap((writer) => [`  vcpu${writer}:`, ...stores(writer)]),
    '  monitor:',
    '    - uffd_serve guest',
    '',
  ].join('\n');
}

interface Row {
  readonly ms: number;
  readonly executions: number;
  readonly states: number;
  readonly complete: boolean;
}

function measure(size: Size): Row {
  const fixture = workload.parseFixture(fixtureOf(size), 'growth.yaml');
  const { variant } = compare.loadVariants([VARIANT])[0]!;
  const before = process.hrtime.bigint();
  const verdict = judge.judge(workload.compile(fixture), variant, bounds);
  const ms = Number(process.hrtime.bigint() - before) / 1e6;
  if (!('explored' in verdict)) throw new Error(`${fixture.name}: ${verdict.kind}`);
  return { ms, ...verdict.explored };
}

function figureOf({ writers, pages, steps }: Size, { ms, executions, states, complete }: Row): Figure {
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
  const size = [count(writers, 'writer'), count(pages, 'page'), count(steps, 'step')].join(', ');
  const end = complete ? '' : ', CUT SHORT';
  return { of: size, unit: `ms, ${executions} executions, ${states} states${end}`, values: [ms] };
}

function along(dimension: Dimension, note: (text: string) => void): Figure[] {
  const figures: Figure[] = [];
  // To one writer of one page further pages are nothing but entries.
  const least: Size = { writers: dimension === 'pages' ? 2 : 1, pages: 1, steps: 1 };
  for (let n = 1; n <= LARGEST; n++) {
    const size = { ...least, [dimension]: n };
    note(`${n} ${dimension}`);
    const row = measure(size);
    figures.push(figureOf(size, row));
    if (!row.complete || row.ms > PATIENCE) break;
  }
  return figures;
}

export const growth: Measurement = {
  name: 'growth',
  says: `writers and a monitor on protected pages under ${VARIANT}: how a finished search grows, one dimension at a time`,
  run(note) {
    // What the compiler has to see first is not what is measured.
    measure({ writers: 1, pages: 1, steps: 1 });
    return dimensions.flatMap((dimension) => along(dimension, note));
  },
};
