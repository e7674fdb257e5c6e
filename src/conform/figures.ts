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
  const kept = readFigures(file).filter((one) => !isSame(one));
  writeFileSync(file, `${JSON.stringify([...kept, figures], null, 1)}\n`);
}

const FILE = join(__dirname, '..', '..', 'docs', 'conform-figures.json');

/** For every report; the model is worth what this says. */
export function figuresSentence(all: readonly RecordedFigures[] = readFigures(FILE)): string {
  if (all.length === 0) return '';
  const parts = all.map(
    ({ kernel, seed, observations, observationsAgreed, disagreed }) =>
      `${kernel} ${seed === null ? 'on the fixtures' : `on random fixtures from seed ${seed}`}: ` +
      `${observationsAgreed} of ${observations} steps agree, ${disagreed} unexplained`,
  );
  return `The model beside real kernels: ${parts.join('; ')}.`;
}
