import * as e from '../../src/core/entry';
import { Mapping, NO_PAGE, PG_dirty, PG_double_map, PG_swapbacked, PG_swapcache } from '../../src/core/pages';
import type { Run } from '../../src/core/run';
import { content, type Pfn, pfn } from '../../src/core/units';
import { BASE, PRIVATE, Process, page, run } from '../support/process';

const NR = 8;

describe('map counts of a huge page', () => {
  /** A fresh huge page, mapped once by a PMD. */
  function hugePage(): { p: Process; head: Pfn } {
    const p = new Process();
    p.k.anon_vma_prepare(p.vma);
    const head = p.k.alloc_page(NR, 0);
    run(p.k.page_add_new_anon_rmap(head, p.vma, BASE, true));
    p.m.pages.lockOwner[head] = p.k.task.id;
    return { p, head };
  }
  /** As a PMD split leaves it while another PMD still maps the page. */
  function doubleMap(p: Process, head: Pfn): void {
    p.m.pages.flags[head]! |= PG_double_map;
    for (const one of p.m.subpages(head)) p.m.pages.mapcount[one]!++;
  }
  const third = (head: Pfn): Pfn => pfn(head + 3);

  test.each([
    { shows: 'a new huge page is mapped once', act: () => undefined, total: 1, ofThird: 1 },
    {
      shows: 'a second PMD counts on every subpage',
      act: (p: Process, head: Pfn) => run(p.k.page_add_anon_rmap(head, p.vma, BASE, true, false)),
      total: 2,
      ofThird: 2,
    },
    {
      shows: 'a PTE counts on its subpage alone',
      act: (p: Process, head: Pfn) => run(p.k.page_add_anon_rmap(third(head), p.vma, page(3), false, false)),
      total: 2,
      ofThird: 2,
    },
    {
      shows: 'DoubleMap counts are no mappings',
      act: (p: Process, head: Pfn) => {
        run(p.k.page_add_anon_rmap(third(head), p.vma, page(3), false, false));
        doubleMap(p, head);
      },
      total: 2,
      ofThird: 2,
    },
    {
      shows: 'the last PMD takes the DoubleMap counts along',
      act: (p: Process, head: Pfn) => {
        run(p.k.page_add_anon_rmap(third(head), p.vma, page(3), false, false));
        doubleMap(p, head);
        run(p.k.page_remove_rmap(head, true));
      },
      total: 1,
      ofThird: 1,
    },
    {
      shows: 'one of two PMDs leaves DoubleMap alone',
      act: (p: Process, head: Pfn) => {
        run(p.k.page_add_anon_rmap(head, p.vma, BASE, true, false));
        doubleMap(p, head);
        run(p.k.page_remove_rmap(head, true));
      },
      total: 1,
      ofThird: 1,
    },
    {
      shows: 'nothing maps it after the only PMD is gone',
      act: (p: Process, head: Pfn) => run(p.k.page_remove_rmap(head, true)),
      total: 0,
      ofThird: 0,
    },
  ])('$shows', ({ act, total, ofThird }) => {
    const { p, head } = hugePage();
    act(p, head);
    expect(p.k.mappingsOf(head)).toBe(total);
    expect(p.k.mapcountOf(third(head))).toBe(ofThird);
    expect(p.bugs()).toEqual([]);
  });

  test('a page mapped at another index is a bug', () => {
    const { p, head } = hugePage();
    expect(() => run(p.k.page_add_anon_rmap(head, p.vma, page(1), true, false))).toThrow(/another index/);
  });

  test('rmap_walk() finds the PMD once, and PTEs one by one', () => {
    const { p, head } = hugePage();
    const pmd = p.m.pmd_alloc(p.mm, BASE);
    run(p.k.set_pmd_at(pmd, e.mk_huge_pmd(head, p.vma.vm_page_prot)));
    expect(p.k.rmap_walk(head)).toMatchObject([{ huge: true, va: BASE }]);
    expect(p.k.rmap_walk(third(head))).toMatchObject([{ huge: true, va: BASE }]);
    run(p.k.set_pmd_at(pmd, e.NONE));
    p.slot(0);
    expect(p.k.rmap_walk(head)).toHaveLength(NR);
    expect(p.k.rmap_walk(third(head))).toMatchObject([{ huge: false, va: page(3) }]);
  });

  test('a PMD becomes a migration entry that remembers RW and forgets D', () => {
    const { p, head } = hugePage();
    const pmd = p.m.pmd_alloc(p.mm, BASE);
    run(p.k.get_page(head));
    run(p.k.set_pmd_at(pmd, e.pmd_mkdirty(e.pmd_mkwrite(e.mk_huge_pmd(head, p.vma.vm_page_prot)))));
    const mode = { migration: true, batchFlush: false, ignoreAccess: true };
    expect(run(p.k.try_to_unmap(head, mode))).toBe(true);
    expect(e.is_pmd_migration_entry(pmd.peek())).toBe(true);
    expect(e.is_write_migration_entry(pmd.peek())).toBe(true);
    expect(e.pte_swp_soft_dirty(pmd.peek())).toBe(true);
    expect(p.hasFlag(head, PG_dirty)).toBe(true);
    expect(p.counts(head)).toEqual({ ref: 1, map: 0 });
  });
});

describe('try_to_unmap()', () => {
  const migration = { migration: true, batchFlush: false, ignoreAccess: true };
  const reclaim = { migration: false, batchFlush: false, ignoreAccess: false };

  test('leaves a migration entry with RW and soft-dirty, and D on the page', () => {
    const p = new Process();
    p.store(0, 7);
    p.drain();
    const frame = e.pte_pfn(p.pte(0));
    run(p.k.lock_page(frame));
    run(p.k.get_page(frame));
    expect(run(p.k.try_to_unmap(frame, migration))).toBe(true);
    expect(e.is_write_migration_entry(p.pte(0))).toBe(true);
    expect(e.pte_swp_soft_dirty(p.pte(0))).toBe(true);
    expect(e.swp_offset(p.pte(0))).toBe(frame);
    expect(p.hasFlag(frame, PG_dirty)).toBe(true);
    expect(p.counts(frame)).toEqual({ ref: 1, map: 0 });
  });

  test('spares what was used since the last look, and clears A', () => {
    const p = new Process();
    p.store(0, 7);
    const frame = e.pte_pfn(p.pte(0));
    run(p.k.lock_page(frame));
    expect(run(p.k.try_to_unmap(frame, reclaim))).toBe(false);
    expect(e.pte_young(p.pte(0))).toBe(false);
    expect(e.pte_dirty(p.pte(0))).toBe(true);
  });

  test('owes the flush where another CPU runs the process and the caller batches', () => {
    const p = new Process();
    p.m.newTask('sibling', p.mm);
    p.store(0, 7);
    const frame = e.pte_pfn(p.pte(0));
    run(p.k.lock_page(frame));
    run(p.k.get_page(frame));
    const flushes = p.m.cost.tlbFlushes;
    run(p.k.try_to_unmap(frame, { ...migration, batchFlush: true }));
    expect(p.mm.tlb_flush_batched).toBe(true);
    expect(p.k.task.tlb_ubc).toEqual({ mms: [p.mm], writable: true });
    expect(p.m.cost.tlbFlushes).toBe(flushes);
    run(p.k.try_to_unmap_flush_dirty());
    expect(p.m.cost.tlbFlushes).toBe(flushes + 1);
    expect(p.k.task.tlb_ubc.mms).toEqual([]);
  });
});

describe('reclaim_page()', () => {
  test('writes a dirty page to swap and frees it', () => {
    const p = new Process();
    p.store(0, 7);
    const frame = e.pte_pfn(p.pte(0));
    expect(run(p.k.reclaim_page(frame))).toBe(true);
    expect(e.is_swap_pte(p.pte(0))).toBe(true);
    expect(e.pte_swp_soft_dirty(p.pte(0))).toBe(true);
    const slot = e.swp_offset(p.pte(0));
    expect(p.m.swap.map[slot]).toBe(1);
    expect(p.m.swap.content[slot]).toBe(7);
    expect(p.m.swap.cache.size).toBe(0);
    expect(p.counts(frame)).toEqual({ ref: 0, map: 0 });
    expect(p.seen).toContainEqual(
      expect.objectContaining({ kind: 'discard', page: frame, why: 'swapped out' }),
    );
    expect(p.load(0)).toBe(7);
    expect(p.bugs()).toEqual([]);
  });

  test('gives up a page with a foreign reference, after its entry went to swap', () => {
    const p = new Process();
    p.store(0, 7);
    const frame = e.pte_pfn(p.pte(0));
    run(p.k.get_page(frame));
    expect(run(p.k.reclaim_page(frame))).toBe(false);
    expect(e.is_swap_pte(p.pte(0))).toBe(true);
    expect(p.m.swap.map[e.swp_offset(p.pte(0))]).toBe(2);
    expect(p.hasFlag(frame, PG_swapcache)).toBe(true);
    expect(p.hasFlag(frame, PG_dirty)).toBe(true);
    expect(p.counts(frame)).toEqual({ ref: 2, map: 0 });
    expect(p.k.PageLocked(frame)).toBe(false);
  });

  test('finds the page clean in the swap cache on the next try', () => {
    const p = new Process();
    p.store(0, 7);
    const frame = e.pte_pfn(p.pte(0));
    run(p.k.get_page(frame));
    run(p.k.reclaim_page(frame));
    run(p.k.put_page(frame));
    expect(run(p.k.reclaim_page(frame))).toBe(true);
    expect(p.m.swap.content[e.swp_offset(p.pte(0))]).toBe(7);
  });

  /** What MADV_FREE leaves: the entry clean and still writable, the page clean and not swap-backed. */
  function lazilyFreed(): { p: Process; frame: Pfn } {
    const p = new Process();
    p.store(0, 7);
    p.drain();
    const frame = e.pte_pfn(p.pte(0));
    run(p.k.set_pte_at(p.slot(0), e.pte_mkold(e.pte_mkclean(p.pte(0)))));
    run(p.k.flush_tlb_mm(p.mm));
    p.m.pages.flags[frame]! &= ~(PG_dirty | PG_swapbacked);
    return { p, frame };
  }

  test('drops a lazily freed page without swap', () => {
    const { p, frame } = lazilyFreed();
    expect(run(p.k.reclaim_page(frame))).toBe(true);
    expect(p.pte(0)).toBe(e.NONE);
    expect(p.m.swap.map).toEqual([]);
    expect(p.seen).toContainEqual(
      expect.objectContaining({ kind: 'discard', page: frame, why: 'lazily freed' }),
    );
    expect(p.load(0)).toBe(0);
  });

  test('keeps a lazily freed page that was written again', () => {
    const { p, frame } = lazilyFreed();
    p.store(0, 8);
    expect(run(p.k.reclaim_page(frame))).toBe(false);
    expect(e.pte_dirty(p.pte(0))).toBe(true);
    expect(e.pte_write(p.pte(0))).toBe(true);
    expect(p.hasFlag(frame, PG_swapbacked)).toBe(true);
    expect(p.happened('discard')).toBe(0);
    expect(p.load(0)).toBe(8);
  });

  test('leaves a page in a pagevec of another CPU alone', () => {
    const p = new Process();
    p.store(0, 7);
    const ksmd = new Process(PRIVATE, null, p);
    expect(run(ksmd.k.reclaim_page(e.pte_pfn(p.pte(0))))).toBe(false);
    expect(e.pte_present(p.pte(0))).toBe(true);
  });
});

describe('a shared page of a file', () => {
  test('is counted dirty once, at the first store', () => {
    const p = Process.ofFile();
    p.store(0, 7);
    p.store(0, 8);
    expect(p.happened('page_mkwrite')).toBe(1);
    expect(p.m.files[0]).toMatchObject({ nrDirty: 1, dirtyTag: new Set([0]) });
  });

  test('is clean, read-only and on disk after writeback, and the next store faults', () => {
    const p = Process.ofFile();
    p.store(0, 7);
    const file = p.m.files[0]!;
    const frame = e.pte_pfn(p.pte(0));
    run(p.k.do_writepages(file));
    expect(e.pte_write(p.pte(0))).toBe(false);
    expect(e.pte_dirty(p.pte(0))).toBe(false);
    expect(p.hasFlag(frame, PG_dirty)).toBe(false);
    expect(file).toMatchObject({ nrDirty: 0, dirtyTag: new Set() });
    expect(file.disk.get(0)).toBe(7);
    expect(p.happened('page_mkclean')).toBe(1);
    p.store(0, 9);
    expect(p.happened('page_mkwrite')).toBe(2);
    expect(file.nrDirty).toBe(1);
    expect(p.bugs()).toEqual([]);
  });

  test('becomes dirty by write(2) without any mapping', () => {
    const p = Process.ofFile();
    const file = p.m.files[0]!;
    run(p.k.filemap_write(file, 2, content(5)));
    expect(file).toMatchObject({ nrDirty: 1, dirtyTag: new Set([2]) });
    expect(p.happened('page_mkwrite')).toBe(0);
    expect(p.load(2)).toBe(5);
    run(p.k.do_writepages(file));
    expect(file.disk.get(2)).toBe(5);
  });

  test('is reclaimed when clean, and not when dirty', () => {
    const p = Process.ofFile();
    p.store(0, 7);
    const frame = e.pte_pfn(p.pte(0));
    expect(run(p.k.reclaim_page(frame))).toBe(false);
    expect(p.m.pages.mapping[frame]).toBe(Mapping.file);
    run(p.k.do_writepages(p.m.files[0]!));
    expect(run(p.k.reclaim_page(frame))).toBe(true);
    expect(p.m.files[0]!.cache.get(0) ?? NO_PAGE).toBe(NO_PAGE);
    expect(p.load(0)).toBe(7);
  });
});

test('reclaim splits a huge page and swaps out the part that was asked for', () => {
  const p = new Process();
  p.m.config.thp = 'always';
  for (const n of [0, 5]) run(p.k.user_store(page(n), content(n + 1)));
  const head = e.pmd_pfn(p.m.pmd_alloc(p.mm, BASE).peek());
  expect(p.k.PageTransHuge(head)).toBe(true);
  expect(run(p.k.reclaim_page(pfn(head + 5)))).toBe(true);
  expect(e.is_swap_pte(p.pte(5))).toBe(true);
  expect(e.pte_present(p.pte(0))).toBe(true);
  expect([p.load(0), p.load(5)]).toEqual([1, 6]);
  expect(p.bugs()).toEqual([]);
});

/** Lets a kernel function run alone, but step by step. */
function stepThrough<T>(kernelFunction: Run<T>): T {
  const steps = kernelFunction[Symbol.iterator]();
  for (let n = 0; n < 1000; n++) {
    const { done, value } = steps.next();
    if (done) return value;
    if (value.ready && !value.ready()) throw new Error(`waits for ${value.waitsFor}`);
  }
  throw new Error('no end of steps');
}

test.each([
  { shows: 'an anonymous page', process: () => new Process(), writesBack: false },
  { shows: 'a page of a file', process: () => Process.ofFile(), writesBack: true },
])('$shows is reclaimed in steps as it is in one go', ({ process, writesBack }) => {
  const end = (through: typeof stepThrough): unknown => {
    const p = process();
    p.store(0, 7);
    const frame = e.pte_pfn(p.pte(0));
    p.m.solo = through === run;
    if (writesBack) through(p.k.do_writepages(p.m.files[0]!));
    const freed = through(p.k.reclaim_page(frame));
    p.m.solo = true;
    return {
      freed,
      pte: p.pte(0),
      swap: p.m.swap.map,
      counts: p.counts(frame),
      bugs: p.bugs(),
      load: p.load(0),
    };
  };
  expect(end(stepThrough)).toEqual(end(run));
});
