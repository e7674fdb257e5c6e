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

const says =
  /This is shard 2 of 4, so the sums\s+are of its own cells alone. faultline merge\s+puts\s+the\s+shards\s+together/;

describe('a shard', () => {
  test.each([
    { format: 'table', cell: /^written-page +\/ +SIGBUS/m, legend: /^ {2}\/ +is of another shard$/m, says },
    {
      format: 'markdown',
      cell: /^\| written-page \| \/ \| SIGBUS \| \/ \|$/m,
      legend: /^- \*\*\/\*\*: is of another shard$/m,
      says,
    },
    { format: 'ktap', cell: / {2}ok 1 written_page # SKIP not run: of another shard/, legend: /./, says },
    { format: 'html', cell: />\/<\/a>/, legend: /<p class="hint">\/ is of another shard\./, says },
    { format: 'junit', cell: /<skipped message="not run: of another shard"\/>/, legend: /./, says: /./ },
  ])('says so as $format, and which cells are of others', async ({ format, cell, legend, says }) => {
    const { stdout } = await faultline(comparing('--shard', '2/4', '--format', format));
    for (const has of [cell, legend, says]) expect(stdout).toMatch(has);
    expect(stdout).not.toContain('interrupted');
  });

  test('that was interrupted tells its own missing cells from those of others', async () => {
    const argv = comparing('--shard', '1/2', '--format', 'table');
    const { code, stdout, stderr } = await faultline(argv, { interruptAt: /1\/3/ });
    expect(code).toBe(130);
    expect(stdout).toMatch(/^other-page +\/ +-$/m);
    expect(stdout).toMatch(/^ {2}\/ +is of another shard\n {2}- +was not run: interrupted before$/m);
    expect(stderr).toContain('interrupted: 1 of 3 cells finished');
  });

  test('of one is the whole, and what is merged says nothing of shards', async () => {
    const { stdout } = await faultline(comparing('--shard', '1/1', '--format', 'table'));
    expect(stdout).not.toContain('shard');
    const files = [await shard('1/2'), await shard('2/2')];
    expect((await faultline(['merge', ...files])).stdout).not.toContain('shard');
  });
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
