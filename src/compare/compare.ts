/** All variants on all fixtures. */
import { defaultBounds, type ExploreOptions } from '../explore/index';
import { judge, type Verdict } from '../judge/index';
import { compile, type Workload, withHardware } from '../workload/index';
import type { Cell, Comparison, Shard } from './comparison';
import type { LoadedFixture, LoadedVariant } from './load';
import { runInWorkers } from './pool';
import { hasCell } from './shard';
import { blaming } from './source_places';
import { costsOf, summaryOf } from './summary';

export interface CompareOptions {
  readonly bounds?: ExploreOptions;
  /** Threads that judge cells; 0: this one. The result is the same whatever their number. */
  readonly workers?: number;
  /** Called with every finished cell, in the order in which they finish. */
  readonly onCell?: (cell: Cell, done: number, of: number) => void;
  /** Aborted: what is finished is returned, the rest is missing. */
  readonly signal?: AbortSignal;
  /** Only every `of`-th cell, from the `index`-th on. */
  readonly shard?: Shard;
  /** Verdicts that need not be found again. */
  readonly known?: (fixture: LoadedFixture, variant: LoadedVariant) => Verdict | undefined;
  /** Hardware acts on its own in all fixtures, not only in those that say so. */
  readonly hardware?: boolean;
}

export async function compare(
  loaded: readonly LoadedFixture[],
  variants: readonly LoadedVariant[],
  options: CompareOptions = {},
): Promise<Comparison> {
  const { hardware = false } = options;
  const fixtures = hardware ? loaded.map(onItsOwn) : loaded;
  const { bounds = defaultBounds, onCell, signal, shard } = options;
  const cells: (Cell | undefined)[] = new Array(fixtures.length * variants.length).fill(undefined);
  const inShard = [...cells.keys()].filter((index) => hasCell(shard, index));
  for (const index of options.known ? inShard : []) {
    const verdict = options.known?.(...pairAt(fixtures, variants, index));
    if (verdict) cells[index] = cellAt(fixtures, variants, index, verdict);
  }
  const wanted = inShard.filter((index) => cells[index] === undefined);
  let done = 0;
  const finish = (index: number, verdict: Verdict): void => {
    const cell = cellAt(fixtures, variants, index, verdict);
    cells[index] = cell;
    onCell?.(cell, ++done, wanted.length);
  };
  const workers = Math.min(options.workers ?? 0, wanted.length);
  // A variant that exists in this process only cannot be handed to another thread.
  const inThisThread = workers === 0 || variants.some(({ argument }) => argument === null);
  if (inThisThread) await runHere(cellJudge(fixtures, variants, bounds), wanted, finish, signal);
  else await runInWorkers({ fixtures, variants, bounds, wanted, workers, finish, signal, hardware });
  return comparisonOf(
    fixtures,
    variants,
    cells.filter((cell) => cell !== undefined),
    { ...(shard ? { shard } : {}), ...(hardware ? { hardware } : {}) },
  );
}

/** The same fixture with hardware that acts on its own. */
export const onItsOwn = (loaded: LoadedFixture): LoadedFixture => ({
  ...loaded,
  fixture: withHardware(loaded.fixture),
});

const pairAt = (
  fixtures: readonly LoadedFixture[],
  variants: readonly LoadedVariant[],
  index: number,
): [LoadedFixture, LoadedVariant] => [
  fixtures[Math.floor(index / variants.length)]!,
  variants[index % variants.length]!,
];

const cellAt = (
  fixtures: readonly LoadedFixture[],
  variants: readonly LoadedVariant[],
  index: number,
  verdict: Verdict,
): Cell => {
  const [{ fixture }, { variant }] = pairAt(fixtures, variants, index);
  return { fixture: fixture.name, variant: variant.meta.id, verdict };
};

async function runHere(
  judgeCell: (index: number) => Verdict,
  wanted: readonly number[],
  finish: (index: number, verdict: Verdict) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const index of wanted) {
    // Gives an interrupt its turn.
    await new Promise((resolve) => setImmediate(resolve));
    if (signal?.aborted) return;
    finish(index, judgeCell(index));
  }
}

/** Judges cells by their number: fixture by fixture, in each the variants in their order. */
export function cellJudge(
  fixtures: readonly LoadedFixture[],
  variants: readonly LoadedVariant[],
  bounds: ExploreOptions,
): (index: number) => Verdict {
  let compiled: { fixture: number; workload: Workload } | null = null;
  return (index) => {
    const fixture = Math.floor(index / variants.length);
    const { variant } = variants[index % variants.length]!;
    if (compiled?.fixture !== fixture) {
      compiled = { fixture, workload: compile(fixtures[fixture]!.fixture) };
    }
    const { workload } = compiled;
    return blaming(variant.meta.id, () => judge(workload, variant, bounds));
  };
}

function comparisonOf(
  fixtures: readonly LoadedFixture[],
  loaded: readonly LoadedVariant[],
  cells: readonly Cell[],
  how: Pick<Comparison, 'shard' | 'hardware'>,
): Comparison {
  const variants = loaded.map(({ variant }) => variant.meta);
  return {
    fixtures: fixtures.map(({ fixture, file }) => ({ id: fixture.name, asks: fixture.asks, file })),
    variants,
    cells,
    summary: summaryOf(variants, cells),
    costs: costsOf(variants, cells),
    ...how,
  };
}
