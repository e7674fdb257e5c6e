/** `faultline list`. Loads next to nothing, so that it starts at once. */
import { builtInQuestions } from '../compare/load';
import { type ListedGroup, renderList } from '../report/list';
import { signs } from '../report/signs';
import type { CommonOptions } from './arguments';
import { exit } from './failure';
import { listOf } from './lists';
import { checkOutput, writeOutput } from './output';
import { screenOf, type Terminal } from './terminal';

const groups: Record<string, () => readonly ListedGroup[]> = {
  variants: () => [{ title: 'variants', entries: listOf('variants') }],
  fixtures: () => {
    const entries = builtInQuestions().map(({ id, asks }) => ({ id, beside: '', says: asks }));
    return [{ title: 'fixtures', entries }];
  },
  invariants: () => [{ title: 'invariants', entries: listOf('invariants') }],
  functions: () => [{ title: 'functions', entries: listOf('functions') }],
  signs: () => Object.values(signs),
};

const usual = ['variants', 'fixtures', 'invariants'];

export function runList(what: string | undefined, options: CommonOptions, terminal: Terminal): number {
  if (options.output !== undefined) checkOutput(options.output);
  const listed = (what === undefined ? usual : [what]).flatMap((name) => groups[name]!());
  const text = renderList(listed, screenOf(terminal, options));
  if (options.output === undefined) terminal.stdout.write(text);
  else writeOutput(options.output, text);
  return exit.done;
}
