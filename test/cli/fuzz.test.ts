/** `faultline fuzz` and the merging of its results, as a user has them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import { type Ended, faultline, folder, put, variantText } from './terminal';

jest.setTimeout(120_000);

/** Cheap seeds, with a finding at the first and one at the last. */
const SEED = '387';
const fuzzing = (...more: string[]): string[] => [
  ...['fuzz', '--jobs', '0', '--seed', SEED, '--runs', '16', '--bound', '3'],
  ...['uffd-wp-2018', 'dirty-accountable-false'].flatMap((id) => ['--variant', id]),
  ...more,
];

/** In a folder of its own, whose name is taken out of what was printed. */
async function inFolder(argv: (place: string) => string[]): Promise<Ended & { files: string[] }> {
  const place = folder();
  const { code, stdout, stderr } = await faultline(argv(place));
  const plain = (text: string): string => text.replaceAll(place, 'PLACE');
  const save = join(place, 'found');
  const files = existsSync(save)
    ? readdirSync(save).map((file) => readFileSync(join(save, file), 'utf8'))
    : [];
  return { code, stdout: plain(stdout), stderr: plain(stderr), files };
}

const place = folder();
const saving = (name: string): string[] => ['--save', join(place, name)];
const whole = (): Promise<Ended> => faultline(fuzzing('--format', 'json', '--quiet', ...saving('whole')));

const shards = new Map<string, Promise<string>>();
const shard = (part: string): Promise<string> => {
  if (!shards.has(part)) shards.set(part, makeShard(part));
  return shards.get(part)!;
};

async function makeShard(part: string): Promise<string> {
  const file = join(place, `${part.replace('/', '-of-')}.json`);
  const argv = fuzzing('--shard', part, '--format', 'json', '--output', file, '--quiet', ...saving('parts'));
  expect([0, 1]).toContain((await faultline(argv)).code);
  return file;
}

function changed(file: string, name: string, change: object): string {
  const to = join(place, name);
  writeFileSync(to, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }));
  return to;
}

test('the JSON is as the schema says', async () => {
  const schema = JSON.parse(
    readFileSync(join(__dirname, '../../schemas/fuzz.schema.json'), 'utf8'),
  ) as object;
  const validate = new Ajv({ strict: true, allowUnionTypes: true, allErrors: true }).compile(schema);
  const { stdout, stderr, code } = await whole();
  const value = JSON.parse(stdout) as { findings: unknown[] };
  validate(value);
  expect(validate.errors ?? []).toEqual([]);
  expect(value.findings).toHaveLength(2);
  expect({ stderr, code }).toEqual({ stderr: '', code: 1 });
  validate({ ...value, findings: [{}] });
  expect(validate.errors).not.toBeNull();
});

test('the number of threads changes nothing that is printed or saved', async () => {
  const run = (jobs: string) => inFolder((to) => fuzzing('--jobs', jobs, '--save', join(to, 'found')));
  const alone = await run('0');
  expect(alone.code).toBe(1);
  expect(alone.files.length).toBe(alone.stdout.split('\n').length - 2);
  expect(await run('2')).toEqual(alone);
});

test('--output gets what stdout would have got', async () => {
  const file = join(folder(), 'result.txt');
  const to = saving('output');
  const { stdout } = await faultline(fuzzing(...to));
  const { stdout: nothing } = await faultline(fuzzing(...to, '--output', file));
  expect(nothing).toBe('');
  expect(readFileSync(file, 'utf8')).toBe(stdout);
});

test.each([1, 3])('%i shards are one campaign, byte for byte', async (of) => {
  const files = await Promise.all(Array.from({ length: of }, (_, i) => shard(`${i + 1}/${of}`)));
  const merged = await faultline([
    'merge',
    ...files.reverse(),
    '--format',
    'json',
    ...saving(`merged-${of}`),
  ]);
  expect(merged).toEqual(await whole());
  expect(readdirSync(join(place, `merged-${of}`))).toEqual(readdirSync(join(place, 'whole')));
  const save = saving('text');
  expect(await faultline(['merge', ...files, ...save])).toEqual(await faultline(fuzzing(...save)));
});

describe('merge refuses', () => {
  const refusing = (...files: string[]): Promise<Ended> => faultline(['merge', ...files, ...saving('never')]);

  test.each<{ what: string; says: string; files: () => Promise<string[]> }>([
    {
      what: 'one missing shard',
      says: 'shard 2/3 is in none of the files',
      files: async () => [await shard('3/3'), await shard('1/3')],
    },
    {
      what: 'missing shards',
      says: 'shards 1/3, 3/3 are in none of the files',
      files: async () => [await shard('2/3')],
    },
    {
      what: 'a shard that is given twice',
      says: '1-of-3.json:1:1: shard 1/3 is given twice; the other is ',
      files: async () => [await shard('1/3'), await shard('2/3'), await shard('1/3')],
    },
    {
      what: 'shards of another number',
      says: '1-of-2.json:1:1: shard 1/2 among shards of 3, such as ',
      files: async () => [await shard('1/3'), await shard('1/2')],
    },
    ...[
      { change: { seed: 51 }, says: 'the seed is 51, not 387' },
      { change: { runs: 10 }, says: 'the number of runs is 10, not 16' },
      { change: { without: ['fork'] }, says: 'what is left out (--without) is fork, not nothing' },
      { change: { model: 'other' }, says: 'the model is other, not ' },
      { change: { tool: '0.0.1' }, says: 'the version of faultline is 0.0.1, not ' },
      {
        change: { variants: [] },
        says: 'the list of variants is , not uffd-wp-2018 dirty-accountable-false',
      },
      {
        change: { bound: { executions: 7, steps: 20_000 } },
        says: 'the bound is 7 executions of 20000 steps, not 3 executions of 20000 steps',
      },
    ].map(({ change, says }, i) => ({
      what: `another ${Object.keys(change)[0]}`,
      says: `other-${i}.json:1:1: ${says}`,
      files: async () => [await shard('1/3'), changed(await shard('2/3'), `other-${i}.json`, change)],
    })),
    {
      what: 'a part that time ended',
      says: 'late.json:1:1: --time ended it after 1 of 6 fixtures',
      files: async () => [
        changed(await shard('1/3'), 'late.json', { tried: 1, stoppedBy: 'time' }),
        await shard('2/3'),
        await shard('3/3'),
      ],
    },
    {
      what: 'what the schema does not allow',
      says: 'odd.json:1:1: tried must be integer',
      files: async () => [changed(await shard('1/3'), 'odd.json', { tried: 'all' })],
    },
    {
      what: 'another version',
      says: 'new.json:1:1: a result of version 2; this faultline reads version 1',
      files: async () => [changed(await shard('1/3'), 'new.json', { version: 2 })],
    },
    {
      what: 'a comparison among them',
      says: 'comparison.json:1:1: a comparison, while ',
      files: async () => {
        const file = put(place, 'comparison.json', '{ "format": "faultline-comparison" }');
        return [await shard('1/3'), file];
      },
    },
    {
      what: 'them among comparisons',
      says: '1-of-3.json:1:1: a result of faultline fuzz, while ',
      files: async () => {
        const file = put(place, 'comparison.json', '{ "format": "faultline-comparison" }');
        return [file, await shard('1/3')];
      },
    },
  ])('$what', async ({ says, files }) => {
    const { code, stderr, stdout } = await refusing(...(await files()));
    expect(stderr).toContain(says);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: 65, stdout: '' });
    expect(existsSync(join(place, 'never'))).toBe(false);
  });

  test('two files of one name of a variant', async () => {
    const idea = (body: string): string => put(folder(), 'my-idea.ts', variantText(body));
    const part = async (index: number, body: string): Promise<string> => {
      const file = join(place, `idea-${index}.json`);
      const argv = ['fuzz', '--jobs', '0', '--seed', '1', '--runs', '2', '--variant', idea(body)];
      const more = ['--shard', `${index}/2`, '--format', 'json', '--output', file, ...saving('idea')];
      await faultline([...argv, ...more]);
      return file;
    };
    const files = [await part(1, ''), await part(2, '/* another */')];
    const { code, stderr } = await refusing(...files);
    expect(stderr).toContain('idea-2.json:1:1: my-idea was another variant of that name');
    expect(code).toBe(65);
  });
});

describe('an interrupt', () => {
  const argv = (place: string): string[] => [
    ...['fuzz', '--seed', SEED, '--runs', '100000', '--bound', '3', '--variant', 'uffd-wp-2018'],
    ...['--save', join(place, 'found')],
  ];
  const atFirst = ({ stdout, stderr }: { stdout: string; stderr: string }, interrupt: () => void): void => {
    if (`${stdout}${stderr}`.includes(' breaks ')) interrupt();
  };

  test.each(['0', '2'])('with --jobs %s prints what was found', async (jobs) => {
    const place = folder();
    const { code, stdout, stderr } = await faultline([...argv(place), '--jobs', jobs], {
      onPrinted: atFirst,
    });
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'faultline: interrupted\n' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(/^seed 387: \d+ fixtures, \d+ findings?; /);
    expect(readdirSync(join(place, 'found'))).toHaveLength(lines.length - 1);
  });

  test('prints the part, and leaves the file alone that --output names', async () => {
    const place = folder();
    const file = put(place, 'result.json', 'as before');
    const all = [...argv(place), '--jobs', '0', '--format', 'json', '--output', file];
    const { code, stdout, stderr } = await faultline(all, { onPrinted: atFirst });
    expect(code).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ stoppedBy: 'interrupt', runs: 100_000 });
    expect(stderr).toMatch(/faultline: interrupted: .*result\.json was not written\n$/);
    expect(readFileSync(file, 'utf8')).toBe('as before');
    const merged = await faultline(['merge', put(place, 'part.json', stdout), ...saving('never')]);
    expect(merged.stderr).toMatch(/part\.json:1:1: it was interrupted after \d+ of 100000 fixtures/);
  });
});

describe('bad usage ends with 64 and one line', () => {
  const file = put(place, 'file', '');
  mkdirSync(join(place, 'directory'));
  const dangling = join(place, 'dangling');
  symlinkSync(join(place, 'nowhere'), dangling);

  test.each<{ argv: string[]; says: string }>([
    { argv: ['--seed', 'x'], says: "'x' is invalid. It must be a whole number below 2147483648." },
    { argv: ['--seed', '-1'], says: "'-1' is invalid. It must be a whole number below" },
    { argv: ['--seed', '2147483648'], says: 'It must be a whole number below 2147483648.' },
    { argv: ['--runs', '0'], says: "'0' is invalid. It must be a whole number, at least 1." },
    { argv: ['--time', '0'], says: "'0' is invalid. It must be a whole number, at least 1." },
    { argv: ['--jobs', '-1'], says: 'It must be a whole number, at least 0.' },
    { argv: ['--bound', '0'], says: 'It must be a whole number, at least 1.' },
    { argv: ['--shard', '0/2'], says: "'0/2' is invalid. It must be I/N, such as 1/4." },
    { argv: ['--shard', '3/2'], says: "'3/2' is invalid. It must be I/N, such as 1/4." },
    { argv: ['--format', 'html'], says: 'Allowed choices are table, json.' },
    { argv: ['--variant', 'linux-6.2'], says: 'unknown variant "linux-6.2"; did you mean "linux-6.1"?' },
    { argv: ['--differ', 'linux-6.1'], says: '--differ needs two variants, found linux-6.1' },
    { argv: ['--differ', 'linux-6.1', 'linux-6.1'], says: 'variant "linux-6.1" is named twice' },
    { argv: ['--without', 'frok'], says: 'there is no verb or group of verbs "frok"; did you mean "fork"?' },
    { argv: ['--save', ''], says: 'cannot write --save : it has no name' },
    { argv: ['--save', file], says: `cannot write --save ${file}: ${file} is a file, not a directory` },
    {
      argv: ['--save', join(file, 'in')],
      says: `cannot write --save ${join(file, 'in')}: ${file} is a file`,
    },
    {
      argv: ['--save', '/proc/faultline'],
      says: 'cannot write --save /proc/faultline: /proc: no file can be made there',
    },
    { argv: ['--save', dangling], says: `${dangling} is a link to nothing, not a directory` },
    { argv: ['--output', '/proc/result'], says: 'cannot write --output /proc/result: /proc: no file' },
    { argv: ['--output', join(place, 'x'.repeat(250))], says: 'name too long' },
    { argv: ['--shard', '1/4'], says: '--shard needs --seed: each part would start at another seed' },
    { argv: ['--output', join(place, 'directory')], says: 'is a directory, not a file' },
    { argv: ['--output', join(place, 'nowhere', 'a')], says: 'there is no folder' },
  ])('$argv', async ({ argv, says }) => {
    const { code, stdout, stderr } = await faultline(['fuzz', '--runs', '1', '--jobs', '0', ...argv]);
    expect(stderr).toContain(says);
    const lines = stderr.trimEnd().split('\n');
    expect(lines.filter((line) => !line.startsWith('(--help'))).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });
});
