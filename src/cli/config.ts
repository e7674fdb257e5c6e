/** What the config file says becomes the option of a command, where the command line does not say it. */
import type { Command } from 'commander';
import { type Config, findConfig, loadConfig } from '../compare/config';
import type { Terminal } from './terminal';

/** The option of the command line that each setting stands for. */
const optionOf: Readonly<Record<keyof Config, string>> = {
  variants: 'variant',
  fixtures: 'fixture',
  jobs: 'jobs',
  bound: 'bound',
  width: 'width',
  color: 'color',
  quiet: 'quiet',
  verbose: 'verbose',
};

/** Commands that take no --config have nothing that could be set. */
export function applyConfig(command: Command, { stderr }: Terminal): void {
  const known = new Map(command.options.map((option) => [option.attributeName(), option]));
  if (!known.has('config')) return;
  const file = (command.getOptionValue('config') as string | undefined) ?? findConfig();
  if (file === null) return;
  const config = loadConfig(file);
  for (const [setting, value] of Object.entries(config)) {
    const name = optionOf[setting as keyof Config];
    const option = known.get(name);
    const isSaid = !['default', undefined].includes(command.getOptionValueSource(name));
    // A list of variants is for commands that take one, and stands back where others were asked for.
    const isList = Array.isArray(value);
    if (!option || isSaid || (isList && !option.parseArg) || isInTheWay(name, command)) continue;
    command.setOptionValueWithSource(name, value, 'config');
  }
  if (command.getOptionValue('verbose')) stderr.write(`faultline: settings from ${file}\n`);
}

/** `fuzz --differ` names its variants itself, and `conform --runs` makes its fixtures. */
const isInTheWay = (name: string, command: Command): boolean =>
  (name === 'variant' && command.getOptionValue('differ') !== undefined) ||
  (name === 'fixture' && command.name() === 'conform' && command.getOptionValue('runs') !== undefined);
