import * as e from '../../src/core/entry';
import { VM_MERGEABLE, VM_UFFD_WP } from '../../src/core/flags';
import { PG_dirty } from '../../src/core/pages';
import { content } from '../../src/core/units';
import { PRIVATE, Process, page, run } from '../support/process';

const MERGEABLE = PRIVATE | VM_MERGEABLE;

/** A process whose pages 0 and 1 hold the same, and page 2 something else. */
function twins(): Process {
  const p = new Process(MERGEABLE);
  p.store(0, 7);
  p.store(1, 7);
  p.store(2, 8);
  return p;
}
const frame = (p: Process, n: number) => e.pte_pfn(p.pte(n));

describe('ksm_scan()', () => {
  test('makes one page of two that are equal', () => {
    const p = twins();
    expect(run(p.k.ksm_scan())).toBe(1);
    const kpage = frame(p, 0);
    expect(frame(p, 1)).toBe(kpage);
    expect(frame(p, 2)).not.toBe(kpage);
    expect(p.k.PageKsm(kpage)).toBe(true);
    expect(p.counts(kpage)).toEqual({ ref: 2, map: 2 });
    expect(p.bugs()).toEqual([]);
  });

  test.each([0, 1])('leaves entry %i read-only and clean, and the page dirty', (n) => {
    const p = twins();
    run(p.k.ksm_scan());
    expect(e.pte_write(p.pte(n))).toBe(false);
    expect(e.pte_dirty(p.pte(n))).toBe(false);
    expect(p.hasFlag(frame(p, n), PG_dirty)).toBe(true);
  });

  test('keeps soft-dirty for the first of a pair only', () => {
    const p = twins();
    run(p.k.ksm_scan());
    expect([0, 1].map((n) => e.pte_soft_dirty(p.pte(n))).sort()).toEqual([false, true]);
  });

  test('frees the page that was replaced', () => {
    const p = twins();
    const before = [frame(p, 0), frame(p, 1)];
    run(p.k.ksm_scan());
    const gone = before.find((one) => one !== frame(p, 0))!;
    expect(p.counts(gone)).toEqual({ ref: 0, map: 0 });
  });

  test.each([
    {
      shows: 'a page that somebody holds a reference to',
      spoil: (p: Process) => run(p.k.get_page(frame(p, 0))),
    },
    {
      shows: 'a page that is locked',
      spoil: (p: Process) => {
        p.m.pages.lockOwner[frame(p, 1)] = 99;
      },
    },
    {
      shows: 'memory that is not mergeable',
      spoil: (p: Process) => {
        p.vma.vm_flags = PRIVATE;
      },
    },
    { shows: 'pages that differ', spoil: (p: Process) => p.store(1, 9) },
  ])('spares $shows', ({ spoil }) => {
    const p = twins();
    p.drain();
    spoil(p);
    expect(run(p.k.ksm_scan())).toBe(0);
    expect(frame(p, 0)).not.toBe(frame(p, 1));
    expect([0, 1].map((n) => p.load(n))).toContain(7);
    p.store(0, 5);
    expect(p.load(0)).toBe(5);
  });

  test('merges a third page into the KSM page, of another process too', () => {
    const p = twins();
    run(p.k.ksm_scan());
    const q = new Process(MERGEABLE, null, p);
    q.store(4, 7);
    expect(run(p.k.ksm_scan())).toBe(1);
    expect(frame(q, 4)).toBe(frame(p, 0));
    expect(p.counts(frame(p, 0))).toEqual({ ref: 3, map: 3 });
  });

  test('maps the zero page where that is asked for', () => {
    const p = new Process(MERGEABLE);
    p.store(0, 0);
    p.m.ksm.useZeroPages = true;
    expect(run(p.k.ksm_scan())).toBe(1);
    expect(e.pte_special(p.pte(0))).toBe(true);
    expect(frame(p, 0)).toBe(p.m.zeroPage);
  });
});

describe('a merged page', () => {
  test('is copied by a store, and the other keeps what it has', () => {
    const p = twins();
    run(p.k.ksm_scan());
    const kpage = frame(p, 0);
    p.store(0, 9);
    expect(frame(p, 0)).not.toBe(kpage);
    expect(p.load(1)).toBe(7);
    expect(p.counts(kpage).map).toBe(1);
  });

  test('goes to swap from every place that maps it', () => {
    const p = twins();
    run(p.k.ksm_scan());
    expect(run(p.k.reclaim_page(frame(p, 0)))).toBe(true);
    const [first, second] = [0, 1].map((n) => e.pte_swp_clear_soft_dirty(p.pte(n)));
    expect(first).toBe(second);
    expect(p.m.swap.map[e.swp_offset(p.pte(0))]).toBe(2);
    expect([p.load(0), p.load(1)]).toEqual([7, 7]);
  });

  test('is given back by MADV_UNMERGEABLE', () => {
    const p = twins();
    run(p.k.ksm_scan());
    const flags = run(p.k.ksm_madvise(p.vma, page(0), page(8), 'unmergeable'));
    expect(flags).toBe(PRIVATE);
    expect(frame(p, 0)).not.toBe(frame(p, 1));
    expect([0, 1].map((n) => p.k.PageKsm(frame(p, n)))).toEqual([false, false]);
    expect([p.load(0), p.load(1)]).toEqual([7, 7]);
  });

  test('is given back by run = 2, and its stable node goes', () => {
    const p = twins();
    run(p.k.ksm_scan());
    expect(run(p.k.ksm_run_unmerge())).toBe(0);
    expect(frame(p, 0)).not.toBe(frame(p, 1));
    expect(p.m.ksm.stable.size).toBe(0);
    expect(p.bugs()).toEqual([]);
  });
});

test('break_ksm() calls SIGBUS a success, and the page stays merged', () => {
  const p = twins();
  run(p.k.ksm_scan());
  const kpage = frame(p, 0);
  const sigbus = {
    value: function* () {
      return 2;
    },
  };
  Object.defineProperty(p.k, 'handle_mm_fault', sigbus);
  p.vma.vm_flags = (p.vma.vm_flags | VM_UFFD_WP) >>> 0;
  expect(run(p.k.break_ksm(p.vma, page(0)))).toBe(0);
  expect(frame(p, 0)).toBe(kpage);
  expect(run(p.k.ksm_run_unmerge())).toBe(0);
  expect(p.k.rmap_walk(kpage)).toEqual([]);
  expect(p.bugs()).toEqual([expect.stringContaining('remove_stable_node')]);
});

/** A process with one huge page, whose even parts hold the same, and whose odd parts do. */
function hugeTwins(): Process {
  const p = new Process(MERGEABLE);
  p.m.config.thp = 'always';
  for (let n = 0; n < 8; n++) run(p.k.user_store(page(n), content(7 + (n % 2))));
  return p;
}

test('equal parts of one huge page are split first, and merged by the next pass', () => {
  const p = hugeTwins();
  expect(run(p.k.ksmFullScan())).toMatchObject({ split: 1 });
  run(p.k.ksm_scan());
  const frames = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => frame(p, n));
  expect(new Set(frames).size).toBe(2);
  expect([0, 1, 2, 3].map((n) => p.load(n))).toEqual([7, 8, 7, 8]);
  expect(p.bugs()).toEqual([]);
});

test('a KSM page that was migrated still takes others in', () => {
  const p = twins();
  run(p.k.ksm_scan());
  const before = frame(p, 0);
  expect(run(p.k.migrate_page(before, 0))).toBe(0);
  expect(frame(p, 0)).not.toBe(before);
  p.store(3, 7);
  expect(run(p.k.ksm_scan())).toBe(1);
  expect([1, 3].map((n) => frame(p, n))).toEqual([frame(p, 0), frame(p, 0)]);
  expect(p.bugs()).toEqual([]);
});
