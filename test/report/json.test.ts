import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import { readFigures } from '../../src/conform/figures';
import { renderJson } from '../../src/report/json';
import { comparisonOf, meta, usual } from './sample';

const schema = JSON.parse(
  readFileSync(join(__dirname, '../../schemas/comparison.schema.json'), 'utf8'),
) as object;
const validate = new Ajv({ strict: true, allowUnionTypes: true, allErrors: true }).compile(schema);

test.each([
  { of: 'every verdict', comparison: usual },
  { of: 'nothing', comparison: comparisonOf([], []) },
  { of: 'an interrupted comparison', comparison: comparisonOf([meta('a'), meta('b')], ['x'], 1) },
])('the JSON of $of is as the schema says', ({ comparison }) => {
  validate(JSON.parse(renderJson(comparison)));
  expect(validate.errors ?? []).toEqual([]);
});

test('the schema notices what is missing', () => {
  const { cells: _, ...rest } = JSON.parse(renderJson(usual)) as { cells: unknown };
  expect(validate(rest)).toBe(false);
});

test('has the fields of the contract, in its order', () => {
  const value = JSON.parse(renderJson(usual)) as Record<string, Record<string, unknown>[]>;
  const fields = Object.keys(value).filter((key) => key !== 'tool');
  expect(fields).toEqual(['format', 'version', 'fixtures', 'variants', 'cells', 'summary']);
  expect(value.cells?.[0]).toMatchObject({
    fixture: 'thp-unprotect-one-page',
    variant: 'uffd-wp-2018',
    verdict: 'breaks',
    broken: [{ invariant: 'no-sigbus-loop', class: 'sigbus-loop', schedule: 'a3b2a-123456' }],
    explored: { executions: 1234, states: 5678, complete: true },
  });
});

test('the figures of real kernels are as the schema says', () => {
  const all = readFigures(join(__dirname, '../../docs/conform-figures.json'));
  const value = JSON.parse(renderJson(usual, all)) as { besideKernels: unknown[] };
  validate(value);
  expect(validate.errors ?? []).toEqual([]);
  expect(value.besideKernels).toEqual(all);
});
