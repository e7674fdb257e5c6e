import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RecordedFigures, readFigures, recordFigures } from '../../src/conform/figures';

const folder = mkdtempSync(join(tmpdir(), 'faultline-'));
const file = join(folder, 'figures.json');
afterAll(() => rmSync(folder, { recursive: true }));

const figures = (kernel: string, command: string, observations: number): RecordedFigures => ({
  ...{ kernel, variant: 'linux-6.1', seed: null, command },
  ...{ fixtures: 1, agreed: 1, explained: 0, disagreed: 0, cut: 0 },
  ...{ observations, observationsAgreed: observations },
});
const told = (): string[] =>
  readFigures(file).map((one) => `${one.kernel} ${one.command} ${one.observations}`);

test('the latest run of a command on a kernel stands where the one before stood', () => {
  expect(readFigures(file)).toEqual([]);
  recordFigures(file, figures('6.1', 'all', 10));
  recordFigures(file, figures('6.1', 'random', 20));
  recordFigures(file, figures('6.12', 'all', 30));
  recordFigures(file, figures('6.1', 'all', 11));
  expect(told()).toEqual(['6.1 all 11', '6.1 random 20', '6.12 all 30']);
});
