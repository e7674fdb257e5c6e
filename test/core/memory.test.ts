import { show_pte } from '../../src/core/entry_text';
import {
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_READ,
  VM_SHARED,
  VM_SOFTDIRTY,
  VM_WRITE,
  vm_get_page_prot,
} from '../../src/core/flags';
import { buildKernel, type Kernel } from '../../src/core/kernel';
import { defaultConfig, Machine } from '../../src/core/machine';
import type { File, Mm, Vma } from '../../src/core/mm';
import { leafOf } from '../../src/core/mmu';
import { Mapping, type Pages, PG_dirty, PG_swapcache } from '../../src/core/pages';
import type { Run } from '../../src/core/run';
import type { Task } from '../../src/core/task';
import { type Content, content, type Pfn, type Vaddr, vaddr } from '../../src/core/units';
import type { Happening } from '../../src/core/watch';

const BASE = vaddr(0x40000);
const PRIVATE = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_SOFTDIRTY;
const SHARED = PRIVATE | VM_SHARED | VM_MAYSHARE;

/** One process with one mapping of four pages at BASE, and what happened so far. */
class Bench {
  readonly m = new Machine({ ...defaultConfig, entries: 8, thp: 'never' });
  readonly seen: Happening[] = [];
  readonly mm: Mm = this.m.newMm('test');
  readonly vma: Vma;
  readonly k: Kernel;

  constructor(vm_flags: number, file: Partial<File> | null = null) {
    this.m.watch = (happening) => this.seen.push(happening);
    this.vma = mapping(this.mm, vm_flags, file && this.file(file));
    this.k = this.kernelOf(this.m.newTask('vcpu', this.mm));
  }
  private file(of: Partial<File>): File {
    const plain = {
      id: 0,
      name: 'file',
      kind: 'fs',
      page_mkwrite: false,
      accountsDirty: true,
      firstPfn: 0,
      pages: 0,
    } as const;
    const file = {
      ...plain,
      cache: new Map(),
      disk: new Map([[0, 70]]),
      dirtyTag: new Set<number>(),
      nrDirty: 0,
      ...of,
    };
    this.m.files.push(file);
    return file;
  }
  kernelOf(task: Task): Kernel {
    return new (buildKernel([]))(this.m, task);
  }
  /** A process that fork() made of this one. */
  fork(): Bench {
    const child: Bench = Object.create(this);
    const mm = this.m.newMm('child');
    const vma = { ...this.vma, vm_mm: mm };
    mm.mmap.push(vma);
    run(this.k.copy_page_range(mm, this.mm, this.vma, vma));
    run(this.k.flush_tlb_mm(this.mm));
    return Object.assign(child, { mm, vma, k: this.kernelOf(this.m.newTask('child', mm)) });
  }
  store(value: number): void {
    expect(run(this.k.user_store(BASE, content(value)))).toBe('ok');
  }
  load(): Content | string {
    return run(this.k.user_load(BASE));
  }
  get page(): Pfn {
    return this.pages.exists(this.entryPfn) ? this.entryPfn : (0 as Pfn);
  }
  get pages(): Pages {
    return this.m.pages;
  }
  private get entryPfn(): Pfn {
    return Math.floor((leafOf(this.k, BASE)?.peek() ?? 0) / (1 << 14)) as Pfn;
  }
  /** The entry without its frame, and of the page: references without the pagevec's, mappings, dirty, content. */
  state(): { pte: string; refs: number; maps: number; dirty: boolean; holds: number } {
    run(this.k.lru_add_drain_all());
    const { page, pages } = this;
    const text = show_pte(leafOf(this.k, BASE)!.peek());
    return {
      pte: text.replace(/^\d+ /, ''),
      refs: pages.refcount[page]!,
      maps: pages.mapcount[page]! + 1,
      dirty: (pages.flags[page]! & PG_dirty) !== 0,
      holds: pages.contentOf(page),
    };
  }
  count(kind: Happening['kind']): number {
    return this.seen.filter((happening) => happening.kind === kind).length;
  }
}

/** vm_page_prot of a shared file is read-only where the first write must be told (vma_wants_writenotify()). */
function mapping(mm: Mm, vm_flags: number, vm_file: File | null): Vma {
  const tellsWrites = vm_file !== null && (vm_file.page_mkwrite || vm_file.accountsDirty);
  const vma: Vma = {
    vm_mm: mm,
    vm_start: BASE,
    vm_end: vaddr(BASE + 4 * 4096),
    vm_flags,
    vm_page_prot: vm_get_page_prot(tellsWrites ? vm_flags & ~VM_SHARED : vm_flags),
    vm_pgoff: vm_file ? 0 : BASE / 4096,
    vm_file,
    anon_vma: 0,
    anon_vma_chain: [],
    vm_userfaultfd_ctx: null,
  };
  mm.mmap.push(vma);
  return vma;
}

/** Runs to the end; nobody else is there, so whatever must be waited for never comes. */
function run<T>(kernelRun: Run<T>): T {
  const steps = kernelRun[Symbol.iterator]();
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return step.value;
    if (step.value.ready?.() === false) throw new Error(`waits for ${step.value.waitsFor}`);
  }
}

/** Reclaims the page at BASE; the first call only takes its A bit away. */
function swapOut(bench: Bench): void {
  const { page } = bench;
  run(bench.k.lru_add_drain_all());
  for (let i = 0; i < 3 && bench.pages.refcount[page]! > 0; i++) run(bench.k.reclaim_page(page));
  expect(show_pte(leafOf(bench.k, BASE)!.peek())).toMatch(/^swap 0/);
}

const anonymous = (): Bench => new Bench(PRIVATE);
const written = (): Bench => {
  const bench = anonymous();
  bench.store(1);
  return bench;
};
const swapped = (): Bench => {
  const bench = written();
  swapOut(bench);
  return bench;
};

describe('a page after a fault', () => {
  test.each<{
    shows: string;
    given: () => Bench;
    does: (bench: Bench) => void;
    is: ReturnType<Bench['state']>;
  }>([
    {
      shows: 'a first write gets a page of its own, writable and dirty',
      given: anonymous,
      does: (bench) => bench.store(1),
      is: { pte: 'P-WDAS--', refs: 1, maps: 1, dirty: false, holds: 1 },
    },
    {
      shows: 'a first read gets the zero page, read-only and not counted',
      given: anonymous,
      does: (bench) => bench.load(),
      is: { pte: 'P---A--Z', refs: 1, maps: 0, dirty: false, holds: 0 },
    },
    {
      shows: 'a write after a read copies the zero page',
      given: anonymous,
      does: (bench) => {
        bench.load();
        bench.store(2);
      },
      is: { pte: 'P-WDAS--', refs: 1, maps: 1, dirty: false, holds: 2 },
    },
    {
      shows: 'fork leaves one page, read-only in both, still dirty',
      given: written,
      does: (bench) => void bench.fork(),
      is: { pte: 'P--DAS--', refs: 2, maps: 2, dirty: false, holds: 1 },
    },
    {
      shows: 'a write to a page that fork shared goes to a copy',
      given: written,
      does: (bench) => {
        const { page } = bench;
        const child = bench.fork();
        bench.store(3);
        expect(bench.page).not.toBe(page);
        expect({ ...child.state() }).toEqual({ pte: 'P--D-S--', refs: 1, maps: 1, dirty: false, holds: 1 });
      },
      is: { pte: 'P-WDAS--', refs: 1, maps: 1, dirty: false, holds: 3 },
    },
    {
      shows: 'whoever has the page alone in the end uses it again',
      given: written,
      does: (bench) => {
        const { page } = bench;
        const child = bench.fork();
        child.store(4);
        bench.store(5);
        expect(bench.page).toBe(page);
        expect(child.load()).toBe(4);
      },
      is: { pte: 'P-WDAS--', refs: 1, maps: 1, dirty: false, holds: 5 },
    },
    {
      shows: 'a read of a swapped page maps it clean, and leaves it in the swap cache',
      given: swapped,
      does: (bench) => expect(bench.load()).toBe(1),
      is: { pte: 'P---AS--', refs: 2, maps: 1, dirty: false, holds: 1 },
    },
    {
      shows: 'a write to a swapped page takes it out of the swap cache',
      given: swapped,
      does: (bench) => bench.store(6),
      is: { pte: 'P-WDAS--', refs: 1, maps: 1, dirty: true, holds: 6 },
    },
    {
      shows: 'a write to a swapped page that two share copies it in the same fault',
      given: () => {
        const bench = swapped();
        bench.fork();
        return bench;
      },
      does: (bench) => bench.store(7),
      is: { pte: 'P-WDAS--', refs: 1, maps: 1, dirty: false, holds: 7 },
    },
    {
      shows: 'swapoff maps the page old, clean, read-only and without soft-dirty',
      given: swapped,
      does: (bench) => expect(run(bench.k.swapoff())).toBe(0),
      is: { pte: 'P-------', refs: 1, maps: 1, dirty: true, holds: 1 },
    },
    {
      shows: 'a write to a private file mapping goes to a copy that is anonymous',
      given: () => new Bench(PRIVATE, {}),
      does: (bench) => {
        bench.store(8);
        const cached = bench.m.files[0]!.cache.get(0)!;
        expect(bench.pages.mapping[bench.page]).toBe(Mapping.anon);
        expect([bench.pages.contentOf(cached), bench.pages.refcount[cached]]).toEqual([70, 2]);
      },
      is: { pte: 'P-WDAS--', refs: 1, maps: 1, dirty: false, holds: 8 },
    },
    {
      shows: 'a read of a private file mapping maps the page cache read-only, and a write then copies it',
      given: () => new Bench(PRIVATE, {}),
      does: (bench) => {
        expect(bench.load()).toBe(70);
        const cached = bench.page;
        expect(bench.state()).toEqual({ pte: 'P---A---', refs: 2, maps: 1, dirty: false, holds: 70 });
        bench.store(9);
        expect([bench.pages.mapcount[cached], bench.pages.refcount[cached]]).toEqual([-1, 1]);
      },
      is: { pte: 'P-WDAS--', refs: 1, maps: 1, dirty: false, holds: 9 },
    },
    {
      shows: 'a first write to a shared file asks page_mkwrite and dirties the page',
      given: () => new Bench(SHARED, { page_mkwrite: true }),
      does: (bench) => {
        bench.store(10);
        expect([bench.count('page_mkwrite'), bench.m.files[0]!.nrDirty]).toEqual([1, 1]);
      },
      is: { pte: 'P-WDAS--', refs: 2, maps: 1, dirty: true, holds: 10 },
    },
    {
      shows: 'a write after a read of a shared file asks page_mkwrite in do_wp_page',
      given: () => new Bench(SHARED, { page_mkwrite: true }),
      does: (bench) => {
        bench.load();
        expect(bench.state().pte).toBe('P---A---');
        bench.store(11);
        expect(bench.count('page_mkwrite')).toBe(1);
      },
      is: { pte: 'P-WDAS--', refs: 2, maps: 1, dirty: true, holds: 11 },
    },
    {
      shows: 'shared memory, here out of swap, that nobody accounts for is writable after a read',
      given: () => new Bench(SHARED, { kind: 'shmem', accountsDirty: false }),
      does: (bench) => bench.load(),
      is: { pte: 'P-W-A---', refs: 2, maps: 1, dirty: true, holds: 70 },
    },
  ])('$shows', ({ given, does, is }) => {
    const bench = given();
    does(bench);
    expect(bench.state()).toEqual(is);
    expect(bench.count('bug')).toBe(0);
    expect(bench.m.tasks.flatMap(({ spinlocks, pageLocks }) => [...spinlocks, ...pageLocks])).toEqual([]);
    expect(bench.m.mms.flatMap(({ mmap_sem }) => mmap_sem.readers)).toEqual([]);
  });
});

describe('a swap slot', () => {
  test('is free once the only page that used it was written to', () => {
    const bench = swapped();
    expect(bench.m.swap.map).toEqual([1]);
    bench.load();
    expect([bench.m.swap.map, (bench.pages.flags[bench.page]! & PG_swapcache) !== 0]).toEqual([[1], true]);
    bench.store(2);
    expect([bench.m.swap.map, bench.m.swap.cache.size]).toEqual([[0], 0]);
  });
});

describe('an access that cannot be served', () => {
  const outside = vaddr(BASE + 0x100000);
  const store = (bench: Bench, va: Vaddr) => run(bench.k.user_store(va, content(1)));

  test.each<{ shows: string; given: () => Bench; does: (bench: Bench) => unknown; gives: string | number }>([
    { shows: 'outside of all mappings', given: anonymous, does: (b) => store(b, outside), gives: 'SIGSEGV' },
    {
      shows: 'a write without VM_WRITE',
      given: () => new Bench(PRIVATE & ~VM_WRITE),
      does: (b) => store(b, BASE),
      gives: 'SIGSEGV',
    },
    {
      shows: 'a device page that mmap() did not map',
      given: () => new Bench(SHARED, { kind: 'device' }),
      does: (b) => store(b, BASE),
      gives: 'SIGBUS',
    },
    {
      shows: 'by the kernel for a program',
      given: anonymous,
      does: (b) => run(b.k.copy_to_user(outside, content(1))),
      gives: -14,
    },
  ])('$shows: $gives', ({ given, does, gives }) => {
    const bench = given();
    expect(does(bench)).toBe(gives);
    expect(bench.count('signal')).toBe(typeof gives === 'string' ? 1 : 0);
    expect(bench.mm.mmap_sem.readers).toEqual([]);
  });

  test('is a bug of the kernel if it never ends', () => {
    const bench = anonymous();
    const kernel = buildKernel([
      {
        *handle_mm_fault() {
          return 0;
        },
      },
    ]);
    const k = new kernel(bench.m, bench.k.task);
    expect(() => run(k.user_store(BASE, content(1)))).toThrow('refaults without end');
  });
});
