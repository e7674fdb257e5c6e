import fc from 'fast-check';
import * as e from '../../src/core/entry';
import * as f from '../../src/core/flags';
import { DEVICE_PFN, PG_swapbacked } from '../../src/core/pages';
import { Level } from '../../src/core/table';
import { vaddr } from '../../src/core/units';
import { AddressSpace, BASE, drain, PAGE } from '../support/address_space';

const MAY = f.VM_MAYREAD | f.VM_MAYWRITE | f.VM_MAYEXEC;
const R = 1;
const RW = 3;

describe('mmap()', () => {
  test.each([
    {
      shows: 'private writable memory is accounted',
      of: { prot: RW },
      flags: 3 | MAY | f.VM_ACCOUNT | f.VM_SOFTDIRTY,
    },
    { shows: 'private read-only memory is not', of: { prot: R }, flags: 1 | MAY | f.VM_SOFTDIRTY },
    {
      shows: 'shared memory is not',
      of: { prot: RW, shared: true },
      flags: 3 | MAY | f.VM_SHARED | f.VM_MAYSHARE | f.VM_SOFTDIRTY,
    },
  ])('$shows', ({ of, flags }) => {
    expect(new AddressSpace().map(0, 2, of).vm_flags).toBe(flags);
  });

  test('VM_SOFTDIRTY does not exist where it is not configured', () => {
    expect(new AddressSpace({ softDirty: false }).map(0, 1).vm_flags & f.VM_SOFTDIRTY).toBe(0);
  });

  test('shared anonymous memory is a file of its own', () => {
    expect(new AddressSpace().map(0, 1, { shared: true }).vm_file).toMatchObject({ kind: 'shmem' });
  });

  test.each([
    { shows: 'a private one never', of: { prot: RW }, file: { page_mkwrite: true }, writable: false },
    {
      shows: 'shared, page_mkwrite',
      of: { prot: RW, shared: true },
      file: { page_mkwrite: true },
      writable: false,
    },
    { shows: 'shared, accounts dirty pages', of: { prot: RW, shared: true }, file: {}, writable: false },
    {
      shows: 'shared, accounts nothing',
      of: { prot: RW, shared: true },
      file: { kind: 'shmem' as const, accountsDirty: false },
      writable: true,
    },
  ])('its entries may be born writable: $shows', ({ of, file, writable }) => {
    const space = new AddressSpace();
    const vma = space.map(0, 1, { ...of, file: space.file(file) });
    expect((vma.vm_page_prot & 2) !== 0).toBe(writable);
  });

  test('a device is mapped at once, with special entries and VM_PFNMAP', () => {
    const space = new AddressSpace();
    const file = space.file({ kind: 'device', accountsDirty: false, firstPfn: DEVICE_PFN });
    const vma = space.map(6, 4, { shared: true, file });
    expect(vma.vm_flags & (f.VM_PFNMAP | f.VM_IO | f.VM_DONTEXPAND)).toBe(
      f.VM_PFNMAP | f.VM_IO | f.VM_DONTEXPAND,
    );
    for (let i = 0; i < 4; i++) {
      expect(e.pte_pfn(space.entry(6 + i))).toBe(DEVICE_PFN + i);
      expect(e.pte_special(space.entry(6 + i))).toBe(true);
    }
    expect(space.munmap(6, 4)).toBe(0);
    expect(space.bugs()).toEqual([]);
  });

  test('neighbours become one, and all of it counts as written', () => {
    const space = new AddressSpace();
    space.map(0, 2);
    drain(space.k.clear_refs_write(space.mm, 4));
    expect(space.vmaAt(0).vm_flags & f.VM_SOFTDIRTY).toBe(0);
    space.map(2, 2);
    expect(space.ranges()).toEqual([[0, 4]]);
    expect(space.vmaAt(0).vm_flags & f.VM_SOFTDIRTY).not.toBe(0);
  });

  test('without an address it goes below what is there, or into a hole', () => {
    const space = new AddressSpace();
    const anywhere = (pages: number): number =>
      drain(space.k.vm_mmap_pgoff(space.mm, { len: pages * PAGE, prot: R, shared: true }));
    const top = space.mm.mmapTop;
    expect(anywhere(2)).toBe(top - 2 * PAGE);
    expect(anywhere(3)).toBe(top - 5 * PAGE);
    drain(space.k.vm_munmap(space.mm, vaddr(top - 2 * PAGE), 2 * PAGE));
    expect(anywhere(1)).toBe(top - PAGE);
  });

  test.each([
    { shows: 'no length', request: { len: 0, prot: R, shared: false }, result: -f.EINVAL },
    {
      shows: 'MAP_FIXED off a page',
      request: { addr: vaddr(5), len: PAGE, prot: R, shared: false, flags: 0x10 },
      result: -f.EINVAL,
    },
    {
      shows: 'MAP_FIXED_NOREPLACE where something is',
      request: { addr: BASE, len: PAGE, prot: R, shared: false, flags: 0x100000 },
      result: -f.EEXIST,
    },
    { shows: 'more than fits', request: { len: 2 ** 47, prot: R, shared: false }, result: -f.ENOMEM },
  ])('refuses: $shows', ({ request, result }) => {
    const space = new AddressSpace();
    space.map(0, 1);
    expect(drain(space.k.vm_mmap_pgoff(space.mm, request))).toBe(result);
  });
});

describe('munmap()', () => {
  test('splits what sticks out and frees the pages', () => {
    const space = new AddressSpace();
    space.map(0, 6);
    for (let i = 0; i < 6; i++) space.write(i, i + 1);
    expect(space.munmap(2, 2)).toBe(0);
    expect(space.ranges()).toEqual([
      [0, 2],
      [4, 6],
    ]);
    expect([space.read(1), space.read(2), space.read(4)]).toEqual([2, 'SIGSEGV', 5]);
    expect(space.munmap(0, 6)).toBe(0);
    expect(space.leaked()).toEqual([]);
    expect(space.bugs()).toEqual([]);
  });

  test.each([
    { shows: 'a table that others have part of stays', pages: 12, at: 0, nr: 4, tables: 2 },
    { shows: 'a table of its own goes', pages: 12, at: 8, nr: 4, tables: 1 },
    { shows: 'with everything all tables go', pages: 12, at: 0, nr: 12, tables: 0 },
  ])('$shows', ({ pages, at, nr, tables }) => {
    const space = new AddressSpace();
    space.map(0, pages);
    for (let i = 0; i < pages; i++) space.write(i, 1);
    space.munmap(at, nr);
    const table = space.m.tableAt(space.mm, BASE, Level.pmd);
    expect(table?.child.size).toBe(tables);
  });

  test('a page goes after the flush, not before', () => {
    const space = new AddressSpace();
    space.map(0, 1);
    space.write(0, 7);
    drain(space.k.lru_add_drain());
    const other = space.thread('other', space.mm);
    space.read(0, other);
    let stillCached = -1;
    space.m.watch = (happening) => {
      if (happening.kind === 'free') stillCached = space.m.tlbs[other.task.id]!.small.size;
    };
    space.munmap(0, 1);
    expect(stillCached).toBe(0);
  });

  test('D of a file page goes to the page, and no CPU can write by the time the lock is free', () => {
    const space = new AddressSpace();
    space.map(0, 1, { shared: true });
    const other = space.thread('other', space.mm);
    space.write(0, 7, other);
    const frame = e.pte_pfn(space.entry(0));
    drain(space.k.TestClearPageDirty(frame));
    const cached: number[] = [];
    space.m.watch = (happening) => {
      if (happening.kind === 'unlock' && happening.lock.name === 'ptl') {
        cached.push(space.m.tlbs[other.task.id]!.small.size);
      }
    };
    space.munmap(0, 1);
    expect(cached).toEqual([0]);
    expect(drain(space.k.PageDirty(frame))).toBe(true);
  });

  test.each([
    { shows: 'off a page', start: 1, len: PAGE, result: -f.EINVAL },
    { shows: 'nothing', start: BASE, len: 0, result: -f.EINVAL },
    { shows: 'beyond the end', start: BASE, len: 2 ** 47, result: -f.EINVAL },
    { shows: 'a hole, which is no error', start: BASE, len: PAGE, result: 0 },
  ])('of $shows', ({ start, len, result }) => {
    const space = new AddressSpace();
    expect(drain(space.k.vm_munmap(space.mm, vaddr(start), len))).toBe(result);
  });
});

describe('mprotect()', () => {
  test.each([
    { shows: 'private memory stays read-only until it faults', of: {}, rw: false },
    {
      shows: 'shared memory that accounts nothing is writable at once',
      of: { shared: true },
      rw: true,
    },
  ])('R to RW: $shows', ({ of, rw }) => {
    const space = new AddressSpace();
    space.map(0, 2, of);
    space.write(0, 1);
    space.mprotect(0, 2, R);
    expect(e.pte_write(space.entry(0))).toBe(false);
    space.mprotect(0, 2, RW);
    expect(e.pte_write(space.entry(0))).toBe(rw);
    expect(space.write(0, 2)).toBe('ok');
  });

  test('R to RW of a shared file with page_mkwrite grants RW to dirty entries only', () => {
    const space = new AddressSpace();
    space.map(0, 2, { shared: true, file: space.file({ page_mkwrite: true }) });
    space.write(0, 1);
    space.read(1);
    space.mprotect(0, 2, R);
    space.mprotect(0, 2, RW);
    expect([e.pte_write(space.entry(0)), e.pte_write(space.entry(1))]).toEqual([true, false]);
  });

  test('R to RW of a shared file without it grants RW to none', () => {
    const space = new AddressSpace();
    space.map(0, 1, { shared: true, file: space.file() });
    space.write(0, 1);
    space.mprotect(0, 1, R);
    space.mprotect(0, 1, RW);
    expect(e.pte_dirty(space.entry(0))).toBe(true);
    expect(e.pte_write(space.entry(0))).toBe(false);
  });

  test('pages are found from a VMA that grew over theirs', () => {
    const space = new AddressSpace();
    space.map(0, 3);
    space.mprotect(1, 1, R);
    space.write(2, 1);
    expect(space.vmaAt(0).anon_vma).toBe(0);
    space.mprotect(1, 1, RW);
    expect(space.ranges()).toEqual([[0, 3]]);
    expect(space.k.rmap_walk(e.pte_pfn(space.entry(2)))).toHaveLength(1);
  });

  test('what was written does not merge into a neighbour that never was', () => {
    const space = new AddressSpace();
    space.map(0, 2);
    space.mprotect(0, 1, R);
    space.write(1, 1);
    space.mprotect(1, 1, R);
    expect(space.ranges()).toEqual([
      [0, 1],
      [1, 2],
    ]);
  });

  test('the same flags touch no entry', () => {
    const space = new AddressSpace();
    space.map(0, 1);
    space.write(0, 1);
    const { entriesChanged } = space.m.cost;
    expect(space.mprotect(0, 1, RW)).toBe(0);
    expect(space.m.cost.entriesChanged).toBe(entriesChanged);
  });

  test.each([
    { shows: 'a hole inside', at: 0, pages: 4, result: -f.ENOMEM, changed: true },
    { shows: 'a hole first', at: 2, pages: 2, result: -f.ENOMEM, changed: false },
    { shows: 'no length', at: 0, pages: 0, result: 0, changed: false },
  ])('of $shows', ({ at, pages, result, changed }) => {
    const space = new AddressSpace();
    space.map(0, 2);
    space.map(3, 1);
    expect(space.mprotect(at, pages, R)).toBe(result);
    expect((space.vmaAt(0).vm_flags & f.VM_WRITE) === 0).toBe(changed);
  });

  test('what may not be written refuses', () => {
    const space = new AddressSpace();
    const vma = space.map(0, 1, { prot: R, shared: true });
    vma.vm_flags = f.withoutFlags(vma.vm_flags, f.VM_MAYWRITE);
    expect(space.mprotect(0, 1, RW)).toBe(-f.EACCES);
  });

  test('a part of a huge page splits its entry', () => {
    const space = new AddressSpace({ thp: 'always' });
    space.map(0, 8);
    space.write(3, 9);
    expect(e.pmd_trans_huge(space.entry(0))).toBe(true);
    space.mprotect(0, 4, R);
    expect(e.pmd_trans_huge(space.entry(0))).toBe(false);
    expect(space.ranges()).toEqual([
      [0, 4],
      [4, 8],
    ]);
    expect(space.read(3)).toBe(9);
    expect(space.bugs()).toEqual([]);
  });
});

describe('mremap()', () => {
  const moved = (
    space: AddressSpace,
    from: number,
    pages: number,
    to: number | null,
    grown = pages,
  ): number => {
    const target = to === null ? null : space.at(to);
    return drain(space.k.do_mremap(space.mm, space.at(from), pages * PAGE, grown * PAGE, target));
  };

  test.each([
    { shows: 'within a table', to: 20 },
    { shows: 'across tables that lie differently', to: 29 },
    { shows: 'to whole tables', to: 32 },
  ])('takes contents along: $shows', ({ to }) => {
    const space = new AddressSpace();
    space.map(0, 10);
    for (let i = 0; i < 10; i++) space.write(i, i + 1);
    drain(space.k.clear_refs_write(space.mm, 4));
    // Into the TLB, which must not answer for the old place.
    for (let i = 0; i < 10; i++) space.read(i);
    expect(moved(space, 0, 10, to)).toBe(space.at(to));
    expect(space.ranges()).toEqual([[to, to + 10]]);
    for (let i = 0; i < 10; i++) expect(space.read(i)).toBe('SIGSEGV');
    expect(e.pte_soft_dirty(space.entry(to))).toBe(true);
    for (let i = 0; i < 10; i++) expect(space.read(to + i)).toBe(i + 1);
    space.munmap(0, 64);
    expect(space.leaked()).toEqual([]);
    expect(space.bugs()).toEqual([]);
  });

  test('moves a huge page as one where both ends are aligned', () => {
    const space = new AddressSpace({ thp: 'always' });
    space.map(0, 8);
    space.write(5, 1);
    moved(space, 0, 8, 16);
    expect(e.pmd_trans_huge(space.entry(16))).toBe(true);
    moved(space, 16, 8, 33);
    expect(e.pmd_trans_huge(space.entry(33))).toBe(false);
    expect(space.read(33 + 5)).toBe(1);
    expect(space.bugs()).toEqual([]);
  });

  test('grows in place where there is room, and moves where there is none', () => {
    const space = new AddressSpace();
    space.map(0, 2);
    space.write(0, 4);
    expect(moved(space, 0, 2, null, 3)).toBe(BASE);
    expect(space.ranges()).toEqual([[0, 3]]);
    space.map(3, 1, { prot: R });
    const target = moved(space, 0, 3, null, 5);
    expect(target).not.toBe(BASE);
    expect(drain(space.k.user_load(vaddr(target)))).toBe(4);
  });

  test('part of a VMA leaves the rest accounted', () => {
    const space = new AddressSpace();
    space.map(0, 6);
    moved(space, 2, 2, 20);
    expect(space.ranges()).toEqual([
      [0, 2],
      [4, 6],
      [20, 22],
    ]);
    for (const vma of space.mm.mmap) expect(vma.vm_flags & f.VM_ACCOUNT).not.toBe(0);
  });

  test.each([
    { shows: 'nothing there', from: 10, pages: 1, to: 20, result: -f.EFAULT },
    { shows: 'more than one VMA', from: 0, pages: 5, to: 20, result: -f.EFAULT },
    { shows: 'onto itself', from: 0, pages: 2, to: 1, result: -f.EINVAL },
  ])('refuses: $shows', ({ from, pages, to, result }) => {
    const space = new AddressSpace();
    space.map(0, 2);
    space.map(2, 3, { prot: R });
    expect(moved(space, from, pages, to)).toBe(result);
  });
});

describe('madvise()', () => {
  test.each([
    { advice: 'dontneed', of: {}, reads: 0 },
    { advice: 'dontneed', of: { shared: true }, reads: 7 },
    { advice: 'remove', of: { shared: true }, reads: 0 },
    { advice: 'free', of: {}, reads: 7 },
    { advice: 'cold', of: {}, reads: 7 },
    { advice: 'pageout', of: {}, reads: 7 },
  ])('after $advice of $of the page reads $reads', ({ advice, of, reads }) => {
    const space = new AddressSpace();
    space.map(0, 2, of);
    space.write(0, 7);
    expect(space.madvise(0, 2, advice)).toBe(0);
    expect(space.read(0)).toBe(reads);
    expect(space.bugs()).toEqual([]);
  });

  test('free keeps RW and soft-dirty, and takes A, D and PG_swapbacked', () => {
    const space = new AddressSpace();
    space.map(0, 1);
    space.write(0, 7);
    space.madvise(0, 1, 'free');
    const entry = space.entry(0);
    expect([e.pte_write(entry), e.pte_soft_dirty(entry)]).toEqual([true, true]);
    expect([e.pte_dirty(entry), e.pte_young(entry)]).toEqual([false, false]);
    expect(space.m.pages.flags[e.pte_pfn(entry)]! & PG_swapbacked).toBe(0);
  });

  test('free takes PG_dirty from a page of ours alone, and leaves a shared one', () => {
    const space = new AddressSpace();
    space.map(0, 2);
    const frames = [0, 1].map((page) => {
      space.write(page, 7);
      return e.pte_pfn(space.entry(page));
    });
    for (const frame of frames) drain(space.k.SetPageDirty(frame));
    space.m.pages.mapcount[frames[1]!]!++;
    space.madvise(0, 2, 'free');
    expect(frames.map((frame) => drain(space.k.PageDirty(frame)))).toEqual([false, true]);
    expect(e.pte_dirty(space.entry(1))).toBe(true);
  });

  test('pageout leaves a swap entry', () => {
    const space = new AddressSpace();
    space.map(0, 1);
    space.write(0, 7);
    space.madvise(0, 1, 'pageout');
    expect(e.is_swap_pte(space.entry(0))).toBe(true);
  });

  test.each([
    { advice: 'hugepage', has: f.VM_HUGEPAGE },
    { advice: 'nohugepage', has: f.VM_NOHUGEPAGE },
    { advice: 'mergeable', has: f.VM_MERGEABLE },
    { advice: 'dontfork', has: f.VM_DONTCOPY },
    { advice: 'wipeonfork', has: f.VM_WIPEONFORK },
  ])('$advice splits, and its opposite merges', ({ advice, has }) => {
    const opposite = {
      hugepage: 'nohugepage',
      nohugepage: 'hugepage',
      mergeable: 'unmergeable',
      dontfork: 'dofork',
      wipeonfork: 'keeponfork',
    }[advice]!;
    const space = new AddressSpace();
    space.map(0, 6);
    expect(space.madvise(2, 2, advice)).toBe(0);
    expect(space.ranges()).toEqual([
      [0, 2],
      [2, 4],
      [4, 6],
    ]);
    expect(space.vmaAt(2).vm_flags & has).not.toBe(0);
    expect(space.madvise(0, 6, opposite)).toBe(0);
    expect(space.ranges()).toEqual([[0, 6]]);
  });

  test.each([
    { shows: 'what nobody knows', at: 0, advice: 'hurry', result: -f.EINVAL },
    { shows: 'a hole', at: 10, advice: 'dontneed', result: -f.ENOMEM },
    { shows: 'free of a file', at: 4, advice: 'free', result: -f.EINVAL },
    { shows: 'remove of private memory', at: 0, advice: 'remove', result: -f.EINVAL },
    { shows: 'wipeonfork of a file', at: 4, advice: 'wipeonfork', result: -f.EINVAL },
  ])('refuses $shows', ({ at, advice, result }) => {
    const space = new AddressSpace();
    space.map(0, 1);
    space.map(4, 1, { shared: true });
    expect(space.madvise(at, 1, advice)).toBe(result);
  });
});

describe('soft-dirty', () => {
  test.each([
    { shows: 'a fresh mapping', clear: false, write: false, softDirty: true },
    { shows: 'cleared', clear: true, write: false, softDirty: false },
    { shows: 'cleared and written', clear: true, write: true, softDirty: true },
  ])('$shows: pagemap says $softDirty', ({ clear, write, softDirty }) => {
    const space = new AddressSpace();
    space.map(0, 1);
    space.write(0, 1);
    if (clear) drain(space.k.clear_refs_write(space.mm, 4));
    if (write) space.write(0, 2);
    expect(drain(space.k.pagemap_read(space.mm, space.at(0)))).toMatchObject({ present: true, softDirty });
    expect(space.seen).toContainEqual(expect.objectContaining({ kind: 'pagemap', softDirty }));
  });

  test('clearing keeps A and D, of huge pages too, and makes the next store fault', () => {
    for (const thp of ['never', 'always'] as const) {
      const space = new AddressSpace({ thp });
      space.map(0, 8);
      space.write(0, 1);
      drain(space.k.clear_refs_write(space.mm, 4));
      const entry = space.entry(0);
      expect([e.pte_dirty(entry), e.pte_young(entry), e.pte_write(entry)]).toEqual([true, true, false]);
      const { faults } = space.m.cost;
      space.write(0, 2);
      expect(space.m.cost.faults).toBe(faults + 1);
    }
  });

  test('clearing makes entries of shared memory be born read-only', () => {
    const space = new AddressSpace();
    space.map(0, 1, { shared: true });
    drain(space.k.clear_refs_write(space.mm, 4));
    space.read(0);
    expect(e.pte_write(space.entry(0))).toBe(false);
  });

  test('a swapped page keeps its mark until it is cleared', () => {
    const space = new AddressSpace();
    space.map(0, 1);
    drain(space.k.clear_refs_write(space.mm, 4));
    space.write(0, 1);
    space.madvise(0, 1, 'pageout');
    const look = () => drain(space.k.pagemap_read(space.mm, space.at(0)));
    expect(look()).toMatchObject({ swapped: true, present: false, softDirty: true });
    drain(space.k.clear_refs_write(space.mm, 4));
    expect(look()).toMatchObject({ swapped: true, softDirty: false });
  });
});

test('a 64 GiB guest of which a little is touched costs little', () => {
  const space = new AddressSpace({ entries: 512 });
  const pages = 2 ** 24;
  drain(
    space.k.vm_mmap_pgoff(space.mm, { addr: BASE, len: pages * PAGE, prot: RW, shared: false, flags: 0x10 }),
  );
  for (let i = 0; i < pages; i += 2 ** 14) space.write(i, 1);
  const start = process.hrtime.bigint();
  space.mprotect(0, pages, R);
  drain(space.k.clear_refs_write(space.mm, 4));
  space.munmap(0, pages);
  expect(Number(process.hrtime.bigint() - start) / 1e6).toBeLessThan(5000);
  expect(space.leaked()).toEqual([]);
});

test('NUMA hinting marks entries, but not of files that are only read, nor of what nobody may touch', () => {
  const space = new AddressSpace({ nodes: 2 });
  space.map(0, 1);
  space.map(2, 1, { prot: R, file: space.file() });
  space.write(0, 1);
  space.read(2);
  // A page of another node than this CPU's; on its own node it would be left alone.
  space.m.pages.nid[e.pte_pfn(space.entry(0))] = 1;
  drain(space.k.task_numa_work(space.mm));
  expect(e.pte_protnone(space.entry(0))).toBe(true);
  expect(e.pte_protnone(space.entry(2))).toBe(false);
});

describe('splitting and merging', () => {
  const SIZE = 24;
  const step = fc.record({
    kind: fc.constantFrom('mmap', 'munmap', 'mprotect', 'dontfork', 'dofork'),
    at: fc.nat(SIZE - 1),
    pages: fc.integer({ min: 1, max: SIZE }),
    prot: fc.constantFrom(0, R, RW),
  });
  type Page = { prot: number; dontfork: boolean; accounted: boolean } | null;

  /** What mprotect() and madvise() reach: up to the first hole. */
  const reached = (model: Page[], at: number, end: number): number => {
    const hole = model.slice(at, end).indexOf(null);
    return hole < 0 ? end : at + hole;
  };

  function apply(
    space: AddressSpace,
    model: Page[],
    one: { kind: string; at: number; pages: number; prot: number },
  ): void {
    const end = Math.min(one.at + one.pages, SIZE);
    const nr = end - one.at;
    if (one.kind === 'munmap') {
      space.munmap(one.at, nr);
      model.fill(null, one.at, end);
    } else if (one.kind === 'mmap') {
      space.map(one.at, nr, { prot: one.prot });
      for (let i = one.at; i < end; i++)
        model[i] = { prot: one.prot, dontfork: false, accounted: one.prot === RW };
    } else if (one.kind === 'mprotect') {
      space.mprotect(one.at, nr, one.prot);
      for (let i = one.at; i < reached(model, one.at, end); i++) {
        const was = model[i]!;
        model[i] = { ...was, prot: one.prot, accounted: was.accounted || one.prot === RW };
      }
    } else {
      space.madvise(one.at, nr, one.kind);
      for (let i = one.at; i < end; i++) {
        if (model[i]) model[i] = { ...model[i]!, dontfork: one.kind === 'dontfork' };
      }
    }
  }

  const flagsOf = (page: Page): number =>
    page === null
      ? -1
      : f.withFlags(
          page.prot | MAY,
          (page.dontfork ? f.VM_DONTCOPY : 0) | (page.accounted ? f.VM_ACCOUNT : 0),
        );

  test('the VMAs are the pages of the model, sorted, disjoint, and one where they can be one', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const space = new AddressSpace();
        const model: Page[] = new Array(SIZE).fill(null);
        for (const one of steps) apply(space, model, one);
        const seen = new Array(SIZE).fill(-1);
        let last = -1;
        for (const [i, [from, to]] of space.ranges().entries()) {
          const { vm_flags, vm_pgoff, vm_start } = space.mm.mmap[i]!;
          expect(from).toBeGreaterThanOrEqual(last);
          expect(to).toBeGreaterThan(from);
          expect(vm_pgoff).toBe(vm_start / PAGE);
          seen.fill(f.withoutFlags(vm_flags, f.VM_SOFTDIRTY), from, to);
          const before = space.mm.mmap[i - 1];
          if (before && before.vm_end === vm_start) {
            expect(f.withoutFlags(before.vm_flags ^ vm_flags, f.VM_SOFTDIRTY)).not.toBe(0);
          }
          last = to;
        }
        expect(seen).toEqual(model.map(flagsOf));
      }),
      { numRuns: 300 },
    );
  });

  test('contents stay through it all, and nothing is lost', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 10 }), fc.constantFrom('never', 'always'), (steps, thp) => {
        const space = new AddressSpace({ thp: thp as 'never' | 'always' });
        const model: Page[] = new Array(SIZE).fill(null);
        const stored: number[] = new Array(SIZE).fill(0);
        for (const [n, one] of steps.entries()) {
          apply(space, model, one);
          const end = Math.min(one.at + one.pages, SIZE);
          if (one.kind === 'mmap' || one.kind === 'munmap') stored.fill(0, one.at, end);
          const page = (one.at + n) % SIZE;
          const expected = model[page]?.prot === RW ? 'ok' : 'SIGSEGV';
          expect(space.write(page, n + 1)).toBe(expected);
          if (expected === 'ok') stored[page] = n + 1;
        }
        for (let i = 0; i < SIZE; i++) {
          const readable = model[i] !== null && model[i]!.prot !== 0;
          expect(space.read(i)).toBe(readable ? stored[i] : 'SIGSEGV');
        }
        drain(space.k.exit_mmap(space.mm));
        expect(space.leaked()).toEqual([]);
        expect(space.bugs()).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
