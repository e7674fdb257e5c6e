/** userfaultfd: shared memory may be write-protected too, with markers and write-notify; unregistering clears marks. */
import { entry as e, flags, mainline, PAGE_SIZE, plus, type VariantKernel, type Vma } from '../../core';

const { MM_CP_UFFD_WP, MM_CP_UFFD_WP_RESOLVE } = mainline;
const { EAGAIN, ENOENT, VM_FAULT_MAJOR, VM_SHARED, VM_SOFTDIRTY, VM_UFFD_WP, VM_WRITE } = flags;

const userfaultfd_wp = (vma: Vma): boolean => (vma.vm_flags & VM_UFFD_WP) !== 0;

export const userfaultfd: VariantKernel = {
  *userfaultfd_must_wait(k, ctx, address, _fault_flags, reason) {
    const pmd = k.m.mm_find_pmd_slot(ctx.mm, address);
    if (pmd === null) return true;
    const value = yield* k.pmd_get(pmd);
    if (e.pmd_none(value)) return true;
    const isWp = (reason & VM_UFFD_WP) !== 0;
    if (e.pmd_trans_huge(value)) return isWp && !e.pmd_write(value);
    if (!e.pmd_is_table(value)) return false;
    const pte = yield* k.pte_get(k.m.pte_offset(pmd, address));
    return e.pte_none_mostly(pte) || (isWp && !e.pte_write(pte));
  },

  /** Who was woken has not waited for a disk. */
  *userfault_result(_k, _mm, _fault_flags, result) {
    return result & ~VM_FAULT_MAJOR;
  },

  vma_can_userfault: (k, vma) => k.vma_is_anonymous(vma) || vma.vm_file?.kind === 'shmem',

  /** Shared entries are made from vm_page_prot, which must not have RW while the mapping is armed. */
  userfaultfd_set_vm_flags(k, vma, vm_flags) {
    const isChanged = ((vma.vm_flags ^ vm_flags) & VM_UFFD_WP) !== 0;
    vma.vm_flags = vm_flags;
    if (vm_flags & VM_SHARED && isChanged) k.vma_set_page_prot(vma);
  },
  vma_wants_writenotify(k, vma, vm_page_prot) {
    const { vm_flags, vm_file } = vma;
    if ((vm_flags & (VM_WRITE | VM_SHARED)) !== (VM_WRITE | VM_SHARED)) return false;
    if (vm_file?.page_mkwrite) return true;
    if (vm_page_prot !== e.pgprot_modify(vm_page_prot, flags.vm_get_page_prot(vm_flags))) return false;
    if (k.m.config.softDirty && (vm_flags & VM_SOFTDIRTY) === 0) return true;
    if (userfaultfd_wp(vma)) return true;
    if (vm_flags & flags.VM_PFNMAP) return false;
    return vm_file?.accountsDirty ?? false;
  },

  *uffd_reset_marks(k, vma, start, end) {
    if (userfaultfd_wp(vma)) yield* k.uffd_wp_range(vma, start, end, false);
  },

  *uffd_wp_range(k, vma, start, end, enable_wp) {
    const newprot = flags.vm_get_page_prot(enable_wp ? vma.vm_flags & ~VM_WRITE : vma.vm_flags);
    const cp_flags = enable_wp ? MM_CP_UFFD_WP : MM_CP_UFFD_WP_RESOLVE;
    yield* k.change_protection(vma, start, end, newprot, cp_flags);
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
    if (vma !== null) yield* k.uffd_wp_range(vma, start, plus(start, len), enable_wp);
    yield* k.up_read(mm.mmap_sem);
    if (isChanging) return -EAGAIN;
    return vma === null ? -ENOENT : 0;
  },
  mwriteprotect_vma(k, mm, start, len) {
    const vma = k.find_vma(mm, start);
    if (vma === null || start < vma.vm_start || start + len > vma.vm_end) return null;
    if (vma.vm_userfaultfd_ctx === null || !userfaultfd_wp(vma)) return null;
    return k.vma_can_userfault(vma, vma.vm_flags, vma.vm_userfaultfd_ctx) ? vma : null;
  },

  /** Marked whether or not the mapping is writable at the moment. */
  mcopy_entry(k, vma, page, wp) {
    const isCached = !k.vma_is_anonymous(vma) && k.mfill_fills_file(vma);
    const writable = vma.vm_flags & VM_WRITE && !wp && (!isCached || vma.vm_flags & VM_SHARED);
    const entry = e.pte_mkdirty(e.mk_pte(page, vma.vm_page_prot));
    if (writable) return e.pte_mkwrite(entry);
    return wp ? e.pte_mkuffd_wp(e.pte_wrprotect(entry)) : e.pte_wrprotect(entry);
  },

  /** A marker makes way. */
  mcopy_takes_place_of: (_k, pte) => e.pte_none_mostly(pte),
};
