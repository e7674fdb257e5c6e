/** On how much each kernel and the model agreed when somebody looked: docs/conform-figures.json. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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
