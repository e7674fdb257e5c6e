/** On how much each kernel and the model agreed when somebody looked: docs/conform-figures.json. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Figures } from './agree';

export interface RecordedFigures extends Figures {
  readonly kernel: string;
  readonly variant: string;
  /** Of random fixtures; null for those of the repository. */
  readonly seed: number | null;
  /** What anyone can run to have them again. */
  readonly command: string;
}

export const readFigures = (file: string): readonly RecordedFigures[] =>
  existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as RecordedFigures[]) : [];

/** The latest run of a command on a kernel takes the place of the one before. */
export function recordFigures(file: string, figures: RecordedFigures): void {
  const isSame = (one: RecordedFigures): boolean =>
    one.kernel === figures.kernel && one.command === figures.command;
  const before = readFigures(file);
  const after = before.some(isSame)
    ? before.map((one) => (isSame(one) ? figures : one))
    : [...before, figures];
  writeFileSync(file, `${JSON.stringify(after, null, 1)}\n`);
}

const FILE = join(__dirname, '..', '..', 'docs', 'conform-figures.json');

/** For every report; the model is worth what this says. */
export function figuresSentence(all: readonly RecordedFigures[] = figuresHere()): string {
  if (all.length === 0) return '';
  const parts = all.map(
    ({ kernel, seed, observations, observationsAgreed, disagreed }) =>
      `${kernel} ${seed === null ? 'on the fixtures' : `on random fixtures from seed ${seed}`}: ` +
      `${observationsAgreed} of ${observations} steps agree, ${disagreed} unexplained`,
  );
  return `The model beside real kernels: ${parts.join('; ')}.`;
}

/** The figures that belong to this program, for reports that are data. */
export const figuresHere = (): readonly RecordedFigures[] => readFigures(FILE);

/** The same in a line or two, all runs on a kernel added up, where there is no room for each. */
export function figuresBriefly(all: readonly RecordedFigures[] = figuresHere()): string {
  if (all.length === 0) return '';
  const parts = [...new Set(all.map(({ kernel }) => kernel))].map((kernel) => {
    const own = all.filter((one) => one.kernel === kernel);
    const sum = (of: 'observations' | 'observationsAgreed' | 'disagreed'): number =>
      own.reduce((total, one) => total + one[of], 0);
    return `${sum('observationsAgreed')} of ${sum('observations')} steps agree with ${kernel}, ${sum('disagreed')} unexplained`;
  });
  return `The model beside real kernels: ${parts.join('; ')}.`;
}
