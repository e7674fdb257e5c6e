/** Two variants beside each other as JSON, described by schemas/difference.schema.json. */
import type { Difference } from '../compare/difference';
import type { Divergence, Parting } from '../compare/divergence';
import type { ChangedFunction, FunctionSource } from '../compare/function_sources';
import { version } from '../version';
import { functionDiff } from './difference';
import { verdictFields } from './json';

export const differenceFormat = { format: 'faultline-difference', version: 1 } as const;

/** Fields may be added, none removed; the order of keys is fixed. */
export function renderDifferenceJson(difference: Difference): string {
  const { a, b, functions, compared, verdicts, cost, divergences } = difference;
  const value = {
    ...differenceFormat,
    tool: version,
    a,
    b,
    functions: functions.map(functionFields),
    compared,
    verdicts: verdicts.map((pair) => ({
      fixture: pair.fixture,
      a: verdictFields(pair.a),
      b: verdictFields(pair.b),
    })),
    cost: { fixtures: cost.fixtures, a: { ...cost.a }, b: { ...cost.b } },
    divergences: divergences.map(divergenceFields),
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}

const functionFields = (changed: ChangedFunction): object => ({
  name: changed.name,
  a: sourceFields(changed.a),
  b: sourceFields(changed.b),
  diff: functionDiff(changed),
});

const sourceFields = (source: FunctionSource | null): object | null =>
  source && { owner: source.owner, file: source.file, line: source.line };

/** `at`: the number of the first step that differs; null where both do the same to the end. */
const divergenceFields = (one: Divergence): object => ({
  fixture: one.fixture,
  schedule: one.token,
  steps: one.steps,
  at: one.at,
  last: one.last,
  start: one.start,
  fork: one.fork && conditionFields(one.fork),
  a: one.a && partingFields(one.a),
  b: one.b && partingFields(one.b),
  entry: one.entry,
  end: one.end,
});

const partingFields = ({ does, actor, calls, site, decided, changes, told }: Parting): object => ({
  does,
  actor,
  calls,
  site: site && conditionFields(site),
  decided: decided.map(conditionFields),
  changes: changes.map(({ object, before, after }) => ({ object, before, after })),
  told,
});

const conditionFields = ({ where, text }: { where: string; text: string }): object => ({ where, text });
