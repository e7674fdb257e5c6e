/**
 * Counts executions and states of every cell into test/explore/counts.json, by which a lost part of the search is
 * noticed. `npm run generate` writes the file; a test counts some of the cells again.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cellJudge } from '../src/compare/compare';
import { type LoadedFixture, type LoadedVariant, loadFixtures, loadVariants } from '../src/compare/load';
import { defaultBounds } from '../src/explore/index';
import type { Verdict } from '../src/judge/index';

export const countsFile = join(__dirname, '..', 'test', 'explore', 'counts.json');

/** Enough to notice a change; a search that needs more is cut short at the same place every time. */
const bounds = { ...defaultBounds, maxExecutions: 100 };

/** `breaks 3 97`: verdict, executions, states. */
const told = (verdict: Verdict): string =>
  'explored' in verdict
    ? `${verdict.kind} ${verdict.explored.executions} ${verdict.explored.states}`
    : verdict.kind;

interface Counter {
  /** `fixture variant`, in the order of a comparison. */
  readonly names: readonly string[];
  count(cell: number): string;
}

export function counter(
  fixtures: readonly LoadedFixture[] = loadFixtures([]),
  variants: readonly LoadedVariant[] = loadVariants([]),
): Counter {
  const judge = cellJudge(fixtures, variants, bounds);
  return {
    names: fixtures.flatMap(({ fixture }) =>
      variants.map(({ variant }) => `${fixture.name} ${variant.meta.id}`),
    ),
    count: (cell) => told(judge(cell)),
  };
}

if (require.main === module) {
  const { names, count } = counter();
  const counts = Object.fromEntries(names.map((name, cell) => [name, count(cell)]));
  writeFileSync(countsFile, `${JSON.stringify(counts, null, 2)}\n`);
}
