import { entry as e, flags as f, type Kernel, mainline } from '../../src/core/index';
import { invariants } from '../../src/judge/index';
import { found, type Override, original } from './broken_kernel';

interface Row {
  /** What the broken kernel does. */
  kernel: string;
  finds: string;
  base: 'linux-4.19' | 'uffd-wp-2018' | 'uffd-wp-bit';
  fixture: string;
  broken: Override;
  entries?: number;
}

const onePage = 'memory:\n  guest: { size: 4KiB }';
const protectedPage = `${onePage}
start:
  - vcpu: write guest
  - monitor: uffd_register guest
  - monitor: uffd_protect guest`;
const served = 'tasks:\n  vcpu: ["write guest"]\n  monitor: [uffd_serve]';
const sharedFile =
  'files:\n  data: { kind: fs, pages: 1 }\nmemory:\n  map: { size: 4KiB, file: data, share: true }';

const onceOnly: Override = {
  retry_flags: (_k, flags: number) => (flags & ~f.FAULT_FLAG_ALLOW_RETRY) | f.FAULT_FLAG_TRIED,
};
/** Protected anew before the writer that was woken has tried again. */
const protectedAgain = (access: string): string => `${protectedPage}
tasks:
  vcpu: ["${access} guest[0]"]
  monitor: [uffd_wait, uffd_unprotect guest, uffd_protect guest, uffd_serve]`;

const noFlush: Override = { *tlb_flush_mmu_tlbonly() {} };
const changeNothing = function* () {
  return 0;
};

const rows: Row[] = [
  {
    kernel: 'lets a fault be tried again only once',
    finds: 'no-sigbus',
    base: 'uffd-wp-bit',
    fixture: protectedAgain('write'),
    broken: onceOnly,
  },
  {
    kernel: 'lets a fault of a system call be tried again only once',
    finds: 'no-efault',
    base: 'uffd-wp-bit',
    fixture: protectedAgain('sys_read'),
    broken: onceOnly,
  },
  {
    kernel: 'says that a write fault is handled and leaves the entry as it is',
    finds: 'bounded-refault',
    base: 'linux-4.19',
    fixture: `${onePage}
start:
  - vcpu: write guest
  - vcpu: mprotect guest r
  - vcpu: mprotect guest rw
tasks:
  vcpu: [write guest]`,
    broken: {
      *wp_page_reuse(k, vmf) {
        yield* k.pte_unmap_unlock(vmf.pte);
      },
    },
  },
  {
    kernel: 'un-protects and wakes nobody',
    finds: 'waiters-are-woken',
    base: 'uffd-wp-bit',
    fixture: `${protectedPage}\n${served}`,
    broken: { *wake_userfault() {} },
  },
  {
    kernel: 'takes VM_WRITE from the mapping and not RW from its entries',
    finds: 'vm-write',
    base: 'linux-4.19',
    fixture: `${onePage}
start:
  - vcpu: write guest
  - vcpu: mprotect guest r
tasks:
  vcpu: [write guest]`,
    broken: { change_protection: changeNothing },
  },
  {
    kernel: 'forks without write-protecting the parent',
    finds: 'cow-isolation',
    base: 'linux-4.19',
    fixture: `${onePage}
start:
  - parent: write guest
  - parent: fork child
tasks:
  parent: [write guest]
finally:
  - child: read guest`,
    broken: {
      *copy_one_pte(k, _dst_vma, vma, dst_pte, _src_pte, pte, addr) {
        const page = k.vm_normal_page(vma, addr, pte)!;
        yield* k.get_page(page);
        yield* k.page_dup_rmap(page, false);
        yield* k.set_pte_at(dst_pte, e.pte_wrprotect(pte));
      },
    },
  },
  {
    kernel: 'reuses whatever page is there',
    finds: 'shared-specials',
    base: 'linux-4.19',
    fixture: `${onePage}\nstart:\n  - vcpu: read guest\ntasks:\n  vcpu: [write guest]`,
    broken: {
      *do_wp_page(k, vmf) {
        yield* k.wp_page_reuse(vmf);
        return f.VM_FAULT_WRITE;
      },
    },
  },
  {
    kernel: 'frees pages before it has flushed the TLBs',
    finds: 'freed-page',
    base: 'linux-4.19',
    fixture: `${onePage}
start:
  - main: write guest
  - other: write guest
tasks:
  main: [madvise guest dontneed]
  other: [write guest]`,
    broken: noFlush,
  },
  {
    kernel: 'write-protects without a flush',
    finds: 'stale-store',
    base: 'linux-4.19',
    fixture: `${onePage}
start:
  - other: write guest
tasks:
  main: [mprotect guest r]
  other: [write guest]`,
    broken: {
      *change_protection_range(k, vma, start, end, newprot, cp_flags) {
        return yield* k.change_upper_range(vma, vma.vm_mm.pgd, start, end, newprot, cp_flags);
      },
    },
  },
  {
    kernel: 'forks without a flush',
    finds: 'copy-has-no-writer',
    base: 'linux-4.19',
    fixture: `${onePage}
start:
  - other: write guest
tasks:
  main: [fork child, write guest]
  other: [write guest]
  child: [read guest]`,
    broken: {
      *dup_mmap(k, oldmm, mm) {
        yield* k.down_write(oldmm.mmap_sem);
        yield* k.down_write(mm.mmap_sem);
        for (const vma of oldmm.mmap) yield* k.dup_vma(mm, vma, []);
        yield* k.up_write(mm.mmap_sem);
        yield* k.up_write(oldmm.mmap_sem);
        return 0;
      },
    },
  },
  {
    kernel: 'takes a page for clean that was never written to swap',
    finds: 'load-sees-last-store',
    base: 'linux-4.19',
    fixture: `${onePage}\nstart:\n  - vcpu: write guest\n  - vcpu: madvise guest pageout\ntasks:\n  vcpu: [read guest]`,
    broken: {
      clear_page_dirty_for_io: function* (k, page) {
        yield* k.TestClearPageDirty(page);
        return false;
      },
    },
  },
  {
    kernel: 'moves a page without its contents',
    finds: 'contents-survive',
    base: 'linux-4.19',
    fixture: `machine: { nodes: 2 }\n${onePage}\nstart:\n  - vcpu: write guest\ntasks:\n  vcpu: [migrate guest node 1]`,
    broken: { *migrate_page_copy() {} },
  },
  {
    kernel: 'makes entries dirty because their page is',
    finds: 'dirty-proves-ownership',
    base: 'linux-4.19',
    fixture: `files:
  data: { kind: fs, pages: 1 }
memory:
  map: { size: 4KiB, file: data }
start:
  - vcpu: file_write data[0]
  - vcpu: read map
tasks:
  vcpu: [mprotect map r]`,
    broken: {
      *change_pte_range(k, vma, pmd, start, end, newprot, cp_flags) {
        const pages = yield* mainline.change_pte_range(k, vma, pmd, start, end, newprot, cp_flags);
        const pte = k.m.pte_offset(pmd, start);
        yield* k.set_pte_at(pte, e.pte_mkdirty(yield* k.pte_get(pte)));
        return pages;
      },
    },
  },
  {
    kernel: 'protects nothing and says that it did',
    finds: 'armed-store',
    base: 'uffd-wp-bit',
    fixture: `${protectedPage}\n${served}`,
    broken: { mwriteprotect_range: changeNothing },
  },
  {
    kernel: 'makes every page writable that has moved',
    finds: 'armed-entry',
    base: 'uffd-wp-bit',
    fixture: `machine: { nodes: 2 }\n${protectedPage}\ntasks:\n  vcpu: [migrate guest node 1]`,
    broken: {
      migration_pte: (k, vma, _entry, page) => k.maybe_mkwrite(e.mk_pte(page, vma.vm_page_prot), vma),
    },
  },
  {
    kernel: 'serves a write fault without looking for the mark',
    finds: 'mark-excludes-write',
    base: 'uffd-wp-bit',
    fixture: `${protectedPage}\n${served}`,
    broken: { do_wp_page: mainline.do_wp_page },
  },
  {
    kernel: 'makes an entry writable and not soft-dirty',
    finds: 'soft-dirty-kept',
    base: 'linux-4.19',
    fixture: `${onePage}\nstart:\n  - vcpu: write guest\n  - vcpu: clear_refs 4\ntasks:\n  vcpu: [write guest]`,
    broken: {
      *wp_page_reuse(k, vmf) {
        yield* k.set_pte_at(vmf.pte, k.maybe_mkwrite(vmf.orig_pte, vmf.vma));
        yield* k.pte_unmap_unlock(vmf.pte);
      },
    },
  },
  {
    kernel: 'swaps out without the soft-dirty marker',
    finds: 'soft-dirty-read',
    base: 'linux-4.19',
    fixture: `${onePage}
start:
  - vcpu: write guest
  - vcpu: clear_refs 4
tasks:
  vcpu: [write guest, madvise guest pageout, pagemap guest]`,
    broken: { swpMarks: (_k, entry) => entry },
  },
  {
    kernel: 'writes a page back and leaves its entries writable',
    finds: 'file-notified',
    base: 'linux-4.19',
    fixture: `${sharedFile}\nstart:\n  - vcpu: write map\ntasks:\n  vcpu: [fsync data, write map]`,
    broken: { page_mkclean_one: changeNothing },
  },
  {
    kernel: 'cleans entries for writeback without a flush',
    finds: 'file-dirty-seen',
    base: 'linux-4.19',
    fixture: `${sharedFile}\nstart:\n  - vcpu: write map\ntasks:\n  vcpu: [write map]\n  flusher: [fsync data]`,
    broken: {
      *page_mkclean_one(k, page, where) {
        const at = yield* k.page_vma_mapped_walk(where.vma.vm_mm, page, where.va, true);
        if (!at) return 0;
        yield* k.set_pte_at(at.slot, e.pte_mkclean(e.pte_wrprotect(yield* k.pte_get(at.slot))));
        yield* k.spin_unlock(at.lock);
        return 1;
      },
    },
  },
  {
    kernel: 'does not count a page as clean again',
    finds: 'dirty-count',
    base: 'linux-4.19',
    fixture: `${sharedFile}\nstart:\n  - vcpu: write map\ntasks:\n  vcpu: [fsync data]`,
    broken: { *account_page_cleaned() {} },
  },
  {
    kernel: 'makes a huge entry writable in change_huge_pmd()',
    finds: 'no-reachable-bug',
    base: 'uffd-wp-bit',
    fixture: `memory:
  guest: { size: 2MiB, thp: true }
start:
  - vcpu: write guest
  - monitor: uffd_register guest
tasks:
  monitor: [uffd_protect guest]`,
    broken: {
      change_huge_pmd: (k, vma, pmd, addr, newprot) =>
        mainline.change_huge_pmd(k, vma, pmd, addr, e.pte_mkwrite(newprot) as typeof newprot, 0),
    },
  },
  {
    kernel: 'unmaps and forgets the rmap',
    finds: 'no-bad-page',
    base: 'linux-4.19',
    fixture: `${onePage}\nstart:\n  - vcpu: write guest\ntasks:\n  vcpu: [munmap guest]`,
    broken: { *page_remove_rmap() {} },
  },
  {
    kernel: 'takes the struct page of an entry without vm_normal_page()',
    finds: 'no-wild-page',
    base: 'linux-4.19',
    fixture: `files:
  device: { kind: device, pages: 1 }
memory:
  bar: { size: 4KiB, file: device, share: true }
tasks:
  vcpu: [mprotect bar r]`,
    broken: {
      *change_pte_range(k, vma, pmd, start, end, newprot, cp_flags) {
        k.pte_page(yield* k.pte_get(k.m.pte_offset(pmd, start)));
        return yield* mainline.change_pte_range(k, vma, pmd, start, end, newprot, cp_flags);
      },
    },
  },
  {
    kernel: 'locks a page while it holds the ptl',
    finds: 'lock-discipline',
    base: 'linux-4.19',
    fixture: `${onePage}
start:
  - vcpu: write guest
  - vcpu: clear_refs 4
tasks:
  vcpu: [write guest]`,
    broken: {
      *lockPageUnderPtl(k, vmf) {
        yield* k.lock_page(vmf.page);
        return true;
      },
    },
  },
  {
    kernel: 'returns from mprotect() with mmap_sem held',
    finds: 'locks-released',
    base: 'linux-4.19',
    fixture: `${onePage}\ntasks:\n  vcpu: [mprotect guest r]`,
    broken: {
      *do_mprotect_pkey(k) {
        yield* k.down_write(k.task.mm.mmap_sem);
        return 0;
      },
    },
  },
  {
    kernel: 'waits for a userfault with mmap_sem held',
    finds: 'no-deadlock',
    base: 'uffd-wp-bit',
    fixture: `${protectedPage}\ntasks:\n  vcpu: ["write guest"]\n  monitor: [uffd_wait, uffd_unprotect guest]\n  other: [mprotect guest r]`,
    broken: {
      *handle_userfault(k, vmf, reason) {
        const ret = yield* mainline.handle_userfault(k, vmf, reason);
        if (ret & f.VM_FAULT_RETRY) yield* k.down_read(vmf.vma.vm_mm.mmap_sem);
        return ret;
      },
    },
  },
  {
    kernel: 'takes a reference too many for a copy',
    finds: 'refcount',
    base: 'linux-4.19',
    fixture: `${onePage}\nstart:\n  - vcpu: write guest\n  - vcpu: fork child\ntasks:\n  vcpu: [write guest]`,
    broken: {
      *wp_page_copy(k, vmf) {
        yield* k.get_page(vmf.page);
        return yield* mainline.wp_page_copy(k, vmf);
      },
    },
  },
  {
    kernel: 'forks without counting the mapping of the child',
    finds: 'mapcount',
    base: 'linux-4.19',
    fixture: `${onePage}\nstart:\n  - vcpu: write guest\ntasks:\n  vcpu: [fork child]`,
    broken: { *page_dup_rmap() {} },
  },
  {
    kernel: 'unmaps at exit and forgets to free',
    finds: 'no-leak',
    base: 'linux-4.19',
    fixture: `${onePage}\ntasks:\n  vcpu: [write guest]`,
    broken: { *tlb_flush_mmu_free() {} },
  },
  {
    kernel: 'sends an event for every write to a read-only entry',
    finds: 'event-needs-arming',
    base: 'uffd-wp-bit',
    fixture: `${onePage}\nstart:\n  - vcpu: read guest\n  - monitor: uffd_register guest\n${served}`,
    broken: {
      *do_wp_page(k, vmf) {
        if (!(vmf.flags & f.FAULT_FLAG_TRIED)) {
          yield* k.pte_unmap_unlock(vmf.pte);
          return yield* k.handle_userfault(vmf, f.VM_UFFD_WP);
        }
        return yield* mainline.do_wp_page(k, vmf);
      },
      *userfaultfd_must_wait() {
        return true;
      },
    },
  },
  {
    kernel: 'clears nothing when soft-dirty is to be forgotten',
    finds: 'soft-dirty-true',
    base: 'linux-4.19',
    fixture: `${onePage}\nstart:\n  - vcpu: write guest\ntasks:\n  vcpu: [clear_refs 4, pagemap guest]`,
    broken: { *clear_soft_dirty() {} },
  },
  {
    kernel: 'marks entries of mappings that nobody registered',
    finds: 'stray-mark',
    base: 'uffd-wp-bit',
    fixture: `${onePage}\nstart:\n  - vcpu: write guest\ntasks:\n  vcpu: [madvise guest pageout]`,
    broken: { swpMarks: (_k, entry) => e.pte_swp_mkuffd_wp(entry) },
  },
  {
    kernel: 'forgets that a hinted page was writable',
    finds: 'hint-keeps-write',
    base: 'linux-4.19',
    fixture: `machine: { nodes: 2 }
${onePage}
start:
  - vcpu: write guest
  - vcpu: migrate guest node 1
  - vcpu: write guest
  - vcpu: numa_scan
tasks:
  vcpu: [read guest]`,
    broken: {
      *do_numa_page(k: Kernel, vmf) {
        const slot = vmf.pte;
        yield* k.spin_lock(k.pte_lockptr(slot));
        yield* k.set_pte_at(slot, e.pte_modify(yield* k.ptep_modify_prot_start(slot), vmf.vma.vm_page_prot));
        yield* k.pte_unmap_unlock(slot);
        return 0;
      },
    },
  },
];

describe('a broken kernel is noticed', () => {
  test.each(rows)('$finds: $kernel', ({ base, fixture, broken, finds, entries }) => {
    for (const name of Object.keys(broken))
      expect([name, typeof original(base, name)]).toEqual([name, 'function']);
    expect(found(base, fixture, broken, entries)).toContain(finds);
  });

  test('every invariant has its broken kernel', () => {
    const without = invariants.map(({ id }) => id).filter((id) => !rows.some(({ finds }) => finds === id));
    expect(without).toEqual([]);
  });
});

describe('the same on the kernel as it is finds nothing', () => {
  test.each(rows)('$finds: $kernel', ({ base, fixture, entries }) => {
    expect(found(base, fixture, {}, entries)).toEqual([]);
  });
});
