import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { faultline, fixtureText, folder, put } from './terminal';

const place = folder();
const written = put(place, 'written-page.yaml', fixtureText('written-page'));
const other = put(place, 'other-page.yaml', fixtureText('other-page'));

const comparing = (...more: string[]): string[] => [
  ...['compare', '--jobs', '0', '--format', 'json', '--fixture', written, '--fixture', other],
  ...[
    '--variant',
    'uffd-wp-2018',
    '--variant',
    'dirty-accountable-false',
    '--variant',
    'mkwrite-reuse-as-posted',
  ],
  ...more,
];

async function shard(part: string): Promise<string> {
  const file = join(place, `${part.replace('/', '-of-')}.json`);
  expect((await faultline(comparing('--shard', part, '--output', file))).code).toBe(0);
  return file;
}

interface Saved {
  variants: object[];
  fixtures: { asks: string }[];
  cells: { verdict: string; cost: object }[];
}

function changed(file: string, name: string, change: (value: Saved) => unknown): string {
  const value = JSON.parse(readFileSync(file, 'utf8'));
  change(value);
  const to = join(place, name);
  writeFileSync(to, JSON.stringify(value));
  return to;
}

test.each([2, 4])('%i shards are one comparison', async (of) => {
  const files = await Promise.all(Array.from({ length: of }, (_, i) => shard(`${i + 1}/${of}`)));
  const whole = await faultline(comparing());
  const merged = await faultline(['merge', ...files.reverse(), '--format', 'json']);
  expect(merged).toEqual(whole);
  const table = await faultline(comparing('--format', 'table'));
  expect(await faultline(['merge', ...files])).toEqual(table);
});

test('shards share nothing and leave nothing out', async () => {
  const cells = await Promise.all(
    ['1/4', '2/4', '3/4', '4/4'].map(async (part) =>
      JSON.parse(readFileSync(await shard(part), 'utf8')).cells.map(
        (cell: { fixture: string; variant: string }) => `${cell.fixture} ${cell.variant}`,
      ),
    ),
  );
  expect(cells.map((part) => part.length)).toEqual([2, 2, 1, 1]);
  expect(new Set(cells.flat()).size).toBe(6);
});

describe('refuses', () => {
  test.each<{ what: string; says: string; files: () => Promise<string[]> }>([
    {
      what: 'a missing shard',
      says: '3 of 6 cells are in none of the files, the first is written-page dirty-accountable-false: missing is shard 2/2',
      files: async () => [await shard('1/2')],
    },
    {
      what: 'a shard of other variants',
      says: 'fewer.json:1:1: variants[2] is nothing, not mkwrite-reuse-as-posted',
      files: async () => {
        const file = await shard('1/2');
        return [file, changed(file, 'fewer.json', ({ variants }) => variants.pop())];
      },
    },
    {
      what: 'a shard of a changed fixture',
      says: 'asks.json:1:1: fixtures[0], written-page, is described otherwise',
      files: async () => {
        const file = await shard('1/2');
        const ask = ({ fixtures }: Saved): unknown => Object.assign(fixtures[0]!, { asks: 'Why?' });
        return [file, changed(file, 'asks.json', ask)];
      },
    },
    {
      what: 'a shard of another version',
      says: 'old.json:1:1: made by faultline 0.0.1',
      files: async () => {
        const file = await shard('1/2');
        return [file, changed(file, 'old.json', (value) => Object.assign(value, { tool: '0.0.1' }))];
      },
    },
    {
      what: 'two results for one cell',
      says: 'twice.json:1:1: written-page uffd-wp-2018: ',
      files: async () => {
        const file = await shard('1/2');
        const lie = ({ cells }: Saved): unknown => Object.assign(cells[0]!, { verdict: 'closed' });
        return [file, changed(file, 'twice.json', lie)];
      },
    },
    {
      what: 'a cell of a form that it does not know',
      says: 'form.json:1:1: cells/0/cost must have required property',
      files: async () => {
        const file = await shard('1/2');
        const strip = ({ cells }: Saved): unknown => Object.assign(cells[0]!, { cost: {} });
        return [changed(file, 'form.json', strip)];
      },
    },
    { what: 'what is no comparison', says: 'written-page.yaml:1:', files: async () => [written] },
  ])('$what', async ({ says, files }) => {
    const { code, stderr } = await faultline(['merge', ...(await files())]);
    expect(stderr).toContain(says);
    expect(code).toBe(65);
  });
});
