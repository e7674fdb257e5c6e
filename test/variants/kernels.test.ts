/** What the later kernels do otherwise than those before them, one step at a time. */
import {
  buildKernel,
  content,
  defaultConfig,
  entry as e,
  flags,
  type Kernel,
  Machine,
  type Mm,
  mainline,
  newFile,
  PAGE_SIZE,
  type Pfn,
  PG_anon_exclusive,
  type Pte,
  plus,
  type Run,
  resolveVariant,
  type UserfaultfdCtx,
  type Vma,
  vaddr,
} from '../../src/core';
import { variants } from '../../src/variants';
import { found } from '../judge/broken_kernel';

const { VM_MAYREAD, VM_MAYWRITE, VM_READ, VM_SHARED, VM_WRITE } = flags;
const BASE = vaddr(0x40000);
const PAGES = 4;
const WP = { missing: false, wp: true };
const ON = { wp: true, dontwake: false };
const OFF = { wp: false, dontwake: false };

/** Runs to the end; null where it waits for somebody. */
function run<T>(steps: Run<T>): T | null {
  const result = steps[Symbol.iterator]().next();
  return result.done ? result.value : null;
}

/** One process with four pages at BASE and a userfaultfd that write-protects them. */
class Bench {
  readonly m = new Machine({ ...defaultConfig, entries: 8, thp: 'never' });
  readonly mm: Mm = this.m.newMm('test');
  readonly k: Kernel;
  readonly ctx: UserfaultfdCtx;

  constructor(id: string, { features = 0, shared = false } = {}) {
    const all = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | (shared ? VM_SHARED : 0);
    const vma: Vma = {
      vm_mm: this.mm,
      vm_start: BASE,
      vm_end: plus(BASE, PAGES * PAGE_SIZE),
      vm_flags: all,
      vm_page_prot: flags.vm_get_page_prot(all),
      vm_pgoff: shared ? 0 : BASE / PAGE_SIZE,
      vm_file: shared ? newFile(0, 'memory', 'shmem') : null,
      anon_vma: 0,
      anon_vma_chain: [],
      vm_userfaultfd_ctx: null,
    };
    if (vma.vm_file) this.m.files.push(vma.vm_file);
    this.mm.mmap.push(vma);
    const variant = variants.find(({ meta }) => meta.id === id)!;
    this.k = new (buildKernel(resolveVariant(variant, variants).layers))(
      this.m,
      this.m.newTask('vcpu', this.mm),
    );
    this.ctx = this.k.sys_userfaultfd();
    expect(run(this.k.userfaultfd_api(this.ctx, features))).toBe(0);
    expect(run(this.k.userfaultfd_register(this.ctx, BASE, PAGES * PAGE_SIZE, WP))).toBe(0);
  }
  store(value = 7): 'ok' | 'event' | 'signal' {
    const result = run(this.k.user_store(BASE, content(value)));
    return result === null ? 'event' : result === 'ok' ? 'ok' : 'signal';
  }
  protect(mode = ON): void {
    expect(run(this.k.userfaultfd_writeprotect(this.ctx, BASE, PAGE_SIZE, mode))).toBe(0);
  }
  entryAt(at = BASE): Pte {
    const pmd = this.m.mm_find_pmd_slot(this.mm, at);
    return pmd === null || !e.pmd_is_table(pmd.peek()) ? e.NONE : this.m.pte_offset(pmd, at).peek();
  }
  get isExclusive(): boolean {
    return (this.m.pages.flags[e.pte_pfn(this.entryAt())]! & PG_anon_exclusive) !== 0;
  }
}

const kernels = ['uffd-wp-bit', 'linux-5.9', 'linux-5.12', 'linux-6.1', 'linux-6.12', 'linux-6.18'];
const from61 = kernels.slice(3);
const from612 = kernels.slice(4);

describe.each(kernels)('%s', (id) => {
  test('sends an event for a protected page, and none after it was un-protected', () => {
    const bench = new Bench(id);
    expect(bench.store()).toBe('ok');
    bench.protect();
    expect(bench.store()).toBe('event');
    bench.protect(OFF);
    expect(e.pte_uffd_wp(bench.entryAt())).toBe(false);
    expect(e.pte_write(bench.entryAt())).toBe(from612.includes(id));
  });

  test('copies what the pagevec refers to only where it goes by the reference count alone', () => {
    const bench = new Bench(id);
    bench.store();
    const before = e.pte_pfn(bench.entryAt());
    bench.protect();
    bench.protect(OFF);
    expect(bench.store()).toBe('ok');
    expect(e.pte_pfn(bench.entryAt()) === before).toBe(id !== 'linux-5.9' && id !== 'linux-5.12');
  });

  test('protects what is not mapped yet only where there are markers and it was asked to', () => {
    const bench = new Bench(id);
    bench.k.m.pmd_alloc(bench.mm, BASE);
    bench.protect();
    expect(bench.entryAt()).toBe(e.NONE);
    expect(bench.store()).toBe('ok');
  });
});

describe.each(kernels.slice(1))('%s', (id) => {
  const ofChild = (bench: Bench): Pte => {
    const pmd = bench.m.mm_find_pmd_slot(bench.m.mms[1]!, BASE)!;
    return bench.m.pte_offset(pmd, BASE).peek();
  };
  const pin = ({ k, mm }: Bench, page: Pfn): Run<void> => {
    k.mm_set_has_pinned_flag(mm, flags.FOLL_PIN);
    return k.try_grab_page(page, flags.FOLL_PIN);
  };

  test('a child gets a copy of a pinned page, and both may write', () => {
    const bench = new Bench(id);
    bench.store();
    run(pin(bench, e.pte_pfn(bench.entryAt())));
    run(bench.k.copy_process('child'));
    expect(e.pte_write(bench.entryAt())).toBe(true);
    expect(e.pte_write(ofChild(bench))).toBe(true);
    expect(e.pte_dirty(ofChild(bench)) && e.pte_soft_dirty(ofChild(bench))).toBe(true);
    expect(e.pte_pfn(ofChild(bench))).not.toBe(e.pte_pfn(bench.entryAt()));
    expect(bench.m.pages.contentOf(e.pte_pfn(ofChild(bench)))).toBe(7);
  });

  test('and shares it once it is no longer pinned', () => {
    const bench = new Bench(id);
    bench.store();
    const page = e.pte_pfn(bench.entryAt());
    run(pin(bench, page));
    expect(run(bench.k.page_maybe_dma_pinned(page))).toBe(true);
    run(bench.k.unpin_user_page(page));
    expect(run(bench.k.page_maybe_dma_pinned(page))).toBe(false);
    run(bench.k.copy_process('child'));
    expect(e.pte_pfn(ofChild(bench))).toBe(page);
    expect(e.pte_write(bench.entryAt())).toBe(false);
  });

  test('the copy of a protected page is protected from 5.14 on', () => {
    const bench = new Bench(id, { features: mainline.UFFD_FEATURE_EVENT_FORK });
    bench.store();
    run(pin(bench, e.pte_pfn(bench.entryAt())));
    bench.protect();
    // It ends with the wait for whoever reads of the fork.
    expect(run(bench.k.copy_process('child'))).toBe(null);
    expect(e.pte_pfn(ofChild(bench))).not.toBe(e.pte_pfn(bench.entryAt()));
    expect(e.pte_uffd_wp(ofChild(bench))).toBe(from61.includes(id));
    expect(e.pte_write(ofChild(bench))).toBe(!from61.includes(id));
  });

  test('a pinned page is neither swapped out from 5.11 on nor moved', () => {
    const bench = new Bench(id);
    bench.store();
    const page = e.pte_pfn(bench.entryAt());
    run(pin(bench, page));
    expect(run(bench.k.migrate_page(page, 0))).toBe(-flags.EAGAIN);
    expect(e.pte_pfn(bench.entryAt())).toBe(page);
    expect(run(bench.k.reclaim_page(page))).toBe(false);
    expect(e.pte_present(bench.entryAt())).toBe(id !== 'linux-5.9');
    expect(bench.isExclusive).toBe(from61.includes(id));
  });

  test('nor is an exclusive page unmapped that has been pinned meanwhile', () => {
    const bench = new Bench(id);
    bench.store();
    const page = e.pte_pfn(bench.entryAt());
    run(pin(bench, page));
    run(bench.k.lock_page(page));
    const mode = { migration: true, batchFlush: false, ignoreAccess: true };
    expect(run(bench.k.try_to_unmap(page, mode))).toBe(!from61.includes(id));
    expect(e.pte_present(bench.entryAt())).toBe(from61.includes(id));
  });

  test('clear_refs leaves a pinned page as it is from 5.11 on', () => {
    const bench = new Bench(id);
    bench.store();
    const page = e.pte_pfn(bench.entryAt());
    run(pin(bench, page));
    run(bench.k.clear_refs_write(bench.mm, mainline.CLEAR_REFS_SOFT_DIRTY));
    expect(e.pte_write(bench.entryAt()) && e.pte_soft_dirty(bench.entryAt())).toBe(id !== 'linux-5.9');
    run(bench.k.unpin_user_page(page));
    run(bench.k.clear_refs_write(bench.mm, mainline.CLEAR_REFS_SOFT_DIRTY));
    expect(e.pte_soft_dirty(bench.entryAt())).toBe(false);
  });
});

test.each(kernels)('%s: whether madvise remove wants a mapping that is writable now', (id) => {
  const { k } = new Bench(id, { shared: from61.includes(id) });
  const readonly_ = VM_READ | VM_SHARED | VM_MAYWRITE;
  expect(k.madvise_remove_allowed(readonly_ | VM_WRITE)).toBe(true);
  expect(k.madvise_remove_allowed(readonly_)).toBe(from61.includes(id));
});

test.each(from61)('%s: what lies where nothing can be moved to, and what cannot be populated', (id) => {
  const bench = new Bench(id);
  bench.store();
  const gone = plus(BASE, 2 * PAGES * PAGE_SIZE);
  expect(run(bench.k.do_mremap(bench.mm, gone, PAGE_SIZE, PAGE_SIZE, BASE))).toBe(-flags.EFAULT);
  expect(e.pte_present(bench.entryAt())).toBe(true);
  const [vma] = bench.mm.mmap;
  vma!.vm_flags = flags.withoutFlags(vma!.vm_flags, VM_WRITE);
  const populated = bench.k.madvise_populate(vma!, vma!.vm_start, vma!.vm_end, true);
  expect(run(populated)).toBe(-flags.EINVAL);
});

describe.each(from61)('%s', (id) => {
  test('leaves no mark where the userfaultfd is closed', () => {
    const bench = new Bench(id);
    bench.store();
    bench.protect();
    run(bench.k.userfaultfd_release(bench.ctx));
    expect(e.pte_uffd_wp(bench.entryAt())).toBe(false);
    expect(bench.store()).toBe('ok');
  });

  test('takes no mark along to where a mapping moves, unless its reader is told', () => {
    for (const [features, isKept] of [
      [0, false],
      [mainline.UFFD_FEATURE_EVENT_REMAP, true],
    ] as const) {
      const bench = new Bench(id, { features });
      bench.store();
      bench.protect();
      const to = plus(BASE, 2 * PAGES * PAGE_SIZE);
      run(bench.k.do_mremap(bench.mm, BASE, PAGES * PAGE_SIZE, PAGES * PAGE_SIZE, to));
      expect(e.pte_uffd_wp(bench.entryAt(to))).toBe(isKept);
    }
  });

  test.each([
    { what: 'of a dirty page comes back, before 6.12 with soft-dirty', clean: false, dirty: true },
    { what: 'of a page that has been cleaned meanwhile does not', clean: true, dirty: false },
  ])('D $what after migration', ({ clean, dirty }) => {
    const bench = new Bench(id);
    bench.store();
    run(bench.k.clear_refs_write(bench.mm, 4));
    const page = e.pte_pfn(bench.entryAt());
    run(bench.k.lock_page(page));
    run(bench.k.try_to_unmap(page, { migration: true, batchFlush: false, ignoreAccess: true }));
    if (clean) run(bench.k.TestClearPageDirty(page));
    run(bench.k.remove_migration_ptes(page, page));
    const soft = dirty && id === 'linux-6.1';
    expect([e.pte_dirty(bench.entryAt()), e.pte_soft_dirty(bench.entryAt())]).toEqual([dirty, soft]);
  });

  test('knows a page that one process alone maps, until it forks', () => {
    const bench = new Bench(id);
    bench.store();
    expect(bench.isExclusive).toBe(true);
    run(bench.k.copy_process('child'));
    expect(bench.isExclusive).toBe(false);
    expect(e.pte_write(bench.entryAt())).toBe(false);
    expect(bench.store()).toBe('ok');
    expect(bench.isExclusive).toBe(true);
  });

  test('leaves no mark to a child that is not armed', () => {
    const bench = new Bench(id);
    bench.store();
    bench.protect();
    const child = run(bench.k.copy_process('child'))!;
    const pte = bench.m.pte_offset(bench.m.mm_find_pmd_slot(child, BASE)!, BASE).peek();
    expect(e.pte_present(pte)).toBe(true);
    expect(e.pte_uffd_wp(pte)).toBe(false);
    expect(e.pte_uffd_wp(bench.entryAt())).toBe(true);
  });

  test('gives RW back with PROT_WRITE where a fault would', () => {
    const bench = new Bench(id);
    bench.store();
    run(bench.k.do_mprotect_pkey(BASE, PAGE_SIZE, VM_READ));
    expect(e.pte_write(bench.entryAt())).toBe(false);
    run(bench.k.do_mprotect_pkey(BASE, PAGE_SIZE, VM_READ | VM_WRITE));
    expect(e.pte_write(bench.entryAt())).toBe(true);
  });

  test('keeps RW from a page that is not soft-dirty while that is tracked', () => {
    const bench = new Bench(id);
    bench.store();
    run(bench.k.clear_refs_write(bench.mm, 4));
    run(bench.k.do_mprotect_pkey(BASE, PAGE_SIZE, VM_READ));
    run(bench.k.do_mprotect_pkey(BASE, PAGE_SIZE, VM_READ | VM_WRITE));
    expect(e.pte_write(bench.entryAt())).toBe(false);
    expect(bench.store()).toBe('ok');
    expect(e.pte_soft_dirty(bench.entryAt())).toBe(true);
  });

  test('protects shared memory, also where nothing is mapped, and keeps that over MADV_DONTNEED', () => {
    const bench = new Bench(id, { shared: true });
    bench.protect();
    expect(e.is_pte_marker(bench.entryAt())).toBe(true);
    expect(bench.store()).toBe('event');
    expect(e.pte_uffd_wp(bench.entryAt())).toBe(true);
    expect(e.pte_write(bench.entryAt())).toBe(false);
    run(bench.k.do_madvise(BASE, PAGE_SIZE, 'dontneed'));
    expect(e.is_pte_marker(bench.entryAt())).toBe(true);
    bench.protect(OFF);
    expect(bench.entryAt()).toBe(e.NONE);
    expect(bench.store()).toBe('ok');
  });

  test('clears marks when the mapping is unregistered', () => {
    const bench = new Bench(id);
    bench.store();
    bench.protect();
    expect(run(bench.k.userfaultfd_unregister(bench.ctx, BASE, PAGES * PAGE_SIZE))).toBe(0);
    expect(e.pte_uffd_wp(bench.entryAt())).toBe(false);
    expect(bench.store()).toBe('ok');
  });

  test('carries the mark and what is exclusive through swap', () => {
    const bench = new Bench(id);
    bench.store();
    bench.protect();
    run(bench.k.do_madvise(BASE, PAGE_SIZE, 'pageout'));
    expect(e.pte_swp_uffd_wp(bench.entryAt())).toBe(true);
    expect(e.pte_swp_exclusive(bench.entryAt())).toBe(true);
    expect(run(bench.k.user_load(BASE))).toBe(7);
    expect(e.pte_uffd_wp(bench.entryAt())).toBe(true);
    expect(bench.isExclusive).toBe(true);
    expect(bench.store()).toBe('event');
  });

  test('lets nobody but a writer by force into a page that is read-only', () => {
    const bench = new Bench(id);
    bench.store();
    run(bench.k.do_mprotect_pkey(BASE, PAGE_SIZE, VM_READ));
    expect(bench.store()).toBe('signal');
    const { FOLL_FORCE } = flags;
    expect(run(bench.k.access_remote_vm(bench.mm, BASE, content(9), FOLL_FORCE))).toBe(0);
    expect(run(bench.k.user_load(BASE))).toBe(9);
    expect(e.pte_write(bench.entryAt())).toBe(false);
  });
});

describe.each(from612)('%s', (id) => {
  test('protects anonymous memory that is not mapped yet', () => {
    const bench = new Bench(id, { features: mainline.UFFD_FEATURE_WP_UNPOPULATED });
    bench.protect();
    expect(e.is_pte_marker(bench.entryAt())).toBe(true);
    expect(bench.store()).toBe('event');
    expect(e.pte_uffd_wp(bench.entryAt())).toBe(true);
  });

  test('asks nobody where protection is asynchronous: the mark goes with the write', () => {
    const bench = new Bench(id, { features: mainline.UFFD_FEATURE_WP_ASYNC });
    bench.store();
    bench.protect();
    expect(e.pte_uffd_wp(bench.entryAt())).toBe(true);
    expect(bench.store()).toBe('ok');
    expect(e.pte_uffd_wp(bench.entryAt())).toBe(false);
    expect(bench.ctx.fault_pending).toEqual([]);
  });

  test('clears marks when the userfaultfd is closed', () => {
    const bench = new Bench(id);
    bench.store();
    bench.protect();
    run(bench.k.userfaultfd_release(bench.ctx));
    expect(e.pte_uffd_wp(bench.entryAt())).toBe(false);
    expect(bench.store()).toBe('ok');
  });

  test.each([
    { features: 0, stays: false },
    { features: mainline.UFFD_FEATURE_EVENT_REMAP, stays: true },
  ])('moves marks only with a mapping that stays armed: features $features', ({ features, stays }) => {
    const bench = new Bench(id, { features });
    bench.store();
    bench.protect();
    const to = vaddr(0x80000);
    run(bench.k.do_mremap(bench.mm, BASE, PAGE_SIZE, PAGE_SIZE, to));
    expect(e.pte_present(bench.entryAt(to))).toBe(true);
    expect(e.pte_uffd_wp(bench.entryAt(to))).toBe(stays);
  });
});

describe('writing to clear_refs beside a writer', () => {
  const fixture = `memory:
  guest: { size: 4KiB }
start:
  - writer: write guest
tasks:
  tracker: [clear_refs 4]
  writer: ["write guest[0]"]
`;
  test.each([
    { id: 'linux-4.19', loses: [], why: 'flushes all of a gather' },
    {
      id: 'linux-5.9',
      loses: ['stale-store', 'soft-dirty-kept'],
      why: 'flushes what was gathered, which is nothing',
    },
    { id: 'linux-5.12', loses: [], why: 'flushes by itself' },
    { id: 'linux-6.18', loses: [], why: 'flushes by itself' },
  ])('loses $loses under $id, which $why', ({ id, loses }) => {
    expect(found(id, fixture).sort()).toEqual([...loses].sort());
  });
});
