import { runsOf } from '../../src/cli/runs';
import { compare } from '../../src/compare/compare';
import { loadFixtures, loadVariants } from '../../src/compare/load';
import type { ShownRun } from '../../src/report/html_runs';

const fixtures = loadFixtures(['base-dirty-4k']);
const variants = loadVariants(['uffd-wp-2018', 'page-dirty-check', 'dirty-accountable-false', 'linux-6.1']);
let runs: ShownRun[] = [];

beforeAll(async () => {
  runs = [...runsOf({ comparison: await compare(fixtures, variants), fixtures, variants })];
}, 60_000);

test('each cell has the run behind its verdict, also where nothing broke', () => {
  expect(runs.map(({ variant, broken }) => [variant, broken])).toEqual([
    ['uffd-wp-2018', []],
    ['page-dirty-check', []],
    ['dirty-accountable-false', ['no-sigbus']],
    ['linux-6.1', []],
  ]);
});

test('each has its base and its rivals beside it', () => {
  expect(runs.map(({ beside }) => beside.map(({ variant }) => variant))).toEqual([
    ['page-dirty-check', 'dirty-accountable-false'],
    ['uffd-wp-2018', 'dirty-accountable-false'],
    ['uffd-wp-2018', 'page-dirty-check'],
    [],
  ]);
});

// One asks whether the page is dirty before it writes the entry back, the other writes it back at once.
test('and they part at the first step that differs', () => {
  const { trace, beside } = runs[2]!;
  const { lines, parts } = beside[1]!;
  expect([lines[parts!.there]!.text, lines.length]).toEqual(['PageDirty page 514 flags', parts!.there + 1]);
  expect(trace.lines[parts!.here]!.changes).toEqual([
    { object: 'pte guest[0]', before: 'none', after: '514 P--DAS--' },
  ]);
});
