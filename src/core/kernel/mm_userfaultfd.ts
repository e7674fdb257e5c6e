/**
 * mm/userfaultfd.c: filling holes in an armed mapping.
 *
 * A private mapping of shmem is filled through the page cache, as 4.19.0 did by mistake.
 */
import * as e from '../entry';
import { pte_val } from '../entry_text';
import { EAGAIN, EEXIST, EFAULT, EINVAL, ENOENT, VM_SHARED, VM_UFFD_WP, VM_WRITE } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { File, Mm, UserfaultfdCtx, Vma } from '../mm';
import { fileObject } from '../objects';
import { Mapping, NO_PAGE, PG_swapbacked } from '../pages';
import type { Slot } from '../table';
import { type Content, hex, PAGE_SIZE, type Pfn, type Pgprot, type Pte, plus, type Vaddr } from '../units';

/** What one page of a range is filled with. */
interface Fill {
  /** Null for the zero page. */
  readonly content: Content | null;
  readonly wp: boolean;
}

/**
 * mm/userfaultfd.c:mcopy_atomic(). Faithful.
 * Enters with nothing held; returns with nothing held.
 *
 * @returns bytes copied, or -errno where it is none
 */
export function* mcopy_atomic(
  k: Kernel,
  ctx: UserfaultfdCtx,
  dst: Vaddr,
  content: Content,
  len: number,
  wp: boolean,
): KRun<number> {
  return yield* fillRange(k, ctx, dst, len, { content, wp });
}

/**
 * mm/userfaultfd.c:mfill_zeropage(). Faithful.
 * Enters with nothing held; returns with nothing held.
 */
export function* mfill_zeropage(k: Kernel, ctx: UserfaultfdCtx, start: Vaddr, len: number): KRun<number> {
  return yield* fillRange(k, ctx, start, len, { content: null, wp: false });
}

/** __mcopy_atomic(), without its way out for a source that is not resident. */
function* fillRange(k: Kernel, ctx: UserfaultfdCtx, start: Vaddr, len: number, fill: Fill): KRun<number> {
  const { mm } = ctx;
  yield* k.down_read(mm.mmap_sem);
  let copied = 0;
  let error = (yield* k.uffd_mmap_changing(ctx)) ? -EAGAIN : 0;
  const vma = k.find_vma(mm, start);
  if (error === 0) error = vma === null ? -ENOENT : k.mcopy_vma_error(vma, start, len, fill.wp);
  while (error === 0 && vma !== null && copied < len) {
    error = yield* fillPage(k, mm, vma, plus(start, copied), fill);
    if (error === 0) copied += PAGE_SIZE;
    k.might_sleep('cond_resched()');
  }
  yield* k.up_read(mm.mmap_sem);
  return copied > 0 ? copied : error;
}

/**
 * mm/userfaultfd.c:__mcopy_atomic(), the tests of the mapping. Simplified: no hugetlb.
 * Enters with mmap_sem held; returns with it held.
 *
 * @returns 0, or -errno; whose context it is does not matter
 */
export function mcopy_vma_error(k: Kernel, vma: Vma, start: Vaddr, len: number, wp: boolean): number {
  if (vma.vm_userfaultfd_ctx === null || start < vma.vm_start || start + len > vma.vm_end) return -ENOENT;
  if (!k.vma_is_anonymous(vma) && vma.vm_file?.kind !== 'shmem') return -EINVAL;
  if (k.vma_is_anonymous(vma) && vma.vm_flags & VM_SHARED) return -EINVAL;
  if (!k.mfill_fills_file(vma)) k.anon_vma_prepare(vma);
  return 0;
}

function* fillPage(k: Kernel, mm: Mm, vma: Vma, address: Vaddr, fill: Fill): KRun<number> {
  const pmd = k.m.pmd_alloc(mm, address);
  if (e.pmd_trans_huge(yield* k.pmd_get(pmd))) return -EEXIST;
  yield* k.pte_alloc(mm, pmd);
  // It became huge meanwhile; "none" cannot be, since only khugepaged takes a table away.
  if (yield* k.pmd_trans_unstable(pmd)) return -EFAULT;
  if (k.mfill_fills_file(vma))
    return yield* k.shmem_mfill_atomic_pte(pmd, vma, address, fill.content ?? (0 as Content), fill.wp);
  if (fill.content === null) return yield* k.mfill_zeropage_pte(pmd, vma, address);
  return yield* k.mcopy_atomic_pte(pmd, vma, address, fill.content, fill.wp);
}

/**
 * mm/userfaultfd.c:mfill_atomic_pte(), whether the page goes to the file. Faithful; also for a private mapping.
 * Enters with mmap_sem held; returns with it held.
 */
export function mfill_fills_file(k: Kernel, vma: Vma): boolean {
  return !k.vma_is_anonymous(vma);
}

/**
 * mm/userfaultfd.c:mcopy_atomic_pte(). Simplified: never out of memory, the source is resident.
 * Enters with mmap_sem held for reading; returns with it held. Takes the ptl.
 */
export function* mcopy_atomic_pte(
  k: Kernel,
  pmd: Slot,
  vma: Vma,
  address: Vaddr,
  content: Content,
  wp: boolean,
): KRun<number> {
  const page = k.alloc_page(1, k.numa_node_id());
  k.fill_page(page, content);
  k.__SetPageUptodate(page);
  const entry = k.mcopy_entry(vma, page, wp);
  const pte = yield* k.pte_offset_map_lock(pmd, address);
  if (!k.mcopy_takes_place_of(yield* k.pte_get(pte))) {
    yield* k.pte_unmap_unlock(pte);
    yield* k.put_page(page);
    return -EEXIST;
  }
  yield* k.page_add_new_anon_rmap(page, vma, address, false);
  yield* k.lru_cache_add(page);
  yield* k.set_pte_at(pte, entry);
  yield* k.pte_unmap_unlock(pte);
  return 0;
}

/**
 * mm/userfaultfd.c:mcopy_atomic_pte(), whether the page may be mapped in place of an entry. Faithful.
 * Enters with the ptl held; returns with it held.
 */
export function mcopy_takes_place_of(_k: Kernel, pte: Pte): boolean {
  return e.pte_none(pte);
}

/**
 * mm/userfaultfd.c:mcopy_atomic_pte(), the new entry. Faithful; without VM_WRITE it is clean.
 * Enters with mmap_sem held; returns with it held.
 */
export function mcopy_entry(k: Kernel, vma: Vma, page: Pfn, wp: boolean): Pte {
  const entry = e.mk_pte(page, vma.vm_page_prot);
  return vma.vm_flags & VM_WRITE ? e.pte_mkwrite(e.pte_mkdirty(entry)) : entry;
}

/**
 * mm/userfaultfd.c:mfill_zeropage_pte(). Faithful.
 * Enters with mmap_sem held for reading; returns with it held. Takes the ptl.
 */
export function* mfill_zeropage_pte(k: Kernel, pmd: Slot, vma: Vma, address: Vaddr): KRun<number> {
  const pte = yield* k.pte_offset_map_lock(pmd, address);
  const isFree = e.pte_none(yield* k.pte_get(pte));
  if (isFree) yield* k.set_pte_at(pte, e.pte_mkspecial(e.pfn_pte(k.m.zeroPage, vma.vm_page_prot)));
  yield* k.pte_unmap_unlock(pte);
  return isFree ? 0 : -EEXIST;
}

/**
 * mm/shmem.c:shmem_mfill_atomic_pte(). Simplified: no i_size. It fills the page cache, also for a private mapping.
 * Enters with mmap_sem held for reading; returns with it held. Takes page lock and ptl.
 */
export function* shmem_mfill_atomic_pte(
  k: Kernel,
  pmd: Slot,
  vma: Vma,
  address: Vaddr,
  content: Content,
  wp: boolean,
): KRun<number> {
  const file = vma.vm_file!;
  const index = k.linear_page_index(vma, address);
  const page = yield* addToPageCache(k, file, index, content);
  if (page === NO_PAGE) return -EEXIST;
  const entry = k.mcopy_entry(vma, page, wp);
  const pte = yield* k.pte_offset_map_lock(pmd, address);
  const isFree = e.pte_none_mostly(yield* k.pte_get(pte));
  if (isFree) {
    yield* k.page_add_file_rmap(page, false);
    yield* k.set_pte_at(pte, entry);
  } else {
    yield* k.delete_from_page_cache(page);
  }
  yield* k.pte_unmap_unlock(pte);
  yield* k.unlock_page(page);
  if (!isFree) yield* k.put_page(page);
  return isFree ? 0 : -EEXIST;
}

/** A new page, locked and with one reference beside the cache's; none where the index is taken. */
function* addToPageCache(k: Kernel, file: File, index: number, content: Content): KRun<Pfn> {
  const page = k.alloc_page(1, k.numa_node_id());
  k.fill_page(page, content);
  k.__SetPageUptodate(page);
  k.m.pages.flags[page]! |= PG_swapbacked;
  yield* k.lock_page(page);
  const isNew = yield* k.step('add to page cache', fileObject(file.id), true, () => {
    if (file.cache.has(index) || file.disk.has(index)) return false;
    file.cache.set(index, page);
    k.m.pages.mapping[page] = Mapping.file;
    k.m.pages.mappingId[page] = file.id;
    k.m.pages.index[page] = index;
    return true;
  });
  if (isNew) {
    yield* k.get_page(page);
    yield* k.lru_cache_add(page);
    return page;
  }
  yield* k.unlock_page(page);
  yield* k.put_page(page);
  return NO_PAGE;
}

/**
 * mm/userfaultfd.c:mwriteprotect_range(). Stubbed: mainline 4.19 has no such function.
 * Enters with nothing held; returns with nothing held.
 */
export function* mwriteprotect_range(
  k: Kernel,
  ctx: UserfaultfdCtx,
  start: Vaddr,
  len: number,
  enable_wp: boolean,
): KRun<number> {
  return -EINVAL;
}

/**
 * mm/userfaultfd.c:uffd_wp_range(). Stubbed: mainline 4.19 has no such function; 6.0 and later have.
 * Enters with mmap_sem for read or write; returns with it.
 */
export function* uffd_wp_range(
  _k: Kernel,
  _vma: Vma,
  _start: Vaddr,
  _end: Vaddr,
  _enable_wp: boolean,
): KRun<void> {}

/**
 * mm/userfaultfd.c:mwriteprotect_range(), the mapping that it takes. Faithful; of the 2018 series, not in mainline 4.19.
 * Enters with mmap_sem held; returns with it held.
 *
 * @returns null unless one armed anonymous mapping has the whole range
 */
export function mwriteprotect_vma(k: Kernel, mm: Mm, start: Vaddr, len: number): Vma | null {
  const vma = k.find_vma(mm, start);
  if (vma === null || vma.vm_flags & VM_SHARED) return null;
  if (start < vma.vm_start || start + len > vma.vm_end) return null;
  if (vma.vm_userfaultfd_ctx === null || !(vma.vm_flags & VM_UFFD_WP)) return null;
  return k.vma_is_anonymous(vma) ? vma : null;
}

/** What the reporter's kernel was made to say of each un-protect; the count says nothing of who may write now. */
export function noteMwriteprotect(
  k: Kernel,
  start: Vaddr,
  len: number,
  newprot: Pgprot,
  pages: number,
  enable_wp: boolean,
): void {
  const range = `start=${hex(start)} len=${hex(len)} newprot=${pte_val(newprot)}`;
  k.printk(`mwriteprotect_range: ${range} changed ${pages} pages, wp=${enable_wp ? 1 : 0}`);
}
