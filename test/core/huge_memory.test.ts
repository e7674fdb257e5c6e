import * as e from '../../src/core/entry';
import { show_pte } from '../../src/core/entry_text';
import {
  PAGE_NONE,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_READ,
  VM_SOFTDIRTY,
  VM_UFFD_WP,
  VM_WRITE,
  vm_get_page_prot,
  withoutFlags,
} from '../../src/core/flags';
import { buildKernel, type Kernel } from '../../src/core/kernel';
import { MM_CP_PROT_NUMA } from '../../src/core/kernel/mprotect';
import { defaultConfig, Machine } from '../../src/core/machine';
import type { Mm, Vma } from '../../src/core/mm';
import { leafOf } from '../../src/core/mmu';
import { PG_dirty, PG_double_map, PG_free, PG_head } from '../../src/core/pages';
import type { Run } from '../../src/core/run';
import type { Slot } from '../../src/core/table';
import {
  addressOf,
  content,
  type Pfn,
  type Pgprot,
  pfn,
  type Vaddr,
  vaddr,
  vpnOf,
} from '../../src/core/units';

const NR = 8;
const BASE = vaddr(0x40000);
const END = vaddr(BASE + NR * 4096);
const PRIVATE = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_SOFTDIRTY;
const RO = withoutFlags(PRIVATE, VM_WRITE);
const every = <T>(value: T): T[] => Array(NR).fill(value);
const at = (i: number): Vaddr => addressOf(vpnOf(BASE) + i);

/** One process with one anonymous mapping that a huge page of 8 small ones fills. */
class Bench {
  readonly m: Machine;
  readonly mm: Mm;
  readonly vma: Vma;
  readonly k: Kernel;

  constructor(thp: 'always' | 'never' = 'always', pages = NR) {
    this.m = new Machine({ ...defaultConfig, entries: NR, thp, nodes: 2 });
    this.mm = this.m.newMm('test');
    this.vma = {
      vm_mm: this.mm,
      vm_start: BASE,
      vm_end: vaddr(BASE + pages * 4096),
      vm_flags: PRIVATE,
      vm_page_prot: vm_get_page_prot(PRIVATE),
      vm_pgoff: vpnOf(BASE),
      vm_file: null,
      anon_vma: 0,
      anon_vma_chain: [],
      vm_userfaultfd_ctx: null,
    };
    this.mm.mmap.push(this.vma);
    this.k = new (buildKernel([]))(this.m, this.m.newTask('vcpu', this.mm));
  }
  /** A process that fork() made of this one. */
  fork(): Bench {
    const mm = this.m.newMm('child');
    const vma = { ...this.vma, vm_mm: mm };
    mm.mmap.push(vma);
    run(this.k.copy_page_range(mm, this.mm, this.vma, vma));
    run(this.k.flush_tlb_mm(this.mm));
    const k = new (buildKernel([]))(this.m, this.m.newTask('child', mm));
    return Object.assign(Object.create(Bench.prototype), { m: this.m, mm, vma, k });
  }
  write(i: number, value = 100 + i): this {
    expect(run(this.k.user_store(at(i), content(value)))).toBe('ok');
    return this;
  }
  writeAll(): this {
    for (let i = 0; i < NR; i++) this.write(i);
    run(this.k.lru_add_drain_all());
    return this;
  }
  read(i: number): number | string {
    return run(this.k.user_load(at(i)));
  }
  protect(start: Vaddr, end: Vaddr, prot: Pgprot = this.vma.vm_page_prot, cp_flags = 0): number {
    return run(this.k.change_protection(this.vma, start, end, prot, cp_flags));
  }
  /** Splits the PMD entry, as any change of a part does. */
  split(): this {
    run(this.k.split_huge_pmd_address(this.vma, BASE, false, null));
    return this;
  }
  scan(): string {
    run(this.k.down_read(this.mm.mmap_sem));
    return run(this.k.khugepaged_scan_pmd(this.mm, this.vma, BASE));
  }
  slot(i = 0): Slot {
    return leafOf(this.k, at(i))!;
  }
  get pmd(): Slot {
    return this.m.pmd_alloc(this.mm, BASE);
  }
  page(i = 0): Pfn {
    return e.pte_pfn(this.slot(i).peek());
  }
  entry(i = 0): string {
    return withoutFrame(show_pte(this.slot(i).peek()));
  }
  entries(): string[] {
    return Array.from({ length: NR }, (_, i) => this.entry(i));
  }
  dirty(page: Pfn): boolean {
    return (this.m.pages.flags[page]! & PG_dirty) !== 0;
  }
  isFree(page: Pfn): boolean {
    return (this.m.pages.flags[page]! & PG_free) !== 0;
  }
  /** The counts of a compound page. */
  counts(head: Pfn) {
    const { refcount, compound_mapcount, mapcount, flags } = this.m.pages;
    return {
      refcount: refcount[head]!,
      compound_mapcount: compound_mapcount[head]!,
      _mapcount: this.m.subpages(head).map((page) => mapcount[page]!),
      doubleMap: (flags[head]! & PG_double_map) !== 0,
    };
  }
}

const withoutFrame = (text: string): string => text.replace(/^\d+ /, '').replace(/^(migr-.|swap) \d+/, '$1');

/** Runs to the end; nobody else is there, so whatever must be waited for never comes. */
function run<T>(kernelRun: Run<T>): T {
  const steps = kernelRun[Symbol.iterator]();
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return step.value;
    if (step.value.ready?.() === false) throw new Error(`waits for ${step.value.waitsFor}`);
  }
}

const small = (): Bench => new Bench('never');
/** Eight written base pages where a huge page may come. */
function collapsible(): Bench {
  const bench = small().writeAll();
  bench.m.config.thp = 'always';
  return bench;
}

describe('a fault on nothing', () => {
  test.each([
    {
      shows: 'a write brings a huge page, dirty and writable',
      act: (b: Bench) => b.write(3),
      entry: 'PHWDAS--',
    },
    { shows: 'a read brings the huge zero page, read-only', act: (b: Bench) => b.read(3), entry: 'PH--A---' },
  ])('$shows', ({ act, entry }) => {
    const bench = new Bench();
    act(bench);
    expect(bench.entry()).toBe(entry);
  });

  test('a huge page has one reference, one PMD mapping, is on the LRU and not PG_dirty', () => {
    const bench = new Bench().write(3);
    const page = bench.page();
    expect(bench.counts(page)).toEqual({
      refcount: 1,
      compound_mapcount: 0,
      _mapcount: every(-1),
      doubleMap: false,
    });
    expect([run(bench.k.PageLRU(page)), bench.dirty(page), bench.read(3)]).toEqual([true, false, 103]);
  });

  test('the huge zero page is not counted, and copied on the first write', () => {
    const bench = new Bench();
    bench.read(0);
    expect(bench.counts(bench.page())).toMatchObject({ refcount: 1, compound_mapcount: -1 });
    bench.write(1);
    expect([bench.entry(), bench.read(0), bench.read(1)]).toEqual(['PHWDAS--', 0, 101]);
  });

  test('a VMA that a huge page would leave gets a small page', () => {
    expect(new Bench('always', NR - 1).write(3).entry(3)).toBe('P-WDAS--');
  });
});

describe('change_huge_pmd()', () => {
  test.each([
    { shows: 'protecting takes RW and keeps D', prot: undefined, flags: 0, pages: NR, entry: 'PH-DAS--' },
    {
      shows: 'NUMA hinting keeps RW as saved write',
      prot: PAGE_NONE,
      flags: MM_CP_PROT_NUMA,
      pages: NR,
      entry: 'NHWDAS--',
    },
    { shows: 'PROT_NONE does not', prot: PAGE_NONE, flags: 0, pages: NR, entry: 'NH-DAS--' },
  ])('$shows', ({ prot, flags, pages, entry }) => {
    const bench = new Bench().write(0);
    expect(bench.protect(BASE, END, prot, flags)).toBe(pages);
    expect(bench.entry()).toBe(entry);
    expect(bench.m.cost).toMatchObject({ entriesChanged: pages, pmdSplits: 0 });
  });

  test('un-protecting the whole cannot give RW back, a fault does', () => {
    const bench = new Bench().write(0);
    bench.protect(BASE, END);
    bench.protect(BASE, END);
    expect(bench.entry()).toBe('PH-DAS--');
    expect(bench.write(1).entry()).toBe('PHWDAS--');
  });

  test('BUG_ON() comes after the store, with the pmd lock held', () => {
    const bench = new Bench().write(0);
    const writable = (bench.vma.vm_page_prot | e._PAGE_RW) as Pgprot;
    expect(() => bench.protect(BASE, END, writable)).toThrow('change_huge_pmd()');
    expect([bench.entry(), bench.pmd.table.lock.owner]).toEqual(['PHWDAS--', bench.k.task.id]);
  });

  test('a page in migration becomes read-only by its entry and counts as unchanged', () => {
    const bench = new Bench().write(0);
    run(bench.k.set_pmd_migration_entry(bench.page(), bench.vma, bench.pmd));
    expect(bench.entry()).toBe('migr-w S-');
    expect(bench.protect(BASE, END)).toBe(0);
    expect(bench.entry()).toBe('migr-r S-');
  });
});

describe('__split_huge_pmd()', () => {
  test('of a sole owner: D moves from the entries to the page', () => {
    const bench = new Bench().write(0);
    const head = bench.page();
    bench.split();
    expect(bench.entries()).toEqual(every('P-W-AS--'));
    expect(bench.counts(head)).toEqual({
      refcount: NR,
      compound_mapcount: -1,
      _mapcount: every(0),
      doubleMap: false,
    });
    expect([bench.dirty(head), bench.m.pages.flags[head]! & PG_head]).toEqual([true, PG_head]);
    expect(bench.m.cost.pmdSplits).toBe(1);
    expect([bench.page(5), bench.read(0)]).toEqual([head + 5, 100]);
  });

  test('un-protecting one page of a protected huge page leaves it read-only and clean', () => {
    const bench = new Bench().write(0);
    bench.protect(BASE, END);
    expect(bench.protect(at(2), at(3))).toBe(1);
    expect(bench.entries()).toEqual(every('P---AS--'));
  });

  test('of the huge zero page: small zero pages, read-only', () => {
    const bench = new Bench();
    bench.read(0);
    bench.protect(at(2), at(3));
    expect(bench.entries()).toEqual(every('P---A--Z'));
    expect(bench.page()).toBe(bench.m.zeroPage);
  });

  test('after fork(): mapped both ways until the other splits too', () => {
    const parent = new Bench().write(0);
    const head = parent.page();
    const child = parent.fork();
    expect([parent.entry(), child.entry()]).toEqual(['PH-DAS--', 'PH-D-S--']);
    expect(parent.counts(head)).toMatchObject({ refcount: 2, compound_mapcount: 1 });
    child.split();
    expect(parent.counts(head)).toEqual({
      refcount: NR + 1,
      compound_mapcount: 0,
      _mapcount: every(1),
      doubleMap: true,
    });
    expect(run(parent.k.page_mapcount(pfn(head + 1)))).toBe(2);
    expect(parent.k.mappingsOf(head)).toBe(NR + 1);
    parent.split();
    expect(parent.counts(head)).toEqual({
      refcount: 2 * NR,
      compound_mapcount: -1,
      _mapcount: every(1),
      doubleMap: false,
    });
    expect([parent.entry(), child.entry()]).toEqual(['P---AS--', 'P----S--']);
  });

  test.each([
    { shows: 'a soft-dirty entry becomes writable', soft: true, entries: 'migr-w S-' },
    { shows: 'one that is not becomes read-only', soft: false, entries: 'migr-r S-' },
  ])('of a page in migration, misread as in 4.19.0: $shows', ({ soft, entries }) => {
    const bench = new Bench().write(0);
    const type = soft ? e.SwapType.migrationRead : e.SwapType.migrationWrite;
    const entry = e.swp_entry(type, bench.page());
    const pmd = bench.pmd;
    run(bench.k.set_pmd_at(pmd, soft ? e.pte_swp_mksoft_dirty(entry) : entry));
    bench.split();
    expect(bench.entries()).toEqual(every(entries));
  });

  test('vma_adjust_trans_huge() splits where a VMA is cut, and only there', () => {
    const bench = new Bench().write(0);
    run(bench.k.vma_adjust_trans_huge(bench.vma, BASE, END));
    expect(bench.m.cost.pmdSplits).toBe(0);
    run(bench.k.vma_adjust_trans_huge(bench.vma, BASE, at(3)));
    expect(bench.m.cost.pmdSplits).toBe(1);
  });
});

describe('split_huge_page()', () => {
  const splitPage = (bench: Bench): number => {
    const head = bench.page();
    run(bench.k.get_page(head));
    run(bench.k.lock_page(head));
    const error = run(bench.k.split_huge_page(head));
    run(bench.k.unlock_page(head));
    run(bench.k.put_page(head));
    return error;
  };

  test.each([
    { shows: 'mapped by a PMD', before: (b: Bench) => b },
    { shows: 'mapped by PTEs', before: (b: Bench) => b.split() },
  ])('$shows: A and D are gone from all entries, PG_dirty is on all pages', ({ before }) => {
    const bench = before(new Bench().writeAll());
    expect(splitPage(bench)).toBe(0);
    expect(bench.entries()).toEqual(every('P-W--S--'));
    const { refcount, mapcount, head } = bench.m.pages;
    for (let i = 0; i < NR; i++) {
      const page = bench.page(i);
      expect([refcount[page], mapcount[page], head[page], bench.dirty(page)]).toEqual([1, 0, page, true]);
      expect([run(bench.k.PageLRU(page)), bench.read(i)]).toEqual([true, 100 + i]);
    }
    expect(bench.k.task.pageLocks).toEqual([]);
  });

  test('shared with a child: both keep all of it', () => {
    const parent = new Bench().writeAll();
    const child = parent.fork();
    expect(splitPage(parent)).toBe(0);
    expect([parent.entries(), child.entries()]).toEqual([every('P----S--'), every('P----S--')]);
    expect(parent.m.pages.refcount[parent.page(4)]).toBe(2);
    expect([parent.page(4), child.read(4)]).toEqual([child.page(4), 104]);
  });

  test('a pinned page is refused before anything happens', () => {
    const bench = new Bench().write(0);
    run(bench.k.get_page(bench.page()));
    expect(splitPage(bench)).toBe(-16);
    expect(bench.entry()).toBe('PHWDAS--');
  });
});

describe('huge entries move', () => {
  test('zap_huge_pmd() frees the page after the flush', () => {
    const bench = new Bench().write(0);
    const head = bench.page();
    run(bench.k.zap_page_range(bench.vma, BASE, END));
    expect([bench.entry(), bench.isFree(head), bench.m.cost.tlbFlushes]).toEqual(['none', true, 1]);
  });

  test('zapping the huge zero page frees nothing', () => {
    const bench = new Bench();
    bench.read(0);
    run(bench.k.zap_page_range(bench.vma, BASE, END));
    expect([bench.entry(), bench.m.pages.refcount[bench.m.hugeZeroPage]]).toEqual(['none', 1]);
  });

  test('a write after fork() copies the huge page, and the other reuses it', () => {
    const parent = new Bench().writeAll();
    const child = parent.fork();
    const head = parent.page();
    child.write(1, 7);
    expect([child.entry(), child.read(0), parent.read(1)]).toEqual(['PHWDAS--', 100, 101]);
    parent.write(2, 8);
    expect([parent.entry(), parent.page(), child.read(2)]).toEqual(['PHWDAS--', head, 102]);
  });

  test('without huge pages a write after fork() copies small pages', () => {
    const parent = new Bench().writeAll();
    const child = parent.fork();
    parent.m.config.thp = 'never';
    child.write(1, 7);
    expect(child.entries()).toEqual(every('P-WDAS--'));
    expect([child.read(0), child.read(1), parent.read(1)]).toEqual([100, 7, 101]);
    expect(parent.counts(parent.page())).toMatchObject({ refcount: 1, compound_mapcount: 0 });
  });
});

describe('khugepaged_scan_pmd()', () => {
  test('collapses: one dirty writable huge page, the old pages freed', () => {
    const bench = collapsible();
    const old = bench.page(3);
    expect(bench.scan()).toBe('succeed');
    expect(bench.entry()).toBe('PHWDAS--');
    expect(bench.counts(bench.page())).toMatchObject({
      refcount: 1,
      compound_mapcount: 0,
      _mapcount: every(-1),
    });
    expect([bench.isFree(old), bench.dirty(bench.page()), bench.read(3)]).toEqual([true, false, 103]);
    expect([bench.mm.mmap_sem.readers, bench.k.task.pageLocks]).toEqual([[], []]);
  });

  test('gives RW to pages that were protected, if one other is writable', () => {
    const bench = collapsible();
    bench.protect(at(0), at(NR - 1));
    expect(bench.entry(0)).toBe('P--DAS--');
    expect([bench.scan(), bench.entry()]).toEqual(['succeed', 'PHWDAS--']);
  });

  test('a mapping that is no longer writable gets no RW', () => {
    const bench = collapsible();
    bench.vma.vm_flags = RO;
    expect([bench.scan(), bench.entry()]).toEqual(['succeed', 'PH-DAS--']);
  });

  const refusals: { reason: string; because: string; make: (b: Bench) => void }[] = [
    {
      reason: 'exceed_none_pte',
      because: 'all is missing',
      make: (b) => run(b.k.zap_page_range(b.vma, BASE, END)),
    },
    {
      reason: 'exceed_none_pte',
      because: 'the VMA is armed and a page missing',
      make: (b) => {
        run(b.k.zap_page_range(b.vma, at(2), at(3)));
        b.vma.vm_flags |= VM_UFFD_WP;
      },
    },
    {
      reason: 'exceed_swap_pte',
      because: 'more than an eighth is swapped or in migration',
      make: (b) => {
        for (const i of [2, 3])
          run(b.k.set_pte_at(b.slot(i), e.swp_entry(e.SwapType.migrationRead, b.page(i))));
      },
    },
    { reason: 'page_ro', because: 'no entry is writable', make: (b) => b.protect(BASE, END) },
    {
      reason: 'page_lru',
      because: 'a page is in a pagevec',
      make: (b) => {
        run(b.k.zap_page_range(b.vma, at(2), at(3)));
        b.m.config.thp = 'never';
        b.write(2).m.config.thp = 'always';
      },
    },
    { reason: 'page_lock', because: 'a page is locked', make: (b) => run(b.k.lock_page(b.page(2))) },
    { reason: 'page_count', because: 'a page is pinned', make: (b) => run(b.k.get_page(b.page(2))) },
    { reason: 'page_count', because: 'the pages are shared', make: (b) => b.fork() },
    {
      reason: 'lack_referenced_page',
      because: 'no page was touched lately',
      make: (b) => {
        for (let i = 0; i < NR; i++) run(b.k.update(b.slot(i), 'old', e.pte_mkold));
      },
    },
    {
      reason: 'fail',
      because: 'less than half was touched lately',
      make: (b) => {
        for (let i = 3; i < NR; i++) run(b.k.update(b.slot(i), 'old', e.pte_mkold));
      },
    },
  ];
  test.each(refusals)('$reason: $because', ({ reason, make }) => {
    const bench = collapsible();
    make(bench);
    expect(bench.scan()).toBe(reason);
    expect(bench.mm.mmap_sem.readers).toEqual([]);
  });

  test('pmd_null: it is huge already; page_compound: a huge page that PTEs map', () => {
    expect(new Bench().writeAll().scan()).toBe('pmd_null');
    expect(new Bench().writeAll().split().scan()).toBe('page_compound');
  });

  test('vma_check: the VMA went away', () => {
    const bench = collapsible();
    bench.vma.vm_end = at(NR - 1);
    expect([bench.scan(), bench.entry()]).toEqual(['vma_check', 'P-WDAS--']);
  });

  test('a refusal after the entry was cleared puts the table back', () => {
    const bench = collapsible();
    run(bench.k.get_page(bench.page(6)));
    run(bench.k.down_write(bench.mm.mmap_sem));
    const page = bench.k.alloc_page(NR);
    expect(run(bench.k.collapse_huge_page_locked(bench.vma, bench.pmd, page, false))).toBe('page_count');
    run(bench.k.up_write(bench.mm.mmap_sem));
    expect(bench.entries()).toEqual(every('P-WDAS--'));
    expect([bench.k.task.pageLocks, run(bench.k.PageLRU(bench.page(0))), bench.read(6)]).toEqual([
      [],
      true,
      106,
    ]);
  });

  test('khugepaged_scan_mm() finds it, and madvise_collapse() cares for no age', () => {
    const never = small().writeAll();
    expect([run(never.k.khugepaged_scan_mm(never.mm)), never.entry()]).toEqual([0, 'P-WDAS--']);
    const bench = collapsible();
    expect([run(bench.k.khugepaged_scan_mm(bench.mm)), bench.entry()]).toEqual([1, 'PHWDAS--']);
    const aged = small().writeAll();
    for (let i = 0; i < NR; i++) run(aged.k.update(aged.slot(i), 'old', e.pte_mkold));
    run(aged.k.down_read(aged.mm.mmap_sem));
    expect([run(aged.k.madvise_collapse(aged.vma, BASE, END)), aged.entry()]).toEqual([0, 'PHWDAS--']);
  });
});

describe('migration', () => {
  test.each([
    {
      shows: 'a written page: D goes to the page, RW stays',
      before: (b: Bench) => b,
      entry: 'P-W--S--',
      dirty: true,
    },
    {
      shows: 'a protected one stays read-only',
      before: (b: Bench) => b.protect(BASE, END),
      entry: 'P----S--',
      dirty: true,
    },
    {
      shows: 'a clean one stays clean',
      before: (b: Bench) => run(b.k.update(b.slot(), 'clean', e.pte_mkclean)),
      entry: 'P-W--S--',
      dirty: false,
    },
  ])('$shows', ({ before, entry, dirty }) => {
    const bench = small().writeAll();
    before(bench);
    const old = bench.page();
    expect(run(bench.k.migrate_page(old, 1))).toBe(0);
    const page = bench.page();
    expect([bench.entry(), bench.dirty(page), bench.isFree(old)]).toEqual([entry, dirty, true]);
    run(bench.k.lru_add_drain_all());
    expect([bench.m.pages.refcount[page], bench.m.pages.mapcount[page], bench.m.pages.nid[page]]).toEqual([
      1, 0, 1,
    ]);
    expect([bench.read(0), bench.k.task.pageLocks]).toEqual([100, []]);
  });

  test('mprotect() meanwhile is heeded', () => {
    const bench = small().writeAll();
    const page = bench.page();
    run(bench.k.get_page(page));
    run(bench.k.lock_page(page));
    expect(run(bench.k.try_to_unmap(page, { migration: true, batchFlush: false, ignoreAccess: true }))).toBe(
      true,
    );
    expect(bench.entry()).toBe('migr-w S-');
    bench.vma.vm_flags = RO;
    run(bench.k.remove_migration_ptes(page, page));
    expect(bench.entry()).toBe('P----S--');
  });

  test('a fault on the entry waits for the page lock', () => {
    const bench = small().writeAll();
    const page = bench.page();
    run(bench.k.get_page(page));
    run(bench.k.lock_page(page));
    run(bench.k.try_to_unmap(page, { migration: true, batchFlush: false, ignoreAccess: true }));
    expect(() => bench.read(0)).toThrow(`waits for the lock of page ${page}`);
  });

  test('a pinned page stays, and has lost A and D', () => {
    const bench = small().writeAll();
    const page = bench.page();
    run(bench.k.get_page(page));
    expect(run(bench.k.migrate_page(page, 1))).toBe(-11);
    expect([bench.page(), bench.entry(), bench.dirty(page)]).toEqual([page, 'P-W--S--', true]);
    expect([bench.m.pages.refcount[page], bench.m.pages.mapcount[page], run(bench.k.PageLRU(page))]).toEqual([
      2,
      0,
      true,
    ]);
  });

  test('a shared page moves for both', () => {
    const parent = small().writeAll();
    const child = parent.fork();
    const old = parent.page();
    expect(run(parent.k.migrate_page(old, 1))).toBe(0);
    expect([parent.page(), parent.entry(), child.entry()]).toEqual([child.page(), 'P----S--', 'P----S--']);
    expect([parent.isFree(old), child.read(0)]).toEqual([true, 100]);
  });

  test('a huge page moves whole', () => {
    const bench = new Bench().writeAll();
    const old = bench.page();
    expect(run(bench.k.migrate_page(old, 1))).toBe(0);
    expect([bench.entry(), bench.dirty(bench.page()), bench.isFree(old)]).toEqual(['PHW--S--', true, true]);
    expect(bench.counts(bench.page())).toEqual({
      refcount: 1,
      compound_mapcount: 0,
      _mapcount: every(-1),
      doubleMap: false,
    });
    expect(bench.read(5)).toBe(105);
  });

  test('a huge page that PTEs map moves too', () => {
    const bench = new Bench().writeAll().split();
    expect(run(bench.k.migrate_page(bench.page(), 1))).toBe(0);
    expect(bench.entries()).toEqual(every('P-W--S--'));
    expect(bench.counts(bench.page())).toEqual({
      refcount: NR,
      compound_mapcount: -1,
      _mapcount: every(0),
      doubleMap: false,
    });
  });

  test('do_move_pages() moves what is elsewhere and not shared', () => {
    const bench = small().writeAll();
    expect(run(bench.k.do_move_pages(bench.mm, at(1), at(3), 1))).toBe(0);
    const nodes = Array.from({ length: NR }, (_, i) => bench.m.pages.nid[bench.page(i)]);
    expect(nodes).toEqual([0, 1, 1, 0, 0, 0, 0, 0]);
    bench.fork();
    run(bench.k.do_move_pages(bench.mm, at(4), at(5), 1));
    expect(bench.m.pages.nid[bench.page(4)]).toBe(0);
  });
});

describe('NUMA hinting of a huge page', () => {
  /** A huge page on node 1 with a hinted entry. */
  function hinted(isProtected: boolean): Bench {
    const bench = new Bench().writeAll();
    run(bench.k.migrate_page(bench.page(), 1));
    if (isProtected) bench.protect(BASE, END);
    bench.protect(BASE, END, PAGE_NONE, MM_CP_PROT_NUMA);
    expect(bench.entry()).toBe(isProtected ? 'NH---S--' : 'NHW--S--');
    return bench;
  }

  test('a fault moves the page and makes it writable, protected or not', () => {
    const bench = hinted(true);
    const old = bench.page();
    bench.read(0);
    expect([bench.entry(), bench.isFree(old), bench.m.pages.nid[bench.page()]]).toEqual([
      'PHWDAS--',
      true,
      0,
    ]);
    expect(bench.counts(bench.page())).toMatchObject({ refcount: 1, compound_mapcount: 0 });
  });

  test('a pinned page stays and loses its saved write', () => {
    const bench = hinted(false);
    const page = bench.page();
    run(bench.k.get_page(page));
    bench.read(0);
    expect([bench.page(), bench.entry()]).toEqual([page, 'PH--AS--']);
  });

  test('on the right node the saved write comes back', () => {
    const bench = new Bench().write(0);
    bench.protect(BASE, END, PAGE_NONE, MM_CP_PROT_NUMA);
    bench.read(0);
    expect(bench.entry()).toBe('PHWDAS--');
  });
});
