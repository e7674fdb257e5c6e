import fc from 'fast-check';
import * as e from '../../src/core/entry';
import * as f from '../../src/core/flags';
import type { Kernel } from '../../src/core/kernel';
import type { Mm } from '../../src/core/mm';
import type { Run, Step } from '../../src/core/run';
import { content } from '../../src/core/units';
import { AddressSpace, drain } from '../support/address_space';

const fork = (space: AddressSpace, k: Kernel = space.k): Mm => drain(k.copy_process('child'));
const forked = (space: AddressSpace): { mm: Mm; k: Kernel } => {
  const mm = fork(space);
  return { mm, k: space.thread('child', mm) };
};

describe('a page of both', () => {
  test('is mapped twice, read-only and dirty on both sides', () => {
    const space = new AddressSpace();
    space.map(0, 1);
    space.write(0, 7);
    const child = forked(space);
    const entries = [space.entry(0), space.entry(0, child.k)];
    expect(entries.map(e.pte_pfn)).toEqual([e.pte_pfn(entries[0]!), e.pte_pfn(entries[0]!)]);
    expect(entries.map(e.pte_write)).toEqual([false, false]);
    expect(entries.map(e.pte_dirty)).toEqual([true, true]);
    expect(entries.map(e.pte_soft_dirty)).toEqual([true, true]);
    expect(entries.map(e.pte_young)).toEqual([true, false]);
    expect(space.m.pages.mapcount[e.pte_pfn(entries[0]!)]).toBe(1);
  });

  test.each([
    { shows: 'the child writes', first: 'child' },
    { shows: 'the parent writes', first: 'parent' },
  ])('$shows: the other keeps what was there', ({ first }) => {
    for (const thp of ['never', 'always'] as const) {
      const space = new AddressSpace({ thp });
      space.map(0, 8);
      space.write(3, 7);
      const child = forked(space);
      const [writer, reader] = first === 'child' ? [child.k, space.k] : [space.k, child.k];
      expect(space.write(3, 8, writer)).toBe('ok');
      expect([space.read(3, writer), space.read(3, reader)]).toEqual([8, 7]);
      expect(space.bugs()).toEqual([]);
    }
  });

  test('belongs to the same anon_vma for reverse mapping', () => {
    const space = new AddressSpace();
    space.map(0, 1);
    space.write(0, 7);
    const child = forked(space);
    expect(child.mm.mmap[0]!.anon_vma).toBe(space.vmaAt(0).anon_vma);
    expect(space.k.rmap_walk(e.pte_pfn(space.entry(0)))).toHaveLength(2);
  });

  test('is shared for good in a shared mapping', () => {
    const space = new AddressSpace();
    space.map(0, 1, { shared: true });
    space.write(0, 7);
    const child = forked(space);
    expect(e.pte_write(space.entry(0))).toBe(true);
    space.write(0, 8, child.k);
    expect(space.read(0)).toBe(8);
  });
});

describe('a copied entry', () => {
  test('of swap counts in swap_map, and both read the contents', () => {
    const space = new AddressSpace();
    space.map(0, 1);
    space.write(0, 7);
    space.madvise(0, 1, 'pageout');
    const slot = e.swp_offset(space.entry(0));
    const before = space.m.swap.map[slot]!;
    const child = forked(space);
    expect(space.entry(0, child.k)).toBe(space.entry(0));
    expect(space.m.swap.map[slot]).toBe(before + 1);
    expect([space.read(0, child.k), space.read(0)]).toEqual([7, 7]);
  });

  test('of a page in migration becomes read on both sides and keeps its marker', () => {
    const space = new AddressSpace();
    space.map(0, 2);
    space.write(0, 7);
    space.write(1, 7);
    const { table } = space.k.slot(space.m.tableAt(space.mm, space.at(0), 0)!, 0);
    const page = e.pte_pfn(space.entry(0));
    const migration = e.pte_swp_mksoft_dirty(e.swp_entry(e.SwapType.migrationWrite, page));
    table.entries[0] = migration;
    const child = forked(space);
    const read = e.make_migration_entry_read(migration);
    expect([space.entry(0), space.entry(0, child.k)]).toEqual([read, read]);
    expect(e.pte_swp_soft_dirty(read)).toBe(true);
  });

  test('of the zero page counts nothing', () => {
    const space = new AddressSpace();
    space.map(0, 2);
    space.read(0);
    space.write(1, 1);
    const { refcount } = space.m.pages;
    const before = refcount[space.m.zeroPage];
    const child = forked(space);
    expect(space.entry(0, child.k)).toBe(e.pte_mkold(space.entry(0)));
    expect(refcount[space.m.zeroPage]).toBe(before);
  });
});

describe('a VMA', () => {
  test.each([
    { advice: 'dontfork', there: false, reads: 'SIGSEGV' },
    { advice: 'wipeonfork', there: true, reads: 0 },
    { advice: 'keeponfork', there: true, reads: 7 },
  ])('with $advice: the child reads $reads', ({ advice, there, reads }) => {
    const space = new AddressSpace();
    space.map(0, 1);
    space.write(0, 7);
    space.madvise(0, 1, advice);
    const child = forked(space);
    expect(child.mm.mmap).toHaveLength(there ? 1 : 0);
    expect(space.read(0, child.k)).toBe(reads);
    expect(space.read(0)).toBe(7);
  });

  test('that nobody touched, and a shared one of a file, leave the child without tables', () => {
    const space = new AddressSpace();
    space.map(0, 1);
    space.map(8, 1, { shared: true });
    space.write(8, 1);
    const child = forked(space);
    expect(space.m.tableAt(child.mm, space.at(0), 1)).toBeUndefined();
    expect(space.read(8, child.k)).toBe(1);
  });

  test('is not locked in the child', () => {
    const space = new AddressSpace();
    const vma = space.map(0, 1);
    vma.vm_flags = f.withFlags(vma.vm_flags, f.VM_LOCKED);
    expect(fork(space).mmap[0]!.vm_flags & f.VM_LOCKED).toBe(0);
  });
});

/** Runs until the next step has this label, and leaves it announced. */
function until(steps: Iterator<Step>, label: string): void {
  for (;;) {
    const { done, value } = steps.next();
    if (done) throw new Error(`no step ${label}`);
    if (value.label.startsWith(label)) return;
  }
}
const finish = (steps: Iterator<Step>): void => {
  while (!steps.next().done);
};
const iterate = <T>(run: Run<T>): Iterator<Step, T> => run[Symbol.iterator]();

describe('while others run', () => {
  test('a thread of the parent writes through its TLB until fork flushes it', () => {
    const space = new AddressSpace();
    space.map(0, 1);
    space.write(0, 7);
    const other = space.thread('other', space.mm);
    space.write(0, 8, other);
    space.m.solo = false;
    const steps = iterate(space.k.copy_process('child'));
    until(steps, 'flush all');
    const mm = space.m.mms.at(-1)!;
    finish(iterate(other.user_store(space.at(0), content(9))));
    expect(space.seen).toContainEqual(expect.objectContaining({ kind: 'store', content: 9, stale: true }));
    finish(steps);
    space.m.solo = true;
    const child = space.thread('child', mm);
    expect(space.read(0, child)).toBe(9);
    space.write(0, 10, other);
    expect([space.read(0), space.read(0, child)]).toEqual([10, 9]);
  });

  test('who zaps what another one is zapping flushes too', () => {
    const space = new AddressSpace();
    space.map(0, 1);
    space.write(0, 7);
    const other = space.thread('other', space.mm);
    const third = space.thread('third', space.mm);
    space.write(0, 8, third);
    space.m.solo = false;
    const first = iterate(space.k.do_madvise(space.at(0), 4096, 'dontneed'));
    // Its entry is gone, its flush is not done.
    until(first, 'tlb_flush_nested?');
    finish(iterate(other.do_madvise(space.at(0), 4096, 'dontneed')));
    expect(space.m.tlbs[third.task.id]!.isEmpty).toBe(true);
    finish(first);
    expect(space.bugs()).toEqual([]);
  });

  test('a page is zapped with its TLB entry flushed before its reference goes', () => {
    const space = new AddressSpace();
    space.map(0, 1);
    space.write(0, 7);
    drain(space.k.lru_add_drain());
    const frame = e.pte_pfn(space.entry(0));
    space.m.solo = false;
    const steps = iterate(space.k.do_madvise(space.at(0), 4096, 'dontneed'));
    until(steps, 'flush range');
    expect(space.m.pages.refcount[frame]).toBe(1);
    finish(steps);
    expect(space.m.pages.refcount[frame]).toBe(0);
  });
});

describe('families', () => {
  const act = fc.record({
    who: fc.nat(3),
    kind: fc.constantFrom('write', 'write', 'fork', 'munmap', 'dontneed', 'pageout', 'mprotect', 'exit'),
    page: fc.nat(11),
    value: fc.integer({ min: 1, max: 1000 }),
  });
  interface Member {
    k: Kernel;
    /** Null: not mapped. */
    memory: (number | null)[];
    gone: boolean;
  }

  function apply(
    space: AddressSpace,
    members: Member[],
    { who, kind, page, value }: { who: number; kind: string; page: number; value: number },
  ): void {
    const member = members[who % members.length]!;
    if (member.gone) return;
    const { k, memory } = member;
    const at = space.at(page);
    if (kind === 'write') {
      const mapped = memory[page] !== null;
      expect(space.write(page, value, k)).toBe(mapped ? 'ok' : 'SIGSEGV');
      if (mapped) memory[page] = value;
    } else if (kind === 'fork' && members.length < 4) {
      const mm = fork(space, k);
      members.push({ k: space.thread(`p${members.length}`, mm), memory: [...memory], gone: false });
    } else if (kind === 'munmap') {
      drain(k.vm_munmap(k.task.mm, at, 4096));
      memory[page] = null;
    } else if (kind === 'dontneed') {
      drain(k.do_madvise(at, 4096, 'dontneed'));
      if (memory[page] !== null) memory[page] = 0;
    } else if (kind === 'pageout') {
      drain(k.do_madvise(at, 4096, 'pageout'));
    } else if (kind === 'mprotect') {
      drain(k.do_mprotect_pkey(at, 4096, 1));
      drain(k.do_mprotect_pkey(at, 4096, 3));
    } else if (kind === 'exit' && members.filter((one) => !one.gone).length > 1) {
      drain(k.exit_mmap(k.task.mm));
      member.gone = true;
    }
  }

  test.each(['never', 'always'] as const)(
    'everybody sees their own stores, and in the end nothing is left (thp %s)',
    (thp) => {
      fc.assert(
        fc.property(fc.array(act, { maxLength: 24 }), (acts) => {
          const space = new AddressSpace({ thp });
          space.map(0, 12);
          const members: Member[] = [{ k: space.k, memory: new Array(12).fill(0), gone: false }];
          for (const one of acts) apply(space, members, one);
          for (const { k, memory, gone } of members) {
            if (gone) continue;
            for (const [page, value] of memory.entries())
              expect(space.read(page, k)).toBe(value ?? 'SIGSEGV');
            drain(k.exit_mmap(k.task.mm));
          }
          drain(space.k.lru_add_drain_all());
          expect(space.bugs()).toEqual([]);
          expect(space.leaked()).toEqual([]);
        }),
        { numRuns: 300 },
      );
    },
  );
});
