import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { resolveVariant } from '../../src/core/index';
import { fixtureOf, sizeOf, textOf } from '../../src/fuzz/draft';
import { drafts } from '../../src/fuzz/generate';
import { type Finding, fuzz } from '../../src/fuzz/index';
import { shrink } from '../../src/fuzz/shrink';
import { smaller } from '../../src/fuzz/simplify';
import { failuresOf, outcomeOf, small, stillBreaks } from '../../src/fuzz/trial';
import { variants } from '../../src/variants/index';
import { type Fixture, parseFixture, showFixture } from '../../src/workload/index';

const variant = (id: string) => resolveVariant(variants.find(({ meta }) => meta.id === id)!, variants);
jest.setTimeout(120_000);

const heading = { name: 'fuzz', asks: 'Does it hold?', source: 'test' };
const all = drafts({ without: new Set() });
/** Without the places where things stand in the file. */
const plain = (fixture: Fixture): unknown =>
  JSON.parse(
    JSON.stringify({ ...fixture, tasks: [...fixture.tasks] }, (key, value: unknown) =>
      key === 'place' ? undefined : value,
    ),
  );

describe('showFixture()', () => {
  const folder = join(__dirname, '../../fixtures');
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));

  test.each(files)('reads back as %s', (file) => {
    const fixture = parseFixture(readFileSync(join(folder, file), 'utf8'), file);
    expect(plain(parseFixture(showFixture(fixture), file))).toEqual(plain(fixture));
  });
});

describe('random fixtures', () => {
  const sample = fc.sample(all, { seed: 1, numRuns: 400 });

  test('are fixtures, and read back as themselves', () => {
    for (const draft of sample) {
      if (sizeOf(draft) === 0) continue;
      const fixture = fixtureOf(draft, heading);
      if (!fixture) throw new Error(`not a fixture:\n${textOf(draft, heading)}`);
      expect(plain(parseFixture(showFixture(fixture), fixture.file))).toEqual(plain(fixture));
    }
  });

  test('use every verb that they may', () => {
    const used = (without: string[]): Set<string> =>
      new Set(
        fc
          .sample(drafts({ without: new Set(without) }), { seed: 2, numRuns: 400 })
          .flatMap((draft) =>
            [...textOf(draft, heading).matchAll(/(?:- |: )([a-z_]+)(?= |$)/gm)].map((m) => m[1]!),
          ),
      );
    const verbs = used([]);
    for (const verb of [
      'write',
      'fork',
      'exit',
      'uffd_protect',
      'uffd_serve',
      'madvise',
      'swapoff',
      'peek',
    ]) {
      expect(verbs).toContain(verb);
    }
    const less = used(['userfaultfd', 'fork']);
    expect([...less].filter((verb) => verb.startsWith('uffd_') || verb === 'fork')).toEqual([]);
  });

  test('are the same for the same seed', async () => {
    const once = async (): Promise<string[]> => {
      const texts: string[] = [];
      await fuzz({
        seed: 36,
        runs: 1,
        variants: [variant('uffd-wp-2018')],
        without: ['kernel'],
        onFinding: ({ text }) => texts.push(text),
      });
      return texts;
    };
    expect(fc.sample(all, { seed: 3, numRuns: 20 })).toEqual(fc.sample(all, { seed: 3, numRuns: 20 }));
    expect(await once()).toEqual(await once());
  });
});

describe('shrink()', () => {
  // Un-protecting after a fork makes the page writable that the child maps as well.
  const leak = `name: fuzz
asks: Does it hold?
source: test
memory:
  guest: { size: 16KiB }
  heap: { size: 8KiB }
start:
  - a: write guest
  - b: write heap
  - a: uffd_register guest
  - b: read heap[1]
  - a: fork child
tasks:
  a: [uffd_protect guest, "uffd_unprotect guest[0..2]", "write guest[1]"]
  b: ["read guest[2]", "madvise heap[0] dontneed"]
finally:
  - child: read guest
  - b: write heap
`;

  test('leaves nothing that can be taken away', async () => {
    const base = variant('uffd-wp-2018');
    const question = stillBreaks(base, 'cow-isolation');
    const fixture = parseFixture(leak, 'fuzz.yaml');
    const failure = question(fixture);
    expect(failure).not.toBeNull();
    const shrunk = await shrink(fixture, failure!, heading, question, async () => true);
    expect(shrunk.minimal).toBe(true);
    expect(shrunk.fixture.memory.map(({ bytes }) => bytes)).toEqual([4096]);
    expect(shrunk.fixture.tasks.size).toBe(0);
    expect(shrunk.fixture.start.concat(shrunk.fixture.finally)).toHaveLength(5);
    for (const draft of smaller(shrunk.fixture)) {
      const candidate = fixtureOf(draft, heading);
      expect(candidate === null ? null : question(candidate)).toBeNull();
    }
  });

  test.each([0, 1, 2])('tries a fixture without page %i, the pages behind it moved up', (gone) => {
    const fixture = (size: number, pages: readonly string[]): string => `name: fuzz
asks: Does it hold?
source: test
memory:
  guest: { size: ${4 * size}KiB }
start:
${pages.map((page) => `  - a: write guest[${page}]\n`).join('')}`;
    const pages = ['0..2', '0', '1', '2'];
    const left = ['0..1', ...pages.slice(1).filter((page) => page !== `${gone}`)];
    const moved = left.map((page) => (Number(page) > gone ? `${Number(page) - 1}` : page));
    // Steps on the last page move to the one before.
    const expected = gone === 2 ? ['0..1', '0', '1', '1'] : moved;
    const tried = [...smaller(parseFixture(fixture(3, pages), 'fuzz.yaml'))].flatMap(
      (draft) => fixtureOf(draft, heading) ?? [],
    );
    expect(tried.map(plain)).toContainEqual(plain(parseFixture(fixture(2, expected), 'fuzz.yaml')));
  });

  test('stops when it is told to', async () => {
    const base = variant('uffd-wp-2018');
    const question = stillBreaks(base, 'cow-isolation');
    const fixture = parseFixture(leak, 'fuzz.yaml');
    const shrunk = await shrink(fixture, question(fixture)!, heading, question, async () => false);
    expect(shrunk).toMatchObject({ fixture, minimal: false });
  });
});

describe('fuzz()', () => {
  test('finds where two variants differ, and says so in a fixture', async () => {
    const pair = [variant('uffd-wp-2018'), variant('dirty-accountable-false')] as const;
    let found: Finding | undefined;
    await fuzz({
      seed: 30,
      runs: 100,
      variants: [],
      differ: pair,
      stopped: () => found !== undefined,
      onFinding: (finding) => {
        found ??= finding;
      },
    });
    const { text, failure, holdsOn } = found!;
    expect(pair.map(({ meta }) => meta.id).sort()).toEqual([failure.variant, holdsOn].sort());
    const fixture = parseFixture(text, `${found!.fixture.name}.yaml`);
    const broken = (id: string): string[] =>
      failuresOf(outcomeOf(small(fixture)!, variant(id)), variant(id)).map(({ invariant }) => invariant);
    expect(broken(failure.variant)).toContain(failure.invariant);
    expect(broken(holdsOn!)).not.toContain(failure.invariant);
    expect(text).toContain(`It holds on ${holdsOn}.`);
  });

  test('shares its runs out among shards', async () => {
    const runs = async (index: number): Promise<number> =>
      (await fuzz({ seed: 1, runs: 5, variants: [variant('linux-4.19')], shard: { index, of: 2 } })).runs;
    expect([await runs(0), await runs(1)]).toEqual([3, 2]);
  });

  test('stops between two fixtures', async () => {
    const result = await fuzz({ seed: 1, runs: 5, variants: [variant('linux-4.19')], stopped: () => true });
    expect(result).toMatchObject({ runs: 0, findings: [] });
  });
});
