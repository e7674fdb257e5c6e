import { defineVariant, entry as e, flags, mainline, PAGE_SIZE, type Pte, plus, type Vma } from '../core';

const { MM_CP_PROT_NUMA, MM_CP_UFFD_WP, MM_CP_UFFD_WP_RESOLVE, avoids_write_fault } = mainline;
const { EAGAIN, EINVAL, ENOENT, EPERM } = flags;
const { FAULT_FLAG_ALLOW_RETRY, FAULT_FLAG_INTERRUPTIBLE, FAULT_FLAG_KILLABLE, FAULT_FLAG_TRIED } = flags;
const { FAULT_FLAG_USER, FAULT_FLAG_WRITE, VM_FAULT_ERROR, VM_FAULT_RETRY } = flags;
const { VM_MAYWRITE, VM_SHARED, VM_UFFD_MISSING, VM_UFFD_WP, VM_WRITE } = flags;
const BOTH = VM_UFFD_MISSING | VM_UFFD_WP;

const userfaultfd_pte_wp = (vma: Vma, pte: Pte): boolean =>
  (vma.vm_flags & VM_UFFD_WP) !== 0 && e.pte_uffd_wp(pte);

/** What a protection change makes of a present entry's mark. Un-protecting leaves RW off: the fault decides. */
function marked(pte: Pte, cp_flags: number): Pte {
  if (cp_flags & MM_CP_UFFD_WP) return e.pte_mkuffd_wp(e.pte_wrprotect(pte));
  return cp_flags & MM_CP_UFFD_WP_RESOLVE ? e.pte_clear_uffd_wp(pte) : pte;
}

/** The same for an entry that is not present. */
function swpMarked(old: Pte, cp_flags: number): Pte {
  const entry = e.is_write_migration_entry(old) ? e.make_migration_entry_read(old) : old;
  if (cp_flags & MM_CP_UFFD_WP) return e.pte_swp_mkuffd_wp(entry);
  return cp_flags & MM_CP_UFFD_WP_RESOLVE ? e.pte_swp_clear_uffd_wp(entry) : entry;
}

/** Write-protection as merged in 5.7: a mark in each entry, and faults that may be retried as often as it takes. */
export default defineVariant({
  meta: {
    id: 'uffd-wp-bit',
    kind: 'kernel',
    title: 'Linux 5.7: a mark in every entry; un-protecting only clears it',
    author: 'Peter Xu, Andrea Arcangeli',
    subject: 'userfaultfd: wp: apply _PAGE_UFFD_WP bit',
    messageId: '',
    date: '2020-05-31',
    base: 'uffd-wp-2018',
    supersedes: ['mkwrite-reuse', 'dirty-accountable-false'],
    touches: [
      'mm/mprotect.c:change_pte_range',
      'mm/huge_memory.c:change_huge_pmd',
      'mm/memory.c:do_wp_page',
      'mm/memory.c:wp_huge_pmd',
      'mm/memory.c:do_swap_page',
      'mm/memory.c:copy_one_pte',
      'mm/huge_memory.c:copy_huge_pmd',
      'mm/huge_memory.c:__split_huge_pmd_locked',
      'mm/rmap.c:try_to_unmap_one',
      'mm/migrate.c:remove_migration_pte',
      'mm/khugepaged.c:khugepaged_scan_pmd',
      'arch/x86/mm/fault.c:__do_page_fault',
      'include/linux/pagemap.h:lock_page_or_retry',
      'mm/gup.c:faultin_page',
      'mm/gup.c:__get_user_pages_locked',
      'mm/gup.c:fixup_user_fault',
      'fs/userfaultfd.c:handle_userfault',
      'fs/userfaultfd.c:mremap_userfaultfd_prep',
      'fs/userfaultfd.c:userfaultfd_register',
      'fs/userfaultfd.c:userfaultfd_writeprotect',
      'mm/userfaultfd.c:mwriteprotect_range',
      'mm/userfaultfd.c:__mcopy_atomic',
      'mm/userfaultfd.c:mfill_atomic_pte',
      'mm/userfaultfd.c:mcopy_atomic_pte',
    ],
    reported: [{ outcome: 'merged', by: '', note: 'in Linux 5.7; un-protecting leaves COW to the fault' }],
    builds: true,
    notes: ['on the functions of 4.19: what 5.7 changed elsewhere is not here'],
  },
  kernel: {
    *change_pte_range(k, vma, pmd, start, end, newprot, cp_flags) {
      if (yield* k.pmd_trans_unstable(pmd)) return 0;
      const pte = k.m.pte_offset(pmd, start);
      const ptl = k.pte_lockptr(pte);
      yield* k.spin_lock(ptl);
      const prot_numa = (cp_flags & MM_CP_PROT_NUMA) !== 0;
      const isLocal = prot_numa && !(vma.vm_flags & VM_SHARED) && vma.vm_mm.mm_users === 1;
      const target_node = isLocal ? k.numa_node_id() : -1;
      yield* k.flush_tlb_batched_pending(vma.vm_mm);
      let pages = 0;
      for (let addr = start; addr < end; addr = plus(addr, PAGE_SIZE), pte.index++) {
        const oldpte = yield* k.pte_get(pte);
        if (e.pte_present(oldpte)) {
          const preserve_write = prot_numa && e.pte_write(oldpte);
          if (prot_numa && (yield* k.numa_skips(vma, addr, oldpte, target_node))) continue;
          let ptent = e.pte_modify(yield* k.ptep_modify_prot_start(pte), newprot);
          if (preserve_write) ptent = e.pte_mk_savedwrite(ptent);
          ptent = marked(ptent, cp_flags);
          if (avoids_write_fault(vma, ptent, cp_flags)) ptent = e.pte_mkwrite(ptent);
          yield* k.ptep_modify_prot_commit(pte, ptent);
          pages++;
        } else if (e.is_swap_pte(oldpte) && swpMarked(oldpte, cp_flags) !== oldpte) {
          yield* k.set_pte_at(pte, swpMarked(oldpte, cp_flags));
          pages++;
        }
      }
      yield* k.spin_unlock(ptl);
      k.m.cost.entriesChanged += pages;
      return pages;
    },

    /** An entry of a page in migration is not marked: 5.7 forgot it. */
    *change_huge_pmd(k, vma, pmd, addr, newprot, cp_flags) {
      const ptl = yield* k.__pmd_trans_huge_lock(pmd, vma);
      if (!ptl) return 0;
      const prot_numa = (cp_flags & MM_CP_PROT_NUMA) !== 0;
      const value = yield* k.pmd_get(pmd);
      const preserve_write = prot_numa && e.pmd_write(value);
      if (e.is_swap_pmd(value)) {
        k.VM_BUG_ON(!e.is_pmd_migration_entry(value), 'mm/huge_memory.c:change_huge_pmd(): unknown entry');
        if (e.is_write_migration_entry(value)) yield* k.set_pmd_at(pmd, e.make_migration_entry_read(value));
        yield* k.spin_unlock(ptl);
        return 1;
      }
      if (prot_numa && (k.is_huge_zero_page(e.pmd_pfn(value)) || e.pmd_protnone(value))) {
        yield* k.spin_unlock(ptl);
        return 1;
      }
      let entry = e.pmd_modify(yield* k.pmdp_invalidate(vma.vm_mm, pmd), newprot);
      if (preserve_write) entry = e.pmd_mk_savedwrite(entry);
      entry = marked(entry, cp_flags);
      yield* k.set_pmd_at(pmd, entry);
      k.BUG_ON(
        k.vma_is_anonymous(vma) && !preserve_write && e.pmd_write(entry),
        'mm/huge_memory.c:change_huge_pmd(): anonymous huge entry became writable',
      );
      k.m.cost.entriesChanged += k.m.HPAGE_PMD_NR;
      yield* k.spin_unlock(ptl);
      return k.m.HPAGE_PMD_NR;
    },

    *do_wp_page(k, vmf) {
      if (userfaultfd_pte_wp(vmf.vma, vmf.orig_pte)) {
        yield* k.pte_unmap_unlock(vmf.pte!);
        return yield* k.handle_userfault(vmf, VM_UFFD_WP);
      }
      return yield* mainline.do_wp_page(k, vmf);
    },

    *wp_huge_pmd(k, vmf, orig_pmd) {
      const isWp = k.vma_is_anonymous(vmf.vma) && userfaultfd_pte_wp(vmf.vma, orig_pmd);
      if (isWp) return yield* k.handle_userfault(vmf, VM_UFFD_WP);
      return yield* mainline.wp_huge_pmd(k, vmf, orig_pmd);
    },

    do_swap_page: mainline.do_swap_page,
    swapped_in_pte(k, pte, entry) {
      const restored = mainline.swapped_in_pte(k, pte, entry);
      return e.pte_swp_uffd_wp(entry) ? e.pte_mkuffd_wp(e.pte_wrprotect(restored)) : restored;
    },

    /** It asks the parent's mapping: a child that is not armed keeps the marks as well. */
    *copy_one_pte(k, dst_vma, vma, dst_pte, src_pte, pte, addr) {
      const clears = e.pte_present(pte) && !(vma.vm_flags & VM_UFFD_WP);
      const copied = clears ? e.pte_clear_uffd_wp(pte) : pte;
      yield* mainline.copy_one_pte(k, dst_vma, vma, dst_pte, src_pte, copied, addr);
    },
    copied_huge_pmd(k, vma, pmd) {
      const copied = mainline.copied_huge_pmd(k, vma, pmd);
      return vma.vm_flags & VM_UFFD_WP ? copied : e.pmd_clear_uffd_wp(copied);
    },

    split_huge_pmd_pte(k, vma, old_pmd, i) {
      const entry = mainline.split_huge_pmd_pte(k, vma, old_pmd, i);
      return e.pmd_uffd_wp(old_pmd) ? e.pte_mkuffd_wp(entry) : entry;
    },
    /** Reads a migration entry as what it is. */
    split_huge_pmd_migration_pte(_k, old_pmd, i) {
      const isEntry = e.is_pmd_migration_entry(old_pmd);
      const write = isEntry ? e.is_write_migration_entry(old_pmd) : e.pmd_write(old_pmd);
      const soft = isEntry ? e.pte_swp_soft_dirty(old_pmd) : e.pmd_soft_dirty(old_pmd);
      const wp = isEntry ? e.pte_swp_uffd_wp(old_pmd) : e.pmd_uffd_wp(old_pmd);
      const type = write ? e.SwapType.migrationWrite : e.SwapType.migrationRead;
      let entry = e.swp_entry(type, e.pmd_pfn(old_pmd) + i);
      if (soft) entry = e.pte_swp_mksoft_dirty(entry);
      if (wp) entry = e.pte_swp_mkuffd_wp(entry);
      return entry;
    },

    swpMarks(k, entry, pteval) {
      const marks = mainline.swpMarks(k, entry, pteval);
      return e.pte_uffd_wp(pteval) ? e.pte_swp_mkuffd_wp(marks) : marks;
    },
    migration_pte(k, vma, entry, page) {
      const pte = mainline.migration_pte(k, vma, entry, page);
      const isMarked = e.pte_swp_uffd_wp(entry) && !e.is_write_migration_entry(entry);
      return isMarked ? e.pte_mkuffd_wp(pte) : pte;
    },
    *khugepaged_scan_pte(k, vma, address, pteval, scanned) {
      const isMarked = e.is_swap_pte(pteval) ? e.pte_swp_uffd_wp(pteval) : e.pte_uffd_wp(pteval);
      return isMarked ? 'pte_uffd_wp' : yield* mainline.khugepaged_scan_pte(k, vma, address, pteval, scanned);
    },

    *__do_page_fault(k, address, error) {
      const { mm } = k.task;
      let fault_flags = FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_KILLABLE | FAULT_FLAG_INTERRUPTIBLE;
      if (error.user) fault_flags |= FAULT_FLAG_USER;
      if (error.write) fault_flags |= FAULT_FLAG_WRITE;
      k.m.cost.faults++;
      k.m.watch?.({ kind: 'fault', task: k.task, va: address, flags: fault_flags });
      for (;;) {
        yield* k.down_read(mm.mmap_sem);
        const vma = k.find_vma(mm, address);
        if (vma === null || vma.vm_start > address) return yield* k.bad_area(address, error, 'SEGV_MAPERR');
        if (k.access_error(error, vma)) return yield* k.bad_area(address, error, 'SEGV_ACCERR');
        const fault = yield* k.handle_mm_fault(vma, address, fault_flags);
        if (fault & VM_FAULT_RETRY) {
          if (error.user && k.task.signalPending) return null;
          fault_flags = k.retry_flags(fault_flags);
          continue;
        }
        yield* k.up_read(mm.mmap_sem);
        return fault & VM_FAULT_ERROR ? k.mm_fault_error(address, error, fault, fault_flags) : null;
      }
    },
    /** Drops mmap_sem on the first try alone. */
    *lock_page_or_retry(k, page, mm, fault_flags) {
      const isFirst = !(fault_flags & FAULT_FLAG_TRIED);
      const allowed = isFirst ? fault_flags : fault_flags & ~FAULT_FLAG_ALLOW_RETRY;
      return yield* mainline.lock_page_or_retry(k, page, mm, allowed);
    },
    faultin_flags(k, foll_flags, locked) {
      return mainline.faultin_flags(k, foll_flags, locked) | (locked ? FAULT_FLAG_KILLABLE : 0);
    },
    gup_retry_locked: () => ({ held: true }),
    retry_flags: (_k, fault_flags) => fault_flags | FAULT_FLAG_TRIED,

    userfault_interrupted({ task }, fault_flags) {
      return () => (fault_flags & FAULT_FLAG_INTERRUPTIBLE) !== 0 && task.signalPending;
    },
    *userfault_result(_k, _mm, _flags, result) {
      return result;
    },
    *mremap_userfaultfd_prep(k, vma) {
      const ctx = yield* mainline.mremap_userfaultfd_prep(k, vma);
      if (ctx === null) {
        vma.vm_userfaultfd_ctx = null;
        k.userfaultfd_set_vm_flags(vma, flags.withoutFlags(vma.vm_flags, BOTH));
      }
      return ctx;
    },
    uffd_register_vma_error: (_k, vma) => (vma.vm_flags & VM_MAYWRITE ? 0 : -EPERM),
    uffd_armed_flags: (_k, old, vm_flags) => flags.withFlags(flags.withoutFlags(old, BOTH), vm_flags),

    *userfaultfd_writeprotect(k, ctx, start, len, mode) {
      if (!ctx.ready) return -EINVAL;
      if (yield* k.uffd_mmap_changing(ctx)) return -EAGAIN;
      const invalid = k.validate_range(ctx.mm, start, len);
      if (invalid !== 0) return invalid;
      if (mode.wp && mode.dontwake) return -EINVAL;
      const result = yield* k.mwriteprotect_range(ctx, start, len, mode.wp);
      if (result === 0 && !mode.wp && !mode.dontwake) yield* k.wake_userfault(ctx, start, len);
      return result;
    },
    *mwriteprotect_range(k, ctx, start, len, enable_wp) {
      const { mm } = ctx;
      k.BUG_ON(
        start % PAGE_SIZE !== 0 || len % PAGE_SIZE !== 0,
        'mm/userfaultfd.c:mwriteprotect_range(): range',
      );
      yield* k.down_read(mm.mmap_sem);
      const isChanging = yield* k.uffd_mmap_changing(ctx);
      const vma = isChanging ? null : k.mwriteprotect_vma(mm, start, len);
      if (vma !== null) {
        const newprot = flags.vm_get_page_prot(enable_wp ? vma.vm_flags & ~VM_WRITE : vma.vm_flags);
        const cp_flags = enable_wp ? MM_CP_UFFD_WP : MM_CP_UFFD_WP_RESOLVE;
        yield* k.change_protection(vma, start, plus(start, len), newprot, cp_flags);
      }
      yield* k.up_read(mm.mmap_sem);
      if (isChanging) return -EAGAIN;
      return vma === null ? -ENOENT : 0;
    },

    mcopy_vma_error(k, vma, start, len, wp) {
      const error = mainline.mcopy_vma_error(k, vma, start, len, wp);
      return error === 0 && wp && !(vma.vm_flags & VM_UFFD_WP) ? -EINVAL : error;
    },
    mfill_fills_file: (_k, vma) => (vma.vm_flags & VM_SHARED) !== 0,
    /** Without VM_WRITE neither writable nor marked: 5.7 forgot it. */
    mcopy_entry(_k, vma, page, wp) {
      const entry = e.pte_mkdirty(e.mk_pte(page, vma.vm_page_prot));
      if (!(vma.vm_flags & VM_WRITE)) return entry;
      return wp ? e.pte_mkuffd_wp(entry) : e.pte_mkwrite(entry);
    },
  },
});
