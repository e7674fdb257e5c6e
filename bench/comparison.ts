/** All variants over all fixtures: how long it takes, and where the time goes. */
import type { Cell } from '../src/compare/index';
import { compare as compiled } from './compiled';
import type { Figure, Measurement } from './figure';

const REPEATS = 3;
const CORES = 2;
const SLOWEST = 10;
const MILLISECONDS = 1e6;

interface Timed {
  readonly cell: Cell;
  readonly ms: number;
}

async function everything(workers: number, onCell: (cell: Cell) => void = () => {}): Promise<number> {
  const before = process.hrtime.bigint();
  await compiled.compare(compiled.loadFixtures([]), compiled.loadVariants([]), { workers, onCell });
  return Number(process.hrtime.bigint() - before) / MILLISECONDS / 1000;
}

export const comparison: Measurement = {
  name: 'compare',
  says: 'all variants over all fixtures, 512 entries per table',
  async run(note) {
    const values: number[] = [];
    for (let i = 0; i < REPEATS; i++) {
      note(`run ${i + 1} of ${REPEATS}`);
      values.push(await everything(CORES));
    }
    return [{ of: `on ${CORES} cores`, unit: 's', values, goal: 5 }];
  },
};

const explored = ({ verdict }: Cell): { executions: number; states: number } =>
  'explored' in verdict ? verdict.explored : { executions: 0, states: 0 };

export const cells: Measurement = {
  name: 'cells',
  says: 'the same on one core, cell by cell: the slowest ten, and what the search gets through',
  async run(note) {
    const timed: Timed[] = [];
    let last = process.hrtime.bigint();
    const total = await everything(0, (cell) => {
      const now = process.hrtime.bigint();
      const ms = Number(now - last) / MILLISECONDS;
      timed.push({ cell, ms });
      note(`${cell.fixture} under ${cell.variant}`);
      last = now;
    });
    const executions = timed.reduce((sum, { cell }) => sum + explored(cell).executions, 0);
    const states = timed.reduce((sum, { cell }) => sum + explored(cell).states, 0);
    return [
      { of: `${timed.length} cells`, unit: 's', values: [total] },
      { of: 'executions per second', unit: '', values: [executions / total] },
      { of: 'states per second', unit: '', values: [states / total] },
      ...slowest(timed, total * 1000),
    ];
  },
};

function slowest(timed: readonly Timed[], total: number): Figure[] {
  const ordered = [...timed].sort((a, b) => b.ms - a.ms).slice(0, SLOWEST);
  return ordered.map(({ cell, ms }) => {
    const { executions, states } = explored(cell);
    const share = `${((ms / total) * 100).toFixed(1)} % of all`;
    return {
      of: `${cell.fixture} | ${cell.variant}`,
      unit: `ms, ${share}, ${executions} executions, ${states} states`,
      values: [ms],
    };
  });
}
