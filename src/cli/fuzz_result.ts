/** How the result of a campaign is printed and its fixtures saved, by whoever has it: `fuzz`, or `merge`. */
import { join } from 'node:path';
import { InputError, reasonOf } from '../compare/input';
import type { Finding, SavedFuzz } from '../fuzz/index';
import { plural } from '../report/words';
import { exit } from './failure';
import { checkFolderToBe, makeFolder, writeOutput } from './output';

type SavedFinding = SavedFuzz['findings'][number];

export const jsonOf = (saved: SavedFuzz): string => `${JSON.stringify(saved, null, 2)}\n`;

const fileOf = (name: string, folder: string): string => join(folder, `${name}.yaml`);

const refuse = (folder: string, error: unknown): InputError =>
  new InputError('usage', `cannot write --save ${folder}: ${reasonOf(error)}`);

/** Asked before the work begins. The folder is made with the first finding. */
export const checkSavable = (folder: string): void => checkFolderToBe(folder, '--save');

export function saveFinding({ name, text }: Pick<Finding, 'name' | 'text'>, folder: string): void {
  try {
    makeFolder(folder);
  } catch (error) {
    throw refuse(folder, error);
  }
  writeOutput(fileOf(name, folder), text, '--save');
}

type Told = Pick<SavedFinding, 'name' | 'variant' | 'invariant' | 'saw' | 'holdsOn' | 'breaksOn'>;

export const lineOf = (finding: Told, folder: string): string =>
  `${fileOf(finding.name, folder)}: ${sentence(finding)}`;

function sentence({ variant, invariant, saw, holdsOn, breaksOn }: Told): string {
  if (invariant === 'model') return `the model itself fails on ${variant}: ${saw}`;
  const others = breaksOn.length > 1 ? ` (and ${breaksOn.length - 1} more)` : '';
  const but = holdsOn ? `, which ${holdsOn} keeps` : '';
  return `${variant}${others} breaks ${invariant}${but}: ${saw}`;
}

export function summaryOf({ seed, tried, unusable, cutShort, findings }: SavedFuzz): string {
  const found = findings.filter(({ repeats }) => repeats === null).length;
  const notes = [`${unusable} of them could not be run`, `${cutShort} searches were cut short`];
  return `seed ${seed}: ${plural(tried, 'fixture')}, ${plural(found, 'finding')}; ${notes.join(', ')}`;
}

const linesOf = ({ findings }: SavedFuzz, folder: string): string[] =>
  findings.filter(({ repeats }) => repeats === null).map((finding) => lineOf(finding, folder));

/** All that a campaign prints, for whoever has not told its findings one by one. */
export const wholeText = (saved: SavedFuzz, folder: string): string =>
  [...linesOf(saved, folder), summaryOf(saved)].map((line) => `${line}\n`).join('');

export function exitCode(findings: readonly SavedFinding[]): number {
  if (findings.some(({ invariant }) => invariant === 'model')) return exit.internal;
  return findings.length > 0 ? exit.found : exit.done;
}
