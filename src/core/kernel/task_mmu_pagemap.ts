/** fs/proc/task_mmu.c: what pagemap says of one page. */
import * as e from '../entry';
import { VM_SOFTDIRTY } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, Vma } from '../mm';
import type { Slot } from '../table';
import { type Pfn, type Pte, pageAlign, pfn, type Vaddr } from '../units';
import { pagesIn } from '../vma_list';

/** The bits of a pagemap entry; the frame, which only root may see, is left out. */
export interface PagemapEntry {
  present: boolean;
  softDirty: boolean;
  swapped: boolean;
  fileOrShared: boolean;
  /** Mapped by one process alone. */
  exclusive: boolean;
  /** Of later kernels; their own mark, so always clear in 4.19. */
  uffdWp: boolean;
}

const HOLE: PagemapEntry = {
  present: false,
  softDirty: false,
  swapped: false,
  fileOrShared: false,
  exclusive: false,
  uffdWp: false,
};

/**
 * fs/proc/task_mmu.c:pagemap_read(), of one page. Faithful.
 * Enters with nothing held; returns with nothing held.
 */
export function* pagemap_read(k: Kernel, mm: Mm, va: Vaddr): KRun<PagemapEntry> {
  const addr = pageAlign(va);
  yield* k.down_read(mm.mmap_sem);
  const vma = k.find_vma(mm, addr);
  const isMapped = vma !== null && vma.vm_start <= addr;
  const entry = isMapped ? yield* k.pagemap_pmd_range(vma, addr) : HOLE;
  yield* k.up_read(mm.mmap_sem);
  const { softDirty, present } = entry;
  k.m.watch?.({ kind: 'pagemap', task: k.task, mm, va: addr, softDirty, present });
  return entry;
}

/**
 * fs/proc/task_mmu.c:pagemap_pmd_range(), of one page. Faithful; where nothing is mapped, the VMA's flag counts.
 * Enters with mmap_sem held for reading; returns with it held.
 */
export function* pagemap_pmd_range(k: Kernel, vma: Vma, addr: Vaddr): KRun<PagemapEntry> {
  const hole = { ...HOLE, softDirty: (vma.vm_flags & VM_SOFTDIRTY) !== 0 };
  const pmd = k.m.mm_find_pmd_slot(vma.vm_mm, addr);
  if (pmd === null) return hole;
  const value = yield* k.pmd_get(pmd);
  if (e.pmd_none(value)) return hole;
  if (!e.pmd_is_table(value)) {
    const ptl = yield* k.__pmd_trans_huge_lock(pmd, vma);
    if (ptl !== null) {
      const entry = yield* k.pmd_to_pagemap_entry(vma, pmd, addr);
      yield* k.spin_unlock(ptl);
      return entry;
    }
  }
  if (yield* k.pmd_trans_unstable(pmd)) return HOLE;
  const pte = k.m.pte_offset(pmd, addr);
  const ptl = k.pte_lockptr(pte);
  yield* k.spin_lock(ptl);
  const entry = yield* k.pte_to_pagemap_entry(vma, addr, yield* k.pte_get(pte));
  yield* k.spin_unlock(ptl);
  return entry;
}

/**
 * fs/proc/task_mmu.c:pte_to_pagemap_entry(). Faithful.
 * Enters with the ptl held; returns with it held.
 */
export function* pte_to_pagemap_entry(k: Kernel, vma: Vma, addr: Vaddr, pte: Pte): KRun<PagemapEntry> {
  const tracked = (vma.vm_flags & VM_SOFTDIRTY) !== 0;
  if (e.pte_none(pte)) return { ...HOLE, softDirty: tracked };
  if (e.pte_present(pte)) {
    return {
      ...HOLE,
      ...(yield* ofPage(k, k.vm_normal_page(vma, addr, pte))),
      present: true,
      softDirty: tracked || e.pte_soft_dirty(pte),
      uffdWp: e.pte_uffd_wp(pte),
    };
  }
  return {
    ...HOLE,
    ...(yield* ofPage(k, e.is_migration_entry(pte) ? pfn(e.swp_offset(pte)) : null)),
    swapped: true,
    softDirty: tracked || e.pte_swp_soft_dirty(pte),
    uffdWp: e.pte_swp_uffd_wp(pte),
  };
}

/**
 * fs/proc/task_mmu.c:pagemap_pmd_range(), for a huge entry. Simplified: soft-dirty of a migration entry is its own mark;
 * 4.19.0 also looks at a bit of the offset that is always set.
 * Enters with the pmd lock held; returns with it held.
 */
export function* pmd_to_pagemap_entry(k: Kernel, vma: Vma, pmd: Slot, addr: Vaddr): KRun<PagemapEntry> {
  const value = yield* k.pmd_get(pmd);
  const tracked = (vma.vm_flags & VM_SOFTDIRTY) !== 0;
  const present = e.pmd_present(value);
  const head = present ? e.pmd_pfn(value) : pfn(e.swp_offset(value));
  const subpage = pfn(head + pagesIn(pmd.va, addr));
  const { exclusive } = k.is_huge_zero_page(head) ? HOLE : yield* ofPage(k, subpage);
  return {
    ...HOLE,
    present,
    swapped: !present,
    exclusive,
    softDirty: tracked || (present ? e.pmd_soft_dirty(value) : e.pte_swp_soft_dirty(value)),
    uffdWp: present ? e.pmd_uffd_wp(value) : e.pte_swp_uffd_wp(value),
  };
}

function* ofPage(k: Kernel, page: Pfn | null): KRun<{ fileOrShared: boolean; exclusive: boolean }> {
  if (page === null) return HOLE;
  return { fileOrShared: !k.PageAnon(page), exclusive: (yield* k.page_mapcount(page)) === 1 };
}
