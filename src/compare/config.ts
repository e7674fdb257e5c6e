/** A user's settings: what a file `faultline.config.ts` or `.js` may hold. The command line wins over it. */
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { didYouMean, oneOf } from '../workload/suggestion';
import { InputError, namesFile } from './input';

export interface Config {
  /** Ids, or files seen from the config file, where no --variant is given. */
  readonly variants?: readonly string[];
  /** Ids, or files seen from the config file, where no --fixture is given. */
  readonly fixtures?: readonly string[];
  /** Threads; 0: none beside the main one. */
  readonly jobs?: number;
  /** Runs of one cell after which its search stops. */
  readonly bound?: number;
  /** Columns of what is printed. */
  readonly width?: number;
  readonly color?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** For `faultline.config.ts`: gives an editor the names and types of the settings. */
export const defineConfig = (config: Config): Config => config;

/** Names that are looked up in the current directory, the first that is there. */
export const configNames = ['faultline.config.ts', 'faultline.config.js'] as const;

/** @returns null where there is none */
export const findConfig = (): string | null => configNames.find((name) => existsSync(name)) ?? null;

interface Setting {
  readonly is: (value: unknown) => boolean;
  readonly says: string;
}

const isList = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string');
const atLeast =
  (least: number) =>
  (value: unknown): boolean =>
    Number.isSafeInteger(value) && (value as number) >= least;
const isBoolean = (value: unknown): boolean => typeof value === 'boolean';

const settings: Readonly<Record<keyof Config, Setting>> = {
  variants: { is: isList, says: 'a list of ids and files' },
  fixtures: { is: isList, says: 'a list of ids and files' },
  jobs: { is: atLeast(0), says: 'a whole number, at least 0' },
  bound: { is: atLeast(1), says: 'a whole number, at least 1' },
  width: { is: atLeast(40), says: 'a whole number, at least 40' },
  color: { is: isBoolean, says: 'true or false' },
  quiet: { is: isBoolean, says: 'true or false' },
  verbose: { is: isBoolean, says: 'true or false' },
};

/** @param file as the user named it, which is how messages name it */
export function loadConfig(file: string): Config {
  const { placeOfWord, runUserFile } = require('./user_file') as typeof import('./user_file');
  const config = runUserFile(file, () => ({ ...require('../core/index'), defineConfig }));
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new InputError('input', `${file}:1:1: exports no settings; write: export default defineConfig({})`);
  }
  for (const [name, value] of Object.entries(config)) {
    const refuse = (message: string): InputError =>
      new InputError('input', `${placeOfWord(file, name)}: ${message}`);
    if (!Object.hasOwn(settings, name)) {
      const known = Object.keys(settings);
      throw refuse(`there is no setting "${name}"${didYouMean(name, known)}; allowed are ${oneOf(known)}`);
    }
    const { is, says } = settings[name as keyof Config];
    if (!is(value)) throw refuse(`"${name}" must be ${says}, found ${JSON.stringify(value)}`);
  }
  const { variants, fixtures, ...others } = config as Config;
  return {
    ...others,
    ...(variants
      ? { variants: variants.map((one) => seenFrom(file, one, ['.ts', '.js', '.cts', '.cjs'])) }
      : {}),
    ...(fixtures ? { fixtures: fixtures.map((one) => seenFrom(file, one, ['.yaml', '.yml'])) } : {}),
  };
}

/** A file that the config names, as it is named from the current directory. */
function seenFrom(config: string, argument: string, endings: readonly string[]): string {
  if (!namesFile(argument, endings) || isAbsolute(argument)) return argument;
  return `./${relative('', join(dirname(resolve(config)), argument))}`;
}
