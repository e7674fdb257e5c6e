import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { loadVariants } from '../../src/compare/load';
import { resolveVariant } from '../../src/core/index';
import { fixtureOf, sizeOf, textOf } from '../../src/fuzz/draft';
import { drafts } from '../../src/fuzz/generate';
import {
  boundOf,
  type CampaignKey,
  type Finding,
  type FuzzPart,
  fuzz,
  fuzzBounds,
  mergeFuzz,
  savedOf,
} from '../../src/fuzz/index';
import { Ledger } from '../../src/fuzz/ledger';
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
        variants: loadVariants(['uffd-wp-2018']),
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

/** Cheap seeds, among which two variants break several invariants, one of them more often than is followed. */
const busy = {
  seed: 376,
  runs: 27,
  variants: loadVariants(['uffd-wp-2018', 'dirty-accountable-false']),
  bounds: { ...fuzzBounds, maxExecutions: 3 },
};

describe('fuzz()', () => {
  test('finds where two variants differ, and says so in a fixture', async () => {
    const pair = ['uffd-wp-2018', 'dirty-accountable-false'];
    let found: Finding | undefined;
    await fuzz({
      seed: 153,
      runs: 1,
      variants: loadVariants(pair),
      differ: true,
      onFinding: (finding) => {
        found ??= finding;
      },
    });
    const { text, name, failure, holdsOn } = found!;
    expect([...pair].sort()).toEqual([failure.variant, holdsOn].sort());
    const fixture = parseFixture(text, `${name}.yaml`);
    const broken = (id: string): string[] =>
      failuresOf(outcomeOf(small(fixture)!, variant(id)), variant(id)).map(({ invariant }) => invariant);
    expect(broken(failure.variant)).toContain(failure.invariant);
    expect(broken(holdsOn!)).not.toContain(failure.invariant);
    expect(text).toContain(`It holds on ${holdsOn}.`);
  });

  test('finds the same in the same order, whatever the number of threads', async () => {
    const told = async (workers: number): Promise<unknown> => {
      const findings: string[] = [];
      const runs: string[] = [];
      const result = await fuzz({
        ...busy,
        workers,
        onRun: (...one) => runs.push(one.join()),
        onFinding: ({ text }) => findings.push(text),
      });
      return { result, findings, runs };
    };
    const alone = (await told(0)) as { findings: string[] };
    expect(alone.findings.length).toBeGreaterThan(3);
    expect(await told(3)).toEqual(alone);
  });

  test('starts nothing when it is late', async () => {
    const result = await fuzz({ seed: 1, runs: 5, variants: busy.variants, isLate: () => true });
    expect(result).toMatchObject({ runs: 0, findings: [] });
  });

  test.each([0, 2])('is interrupted with %i threads, and keeps what it found', async (workers) => {
    const interrupt = new AbortController();
    let runs = 0;
    const result = await fuzz({
      ...busy,
      runs: 100_000,
      workers,
      signal: interrupt.signal,
      onFinding: () => interrupt.abort(),
      onRun: (done) => (runs = done),
    });
    expect(result.findings.length).toBeGreaterThan(0);
    expect(result.runs).toBeLessThan(50);
    expect(runs).toBe(result.runs);
    for (const { text, name, minimal } of result.findings) {
      expect(parseFixture(text, `${name}.yaml`).name).toBe(name);
      expect(text).toContain(minimal ? 'Nothing can be taken away' : 'Shrinking was interrupted');
    }
  });
});

describe('the parts of a campaign', () => {
  const key: CampaignKey = {
    ...{ tool: '1', model: 'a', seed: busy.seed, runs: busy.runs, differ: false, without: [] },
    ...{ variants: [], bound: boundOf(busy.bounds) },
  };
  const part = async (index: number, of: number): Promise<FuzzPart> => {
    const result = await fuzz({ ...busy, shard: { index, of } });
    return { file: `${index + 1}.json`, saved: savedOf(key, result, { shard: `${index + 1}/${of}` }) };
  };

  test.each([4, 30])('are the whole again when there are %i', async (of) => {
    const whole = savedOf(key, await fuzz(busy));
    const parts = await Promise.all(Array.from({ length: of }, (_, i) => part(i, of)));
    // Of what is found three times the whole follows two; the parts together have followed all of them.
    const followed = parts.flatMap(({ saved }) => saved.findings).length;
    expect(followed).toBeGreaterThan(whole.findings.length);
    expect(JSON.stringify(mergeFuzz(parts.reverse()))).toBe(JSON.stringify(whole));
  });
});

test('a finding that repeats an earlier one says so', () => {
  const finding = (name: string, body: string, breaksOn: string[]): Finding => ({
    name,
    text: `# Found\nname: ${name}\nasks: Does it?\nsource: fuzz, seed 1\n${body}`,
    failure: { variant: name, invariant: 'no-leak', class: 'kernel-integrity', saw: '' },
    ...{ breaksOn, holdsOn: null, seed: 1, minimal: true },
  });
  const ledger = new Ledger();
  const repeats = [
    finding('first', 'memory: 1', ['a', 'b']),
    finding('the-same', 'memory: 1', ['a', 'b']),
    finding('elsewhere', 'memory: 1', ['a']),
    finding('other-memory', 'memory: 2', ['a', 'b']),
    finding('other-machine', 'machine: 1\nmemory: 1', ['a', 'b']),
  ].map((one, run) => ledger.add(run, one).repeats);
  expect(repeats).toEqual([null, 'first', null, null, null]);
  expect(ledger.count).toBe(4);
});
