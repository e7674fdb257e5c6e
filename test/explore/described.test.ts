import { loadFixtures, loadVariants } from '../../src/compare/load';
import { buildKernel, idOf, kindNames, kindOf, type Machine, TABLE_STRIDE } from '../../src/core/index';
import { changeOf, inRow } from '../../src/explore/changes';
import { stateOf } from '../../src/explore/describe';
import { Execution, prepare, type Trace, tellAll, traceRun } from '../../src/explore/index';
import { nameOf } from '../../src/explore/names';
import { observer, prepareJudged } from '../../src/judge/index';
import { signs } from '../../src/report/signs';
import { compile } from '../../src/workload/index';
import { kernelOf, workload } from '../judge/broken_kernel';

const plain = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) => {
    if (one instanceof Map || one instanceof Set) return [...one];
    return ArrayBuffer.isView(one) ? [...(one as Int32Array)] : one;
  });

/** What an object holds, as it is in memory. */
function heldBy(m: Machine, object: number): unknown {
  const id = idOf(object);
  const { pages } = m;
  const parts = Array.from(pages.head.keys()).filter((page) => page === id || pages.head[page] === id);
  switch (kindOf(object)) {
    case 'entry':
      return m.tables[Math.floor(id / TABLE_STRIDE)]?.entries[id % TABLE_STRIDE];
    case 'spinlock':
      return m.tables[id]?.lock.owner;
    case 'mmap_sem':
      return [m.mms[id]?.mmap_sem.writer, m.mms[id]?.mmap_sem.readers];
    case 'rmapLock':
      return [m.rmapLock.writer, m.rmapLock.readers];
    case 'pageLock':
      return pages.lockOwner[id];
    case 'pageRef':
      return [pages.refcount[id], [...pages.pincount].find(([head]) => head === id)];
    case 'pageMap':
      return [pages.compound_mapcount[id], parts.map((part) => pages.mapcount[part])];
    case 'pageFlags':
      return [pages.mapping[id], parts.map((part) => pages.flags[part])];
    case 'content':
      return pages.content[id];
    case 'tlb':
      return [m.tlbs[id % 64]?.small, m.tlbs[id % 64]?.huge];
    case 'mmCounters':
      return m.mms[id]?.tlb_flush_pending;
    case 'tlbBatched':
      return m.mms[id]?.tlb_flush_batched;
    case 'userfaultfd': {
      const { fault_pending, fault, events } = m.ctxs[id]!;
      return [fault_pending, fault, events].map((waits) => waits.map(({ task, msg }) => [task, msg]));
    }
    case 'uffdState':
      return [m.ctxs[id]?.released, m.ctxs[id]?.mmap_changing];
    case 'file':
      return [m.files[id]?.cache, m.files[id]?.disk, m.files[id]?.dirtyTag, m.files[id]?.nrDirty];
    case 'swapSlot':
      return [m.swap.map[id], m.swap.content[id], m.swap.cache.has(id), m.swap.isOn];
    case 'ksm':
      return [m.ksm.stable, m.ksm.items];
    case 'process':
      return m.mms.length;
    case 'semaphore':
      return m.semaphores[id];
    case 'pagevec':
      return m.tasks[id]?.lruPvec;
    case 'descriptors':
      return [m.user.descriptors.map(({ number }) => number), m.ctxs.map(({ f_count }) => f_count)];
    case 'sleeper':
      // Told by a line of its own.
      return null;
  }
}

/** Small and repeatable: which of those who can step does. */
function* choices(seed: number): Generator<number, never> {
  for (let x = seed; ; ) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    yield x >>> 8;
  }
}

describe('a step that changes what it touches is drawn', () => {
  const variants = loadVariants(['uffd-wp-2018', 'linux-5.9', 'linux-6.12']);
  const seen = new Set<string>();

  test.each(loadFixtures([]).map((loaded) => ({ name: loaded.fixture.name, loaded })))(
    'in $name',
    ({ loaded }) => {
      const undrawn = new Set<string>();
      for (const { variant } of variants) {
        const execution = new Execution(
          prepare(compile(loaded.fixture), buildKernel(variant.layers), observer),
        );
        const { machine } = execution;
        const random = choices(7);
        for (let step = 0; step < 400; step++) {
          const able = execution.enabled();
          if (able.length === 0) break;
          const actor = able[random.next().value % able.length]!;
          const objects = execution.announced(actor)?.objects ?? [];
          const look = (): [string, string][] =>
            objects.map((object) => [plain(heldBy(machine, object)), stateOf(machine, object)]);
          const before = look();
          execution.take(actor);
          for (const [i, [held, text]] of look().entries()) {
            const kind = kindOf(objects[i]!);
            if (held === before[i]![0]) continue;
            seen.add(kind);
            if (text === before[i]![1]) undrawn.add(`${kind}: ${text}`);
          }
        }
      }
      expect([...undrawn]).toEqual([]);
    },
  );

  test('of nearly every kind of object', () => {
    const unseen = kindNames.filter((kind) => !seen.has(kind));
    expect(unseen).toEqual(['sleeper']);
  });
});

describe('of a long list', () => {
  test.each([
    { what: 'what changed is said', before: '1, 2, 3, 4, 5', after: '1, 2, 3, 4, 6', is: '.., 5 -> .., 6' },
    { what: 'what came is said', before: '1, 2, 3, 4', after: '1, 2, 3, 4, 5', is: '.. -> .., 5' },
    { what: 'what went is counted', before: '1, 2, 3, 4, 5', after: 'empty', is: '5 in all -> empty' },
    { what: 'nothing is left out where it is short', before: '1, 2', after: '1, 3', is: '1, 2 -> 1, 3' },
  ])('$what', ({ before, after, is }) => {
    const change = changeOf('list', before, after);
    expect(`${change.before} -> ${change.after}`).toBe(is);
  });
});

describe('numbers in a row', () => {
  const slot = (at: number, after = 'count 1'): { object: string; before: string; after: string } => ({
    object: `swap slot ${at}`,
    before: 'free',
    after,
  });
  test.each([
    { what: 'are one change', all: [slot(3), slot(4), slot(5)], is: ['swap slot 3..5'] },
    { what: 'with a gap are two', all: [slot(3), slot(5)], is: ['swap slot 3', 'swap slot 5'] },
    {
      what: 'that became different are two',
      all: [slot(3), slot(4, 'x')],
      is: ['swap slot 3', 'swap slot 4'],
    },
  ])('$what', ({ all, is }) => {
    expect(inRow(all).map(({ object }) => object)).toEqual(is);
  });
});

const guest = 'memory:\n  guest: { size: 8KiB }\n';
const traceOf = (body: string, base = 'uffd-wp-bit'): Trace => {
  const start = prepareJudged(workload(body), buildKernel(kernelOf(base).layers, tellAll));
  return traceRun(start, base, [], true).trace;
};

describe('a release of mmap_sem', () => {
  test('stands in the function that has it, before what follows', () => {
    const { lines } = traceOf(`${guest}start:
  - vcpu: write guest
  - vcpu: uffd_register guest
tasks:
  vcpu: [uffd_protect guest, uffd_unprotect guest, "write guest[0]"]
`);
    const told = lines.filter(({ kind, text }) => kind === 'fixture' || /mmap_sem|wake_userfault/.test(text));
    expect(told.map(({ text }) => text)).toEqual([
      'uffd_protect guest',
      'down_read mmap_sem',
      'release mmap_sem',
      'uffd_unprotect guest',
      'down_read mmap_sem',
      'release mmap_sem',
      'wake_userfault()',
      'write guest[0]',
      'down_read mmap_sem',
      'release mmap_sem',
    ]);
  });
});

test('what a second process has is told from what the first has', () => {
  const { lines } = traceOf(
    `${guest}start:
  - vcpu: write guest
  - vcpu: fork child
tasks:
  vcpu: ["write guest[0]"]
  child: ["write guest[0]"]
`,
    'linux-4.19',
  );
  const changed = (actor: number): string[] =>
    lines
      .filter((line) => line.actor === actor)
      .flatMap(({ changes }) => changes.map(({ object }) => object));
  expect(changed(0)).toEqual(expect.arrayContaining(['ptl', 'mmap_sem', 'pte guest[0]']));
  expect(changed(1)).toEqual(
    expect.arrayContaining(['child: ptl', 'child: mmap_sem', 'child: pte guest[0]']),
  );
});

test('the legend has every kind of object by its name', () => {
  const { machine } = new Execution(
    prepare(
      workload(`${guest}tasks:\n  vcpu: [uffd_register guest, "write guest[0]", post done, wait done]\n`),
      buildKernel(kernelOf('uffd-wp-bit').layers),
      observer,
    ),
  );
  const generic = (name: string): string => name.replace(/\d+/g, 'N').replace(/ (vcpu|data)$/, ' X');
  const legend = new Set(signs.objects.entries.map(({ id }) => generic(id)));
  const told = kindNames.flatMap((kind, at) => (kind === 'sleeper' || kind === 'entry' ? [] : [at]));
  for (const kind of told) {
    const name = generic(nameOf(machine, kind))
      .replace(/^file N$/, 'file X')
      .replace('userfaultfd N', 'userfaultfd');
    expect([...legend]).toContain(name);
  }
});
