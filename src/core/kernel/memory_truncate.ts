/** mm/memory.c, mm/truncate.c: a hole in a file takes its pages from everybody who maps them. */
import { EOPNOTSUPP } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { File, Vma } from '../mm';
import { fileObject } from '../objects';
import { NO_PAGE } from '../pages';
import { PAGE_SIZE, plus, type Vaddr } from '../units';
import { pagesIn } from '../vma_list';

/**
 * fs/open.c:vfs_fallocate(), FALLOC_FL_PUNCH_HOLE. Simplified: whole pages, and what is on disk goes too.
 * Enters with no lock held; returns with none held.
 *
 * @param index first page
 * @param nr how many
 */
export function* vfs_fallocate(k: Kernel, file: File, index: number, nr: number): KRun<number> {
  if (file.kind === 'device') return -EOPNOTSUPP;
  yield* k.unmap_mapping_pages(file, index, nr, false);
  yield* k.truncate_inode_pages_range(file, index, nr);
  yield* k.step('punch hole', fileObject(file.id), true, () => {
    for (const at of [...file.disk.keys()]) if (at >= index && at < index + nr) file.disk.delete(at);
  });
  return 0;
}

/**
 * mm/memory.c:unmap_mapping_pages(). Simplified: the VMAs of a file are looked up once.
 * Enters with no mmap_sem held; returns with none held. i_mmap_rwsem, which the kernel takes, keeps VMAs from going.
 *
 * @param even_cows whether private copies of the pages go too
 */
export function* unmap_mapping_pages(
  k: Kernel,
  file: File,
  index: number,
  nr: number,
  even_cows: boolean,
): KRun<void> {
  const vmas = k.m.mms.flatMap((mm) => mm.mmap.filter((vma) => vma.vm_file === file));
  for (const vma of vmas) {
    const first = Math.max(index, vma.vm_pgoff);
    const last = Math.min(index + nr, vma.vm_pgoff + pagesIn(vma.vm_start, vma.vm_end));
    if (first >= last) continue;
    const start = plus(vma.vm_start, (first - vma.vm_pgoff) * PAGE_SIZE);
    const end = plus(vma.vm_start, (last - vma.vm_pgoff) * PAGE_SIZE);
    yield* k.zap_page_range_single(vma, start, end, even_cows ? null : file);
  }
}

/**
 * mm/memory.c:zap_page_range_single(). Simplified: no mmu notifiers.
 * Enters with the VMA kept from going; returns with it kept.
 *
 * @param only pages of this file; null: everything
 */
export function* zap_page_range_single(
  k: Kernel,
  vma: Vma,
  start: Vaddr,
  end: Vaddr,
  only: File | null,
): KRun<void> {
  yield* k.lru_add_drain();
  const tlb = yield* k.tlb_gather_mmu(vma.vm_mm, { start, end });
  yield* k.unmap_single_vma(tlb, vma, start, end, only && { check_mapping: only });
  yield* k.tlb_finish_mmu(tlb);
}

/**
 * mm/truncate.c:truncate_inode_pages_range(). Simplified: whole pages, no huge ones.
 * Enters with no lock held; returns with none held.
 */
export function* truncate_inode_pages_range(k: Kernel, file: File, index: number, nr: number): KRun<void> {
  for (const at of [...file.cache.keys()].sort((a, b) => a - b)) {
    if (at < index || at >= index + nr) continue;
    const page = yield* k.find_get_page(file, at);
    if (page === NO_PAGE) continue;
    yield* k.lock_page(page);
    if (file.cache.get(at) === page) {
      yield* k.wait_on_page_writeback(page);
      // Somebody may have faulted it in again since.
      if (yield* k.page_mapped(page)) yield* k.unmap_mapping_pages(file, at, 1, false);
      yield* k.__cancel_dirty_page(page);
      yield* k.delete_from_page_cache(page);
    }
    yield* k.unlock_page(page);
    yield* k.put_page(page);
  }
}
