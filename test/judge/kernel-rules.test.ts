import { entry as e, flags as f, mainline } from '../../src/core/index';
import { found, type Override, original } from './broken_kernel';

interface Row {
  /** What the kernel takes care of. */
  rule: string;
  notices: string;
  base: 'linux-4.19' | 'uffd-wp-2018' | 'uffd-wp-bit' | 'linux-5.9' | 'linux-6.1';
  fixture: string;
  without: Override;
}

const one = 'memory:\n  guest: { size: 4KiB }';
const huge = 'memory:\n  guest: { size: 2MiB, thp: true }';
const twoNodes = 'machine: { nodes: 2 }\n';
const plainFile = 'files:\n  data: { kind: fs, pages: 1 }\nmemory:\n';
const shared = `${plainFile}  map: { size: 4KiB, file: data, share: true }`;
const start = (...steps: string[]): string => `start:\n${steps.map((step) => `  - ${step}\n`).join('')}`;
const tasks = (...lines: string[]): string => `tasks:\n${lines.map((line) => `  ${line}\n`).join('')}`;
const registered = ['vcpu: write guest', 'monitor: uffd_register guest', 'monitor: uffd_protect guest'];
const writeServed = tasks('vcpu: ["write guest"]', 'monitor: [uffd_serve]');
const forkBeside = (index: string): string =>
  start('vcpu: write guest') +
  tasks(`helper: ["gup_write guest${index}"]`, 'vcpu: [fork child]', `child: ["read guest${index}"]`);
const sharesPinned: Override = {
  *page_needs_cow_for_dma() {
    return false;
  },
};
const justPuts: Override = { unpin_user_page: (k, page) => k.put_page(page) };
const reuse = function* () {
  return { reuse: true, total: 1 };
};

const rows: Row[] = [
  {
    rule: 'maybe_mkwrite() asks for VM_WRITE',
    notices: 'vm-write',
    base: 'linux-4.19',
    fixture: `${one}\n${start('vcpu: write guest', 'vcpu: mprotect guest r')}${tasks('debugger: ["poke guest[0]"]', 'vcpu: [write guest]')}`,
    without: { maybe_mkwrite: (_k, pte) => e.pte_mkwrite(pte) },
  },
  {
    rule: 'do_wp_page() reuses a page only if nobody else maps it',
    notices: 'cow-isolation',
    base: 'linux-4.19',
    fixture: `${one}\n${start('vcpu: write guest', 'vcpu: fork child')}${tasks('vcpu: [write guest]')}`,
    without: { reuse_swap_page: reuse },
  },
  {
    rule: 'do_huge_pmd_wp_page() reuses a page only if nobody else maps it',
    notices: 'cow-isolation',
    base: 'linux-4.19',
    fixture: `${huge}\n${start('vcpu: write guest', 'vcpu: fork child')}${tasks('vcpu: ["write guest[1]"]')}`,
    without: { reuse_swap_page: reuse },
  },
  {
    rule: 'do_swap_page() counts swap entries before it makes a page writable',
    notices: 'load-sees-last-store',
    base: 'linux-4.19',
    fixture: `${one}\n${start('vcpu: write guest', 'vcpu: madvise guest pageout', 'vcpu: fork child')}${tasks('vcpu: [write guest]')}finally:\n  - child: read guest`,
    without: {
      *page_swapcount() {
        return 0;
      },
    },
  },
  {
    rule: 'a write to a private file mapping copies the page',
    notices: 'no-reachable-bug',
    base: 'linux-4.19',
    fixture: `${plainFile}  map: { size: 4KiB, file: data }\n${tasks('vcpu: [write map]')}`,
    without: { do_cow_fault: (k, vmf) => k.do_shared_fault(vmf) },
  },
  {
    rule: 'do_numa_page() makes writable only what was',
    notices: 'hint-keeps-write',
    base: 'linux-4.19',
    fixture: `${twoNodes}${one}\n${start('vcpu: write guest', 'vcpu: migrate guest node 1', 'vcpu: clear_refs 4', 'vcpu: numa_scan')}${tasks('vcpu: [read guest]')}`,
    without: {
      *do_numa_page(k, vmf) {
        const slot = vmf.pte;
        yield* k.spin_lock(k.pte_lockptr(slot));
        const pte = e.pte_modify(yield* k.ptep_modify_prot_start(slot), vmf.vma.vm_page_prot);
        yield* k.set_pte_at(slot, k.maybe_mkwrite(pte, vmf.vma));
        yield* k.pte_unmap_unlock(slot);
        return 0;
      },
    },
  },
  {
    rule: 'remove_migration_pte() makes writable only what was',
    notices: 'cow-isolation',
    base: 'linux-4.19',
    fixture: `${one}\n${start('vcpu: write guest', 'vcpu: fork child')}${tasks('vcpu: [migrate guest, write guest]')}`,
    without: {
      migration_pte: (k, vma, _entry, page) => k.maybe_mkwrite(e.mk_pte(page, vma.vm_page_prot), vma),
    },
  },
  {
    rule: 'only shared mappings get RW back for a dirty entry',
    notices: 'cow-isolation',
    base: 'linux-4.19',
    fixture: `${one}\n${start('vcpu: write guest', 'vcpu: fork child', 'vcpu: mprotect guest r', 'vcpu: mprotect guest rw')}${tasks('vcpu: [write guest]')}`,
    without: { vma_wants_writenotify: () => true },
  },
  {
    rule: 'a shared mapping of a file that wants to know of writes starts read-only',
    notices: 'file-notified',
    base: 'linux-4.19',
    fixture: `${shared}\n${start('vcpu: read map', 'vcpu: mprotect map r', 'vcpu: mprotect map rw')}${tasks('vcpu: [write map]')}`,
    without: { vma_wants_writenotify: () => false },
  },
  {
    rule: 'wp_page_shared() tells the file system',
    notices: 'file-notified',
    base: 'linux-4.19',
    fixture: `${shared}\n${start('vcpu: write map', 'vcpu: fsync data')}${tasks('vcpu: [write map]')}`,
    without: {
      *wp_page_shared(k, vmf) {
        yield* k.wp_page_reuse(vmf);
        return f.VM_FAULT_WRITE;
      },
    },
  },
  {
    rule: 'a page that becomes dirty is counted',
    notices: 'dirty-count',
    base: 'linux-4.19',
    fixture: `${shared}\n${tasks('vcpu: [write map]')}`,
    without: { *account_page_dirtied() {} },
  },
  {
    rule: 'the split of a read-only huge entry gives read-only entries',
    notices: 'armed-entry',
    base: 'uffd-wp-bit',
    fixture: `${huge}\n${start(...registered)}${tasks('monitor: ["uffd_unprotect guest[1]"]')}`,
    without: {
      split_huge_pmd_pte: (k, vma, old, i) => e.pte_mkwrite(mainline.split_huge_pmd_pte(k, vma, old, i)),
    },
  },
  {
    rule: 'the split of a huge entry takes a reference for each page',
    notices: 'no-reachable-bug',
    base: 'linux-4.19',
    fixture: `${huge}\n${start('vcpu: write guest')}${tasks('vcpu: ["mprotect guest[1] r", munmap guest]')}`,
    without: {
      *__split_huge_pmd_locked(k, vma, pmd, haddr, freeze) {
        const page = e.pmd_pfn(yield* k.pmd_get(pmd));
        yield* mainline.__split_huge_pmd_locked(k, vma, pmd, haddr, freeze);
        yield* k.put_page(page, k.m.HPAGE_PMD_NR - 1);
      },
    },
  },
  {
    rule: 'the split of a huge entry counts a mapping of each page',
    notices: 'mapcount',
    base: 'linux-4.19',
    fixture: `${huge}\n${start('vcpu: write guest')}${tasks('vcpu: ["mprotect guest[1] r"]')}`,
    without: { *split_huge_pmd_mapcount() {} },
  },
  {
    rule: 'the split of a huge entry keeps soft-dirty',
    notices: 'soft-dirty-kept',
    base: 'linux-4.19',
    fixture: `${huge}\n${start('vcpu: write guest', 'vcpu: clear_refs 4')}${tasks('vcpu: ["write guest[1]", "mprotect guest[2] r"]')}`,
    without: {
      split_huge_pmd_pte: (k, vma, old, i) =>
        e.pte_clear_soft_dirty(mainline.split_huge_pmd_pte(k, vma, old, i)),
    },
  },
  {
    rule: 'the split of a huge entry keeps the mark',
    notices: 'armed-store',
    base: 'uffd-wp-bit',
    fixture: `${huge}\n${start(...registered, 'monitor: uffd_unprotect guest[1]')}${tasks('vcpu: ["write guest[2]"]', 'monitor: [uffd_serve]')}`,
    without: { split_huge_pmd_pte: mainline.split_huge_pmd_pte },
  },
  {
    rule: 'a copied page loses the rmap of its source only when the entry has changed',
    notices: 'load-sees-last-store',
    base: 'linux-4.19',
    fixture: `${one}\n${start('parent: write guest', 'parent: fork child', 'reader: read guest')}${tasks('parent: [write guest]', 'reader: [read guest]', 'child: [write guest]')}`,
    without: {
      *wp_page_copy(k, vmf) {
        yield* k.page_remove_rmap(vmf.page, false);
        const page = k.alloc_page(1, 0);
        k.anon_vma_prepare(vmf.vma);
        yield* k.cow_user_page(page, vmf.page, vmf);
        vmf.pte = yield* k.pte_offset_map_lock(vmf.pmd, vmf.address);
        yield* k.ptep_clear_flush(vmf.vma.vm_mm, vmf.pte);
        yield* k.page_add_new_anon_rmap(page, vmf.vma, vmf.address, false);
        yield* k.lru_cache_add(page);
        const entry = e.pte_mkdirty(e.mk_pte(page, vmf.vma.vm_page_prot));
        yield* k.set_pte_at(vmf.pte, k.maybe_mkwrite(entry, vmf.vma));
        yield* k.put_page(vmf.page, 2);
        yield* k.pte_unmap_unlock(vmf.pte);
        return f.VM_FAULT_WRITE;
      },
    },
  },
  {
    rule: 'wp_page_copy() asks again whether the entry is the same',
    notices: 'load-sees-last-store',
    base: 'linux-4.19',
    fixture: `${one}\n${start('vcpu: write guest', 'vcpu: fork child')}${tasks('vcpu: ["write guest", "read guest"]', 'other: [write guest]')}`,
    without: {
      *wp_page_copy(k, vmf) {
        const page = k.alloc_page(1, 0);
        yield* k.cow_user_page(page, vmf.page, vmf);
        vmf.pte = yield* k.pte_offset_map_lock(vmf.pmd, vmf.address);
        const old = e.pte_pfn(yield* k.ptep_clear_flush(vmf.vma.vm_mm, vmf.pte)) as typeof vmf.page;
        yield* k.page_add_new_anon_rmap(page, vmf.vma, vmf.address, false);
        yield* k.lru_cache_add(page);
        const entry = e.pte_mkdirty(e.mk_pte(page, vmf.vma.vm_page_prot));
        yield* k.set_pte_at(vmf.pte, k.maybe_mkwrite(entry, vmf.vma));
        yield* k.page_remove_rmap(old, false);
        yield* k.put_page(old);
        yield* k.put_page(vmf.page);
        yield* k.pte_unmap_unlock(vmf.pte);
        return f.VM_FAULT_WRITE;
      },
    },
  },
  {
    rule: 'change_protection() ends with a flush',
    notices: 'armed-store',
    base: 'uffd-wp-bit',
    fixture: `${one}\n${start(...registered.slice(0, 2))}${tasks('vcpu: [write guest]', 'monitor: [uffd_protect guest, uffd_serve]')}`,
    without: {
      *change_protection_range(k, vma, from, to, newprot, cp_flags) {
        return yield* k.change_upper_range(vma, vma.vm_mm.pgd, from, to, newprot, cp_flags);
      },
    },
  },
  {
    rule: 'clear_refs ends with a flush',
    notices: 'soft-dirty-kept',
    base: 'linux-4.19',
    fixture: `${one}\n${start('vcpu: write guest')}${tasks('vcpu: [write guest]', 'criu: [clear_refs 4]')}`,
    without: { *tlb_flush_mmu_tlbonly() {} },
  },
  {
    rule: 'MADV_FREE ends with a flush',
    notices: 'load-sees-last-store',
    base: 'linux-4.19',
    fixture: `${one}\n${start('vcpu: write guest', 'vcpu: madvise guest cold')}${tasks('vcpu: [write guest, madvise guest free, write guest, madvise guest pageout, read guest]')}`,
    without: { *tlb_flush_mmu_tlbonly() {} },
  },
  {
    rule: 'a page that was written after MADV_FREE is kept',
    notices: 'load-sees-last-store',
    base: 'linux-4.19',
    fixture: `${one}\n${start('vcpu: write guest', 'vcpu: madvise guest cold', 'vcpu: madvise guest free')}${tasks('vcpu: [write guest, madvise guest pageout, read guest]')}`,
    without: {
      *set_page_dirty() {
        return false;
      },
    },
  },
  {
    rule: 'reclaim flushes before it frees',
    notices: 'freed-page',
    base: 'linux-4.19',
    fixture: `${one}\n${start('main: write guest', 'other: write guest')}${tasks('main: [madvise guest pageout]', 'other: [write guest]')}`,
    without: { *try_to_unmap_flush() {}, *try_to_unmap_flush_dirty() {} },
  },
  {
    rule: 'fork() counts the swap slot for the child',
    notices: 'no-bad-page',
    base: 'linux-4.19',
    fixture: `${one}\n${start('vcpu: write guest', 'vcpu: madvise guest pageout')}${tasks('vcpu: [fork child]')}`,
    without: {
      *copy_nonpresent_pte(_k, _vma, _src_pte, pte) {
        return pte;
      },
    },
  },
  {
    rule: 'the huge entry of a child is read-only',
    notices: 'cow-isolation',
    base: 'linux-4.19',
    fixture: `${huge}\n${start('vcpu: write guest', 'vcpu: fork child')}${tasks('child: ["write guest[1]"]')}`,
    without: { copied_huge_pmd: (_k, _vma, pmd) => pmd },
  },
  {
    rule: 'KSM write-protects what it merges',
    notices: 'shared-specials',
    base: 'linux-4.19',
    fixture: `memory:\n  guest: { size: 8KiB, advice: [mergeable] }\n${start('vcpu: write guest = 1', 'vcpu: ksm_run')}${tasks('vcpu: [write guest]')}`,
    without: {
      *write_protect_page(k, vma, page) {
        const at = yield* k.page_vma_mapped_walk(vma.vm_mm, page, k.page_address_in_vma(page, vma)!, false);
        const entry = yield* k.pte_get(at!.slot);
        yield* k.spin_unlock(at!.lock);
        return entry;
      },
    },
  },
  {
    rule: 'do_wp_page() never reuses a KSM page',
    notices: 'shared-specials',
    base: 'linux-4.19',
    fixture: `memory:\n  guest: { size: 8KiB, advice: [mergeable] }\n${start('vcpu: write guest = 1', 'vcpu: ksm_run')}${tasks('vcpu: ["write guest[0]"]')}`,
    without: {
      *do_wp_page(k, vmf) {
        yield* k.wp_page_reuse(vmf);
        return f.VM_FAULT_WRITE;
      },
    },
  },
  {
    rule: 'mremap() makes what it moves soft-dirty',
    notices: 'soft-dirty-kept',
    base: 'linux-4.19',
    fixture: `${one}\n  later: { size: 4KiB, mapped: false }\n${start('vcpu: write guest', 'vcpu: clear_refs 4')}${tasks('vcpu: ["mremap guest to later"]')}`,
    without: { move_soft_dirty_pte: (_k, pte) => pte },
  },
  {
    rule: 'mremap() flushes the old addresses',
    notices: 'stale-store',
    base: 'linux-4.19',
    fixture: `${one}\n  later: { size: 4KiB, mapped: false }\n${start('other: write guest')}${tasks('vcpu: ["mremap guest to later"]', 'other: [write guest]')}`,
    without: {
      *move_ptes(k, _vma, old_pmd, old_start, _old_end, _new_vma, new_pmd, new_addr) {
        const [from, to] = [k.m.pte_offset(old_pmd, old_start), k.m.pte_offset(new_pmd, new_addr)];
        yield* k.spin_lock(k.pte_lockptr(from));
        yield* k.set_pte_at(to, k.move_soft_dirty_pte(yield* k.ptep_get_and_clear(from)));
        yield* k.spin_unlock(k.pte_lockptr(from));
      },
    },
  },
  {
    rule: 'UFFDIO_UNREGISTER wakes who waits for a missing page',
    notices: 'waiters-are-woken',
    base: 'linux-4.19',
    fixture: `${one}\n${start('monitor: uffd_register guest missing')}${tasks('vcpu: [write guest]', 'monitor: [uffd_wait, uffd_unregister guest]')}`,
    without: { *wake_userfault() {} },
  },
  {
    rule: 'close() of a userfaultfd wakes everybody',
    notices: 'waiters-are-woken',
    base: 'linux-4.19',
    fixture: `${one}\n${start('monitor: uffd_register guest missing')}${tasks('vcpu: [write guest]', 'monitor: [uffd_wait, uffd_close]')}`,
    without: { *wake_userfault() {} },
  },
  {
    rule: 'UFFDIO_COPY asks for VM_WRITE',
    notices: 'vm-write',
    base: 'linux-4.19',
    fixture: `${one}\n${start('monitor: uffd_register guest missing', 'monitor: mprotect guest r', 'monitor: uffd_copy guest[0] = 1')}${tasks('vcpu: [write guest]')}`,
    without: {
      mcopy_entry: (_k, vma, page) => e.pte_mkwrite(e.pte_mkdirty(e.mk_pte(page, vma.vm_page_prot))),
    },
  },
  {
    rule: 'a page that comes from swap has its mark',
    notices: 'armed-store',
    base: 'uffd-wp-bit',
    fixture: `${one}\n${start(...registered, 'vcpu: madvise guest cold', 'vcpu: madvise guest pageout')}${writeServed}`,
    without: { swapped_in_pte: mainline.swapped_in_pte },
  },
  {
    rule: 'a page that goes to swap takes its mark along',
    notices: 'armed-store',
    base: 'uffd-wp-bit',
    fixture: `${one}\n${start(...registered, 'vcpu: madvise guest cold', 'vcpu: madvise guest pageout')}${writeServed}`,
    without: { swpMarks: mainline.swpMarks },
  },
  {
    rule: 'a page that comes from swap is soft-dirty if it was',
    notices: 'soft-dirty-kept',
    base: 'linux-4.19',
    fixture: `${one}\n${start('vcpu: write guest', 'vcpu: clear_refs 4')}${tasks('vcpu: [write guest, madvise guest pageout, read guest]')}`,
    without: { swapped_in_pte: (_k, pte) => pte },
  },
  {
    rule: 'khugepaged leaves pages with a mark alone',
    notices: 'armed-entry',
    base: 'uffd-wp-bit',
    fixture: `memory:\n  guest: { size: 2MiB }\n  scratch: { size: 4KiB }\n${start('vcpu: write guest', 'vcpu: write scratch', 'vcpu: munmap scratch', 'vcpu: madvise guest hugepage', 'monitor: uffd_register guest', 'monitor: uffd_protect guest[0]')}${tasks('helper: [khugepaged]')}`,
    without: { khugepaged_scan_pte: mainline.khugepaged_scan_pte },
  },
  {
    rule: 'un-protecting changes the entries',
    notices: 'event-needs-arming',
    base: 'uffd-wp-bit',
    fixture: `${one}\n${start(...registered, 'monitor: uffd_unprotect guest')}${writeServed}`,
    without: {
      *userfaultfd_writeprotect(k, ctx, from, len, mode) {
        if (mode.wp) yield* original('uffd-wp-bit', 'userfaultfd_writeprotect')(k, ctx, from, len, mode);
        return 0;
      },
    },
  },
  {
    rule: 'fork() gives the child a copy of a page that may be pinned',
    notices: 'cow-isolation',
    base: 'linux-5.9',
    fixture: `${one}\n${forkBeside('')}`,
    without: sharesPinned,
  },
  {
    rule: 'fork() splits a huge page that may be pinned, and copies its parts',
    notices: 'cow-isolation',
    base: 'linux-5.9',
    fixture: `${huge}\n${forkBeside('[1]')}`,
    without: sharesPinned,
  },
  {
    rule: 'a page that is exclusive and may be pinned stays so in a fork()',
    notices: 'cow-isolation',
    base: 'linux-6.1',
    fixture: `${one}\n${forkBeside('')}`,
    without: sharesPinned,
  },
  {
    rule: 'so does a huge page',
    notices: 'cow-isolation',
    base: 'linux-6.1',
    fixture: `${huge}\n${forkBeside('[1]')}`,
    without: sharesPinned,
  },
  {
    rule: 'process_vm_writev() pins its page',
    notices: 'cow-isolation',
    base: 'linux-5.9',
    fixture: `${one}\n${forkBeside('')}`,
    without: {
      process_vm_pages: mainline.process_vm_pages,
      process_vm_release: mainline.process_vm_release,
    },
  },
  {
    rule: 'an mm remembers that pages of it were pinned',
    notices: 'cow-isolation',
    base: 'linux-5.9',
    fixture: `${one}\n${forkBeside('')}`,
    without: { mm_set_has_pinned_flag: () => {} },
  },
  {
    rule: 'whoever pins a page lets go of the whole pin',
    notices: 'refcount',
    base: 'linux-5.9',
    fixture: `${one}\n${tasks('vcpu: [gup_write guest]')}`,
    without: justPuts,
  },
  {
    rule: 'pins of a huge page are counted apart',
    notices: 'refcount',
    base: 'linux-5.9',
    fixture: `${huge}\n${tasks('vcpu: ["gup_write guest[1]"]')}`,
    without: justPuts,
  },
];

test.each(rows)('$rule; without it: $notices', ({ base, fixture, without, notices }) => {
  for (const name of Object.keys(without))
    expect([name, typeof original(base, name)]).toEqual([name, 'function']);
  expect(found(base, fixture, without)).toContain(notices);
  expect(found(base, fixture)).toEqual([]);
});
