/** What a huge page held of zeroes alone becomes the zero page when it is split. */
import {
  entry as e,
  flags,
  type Kernel,
  type KRun,
  mainline,
  type Pfn,
  type Pte,
  pfn,
  type VariantKernel,
  type Vma,
} from '../../core';

function zeroPte(k: Kernel, vma: Vma, entry: Pte): Pte {
  const zero = e.pte_mkspecial(e.pfn_pte(k.m.zeroPage, vma.vm_page_prot));
  const soft = e.pte_swp_soft_dirty(entry) ? e.pte_mksoft_dirty(zero) : zero;
  return e.pte_swp_uffd_wp(entry) ? e.pte_mkuffd_wp(soft) : soft;
}

/** mm/migrate.c:try_to_map_unused_to_zeropage(), in every mapping of the part. */
function* map_unused_to_zeropage(k: Kernel, page: Pfn): KRun<void> {
  yield* k.rmap_lock_read();
  for (const where of yield* k.lookUpVmas(page)) {
    const { vma } = where;
    if (vma.vm_flags & flags.VM_LOCKED) continue;
    for (const { address } of k.partsWithin(page, where)) {
      const pmd = k.m.mm_find_pmd_slot(vma.vm_mm, address);
      if (!pmd || !e.pmd_is_table(yield* k.pmd_get(pmd))) continue;
      const slot = yield* k.pte_offset_map_lock(pmd, address);
      const entry = yield* k.pte_get(slot);
      const isOurs = e.is_migration_entry(entry) && e.swp_offset(entry) === page;
      if (isOurs) yield* k.set_pte_at(slot, zeroPte(k, vma, entry));
      yield* k.pte_unmap_unlock(slot);
    }
  }
  yield* k.rmap_unlock_read();
}

export const split: VariantKernel = {
  *unfreeze_page(k, head) {
    const isSplit = !k.PageTransHuge(head);
    if (isSplit && k.PageAnon(head)) {
      for (let i = 0; i < k.m.HPAGE_PMD_NR; i++) {
        // Nobody maps it and nobody else has a reference, so what it holds does not change.
        const part = pfn(head + i);
        if (k.m.pages.contentOf(part) === 0) yield* map_unused_to_zeropage(k, part);
      }
    }
    yield* mainline.unfreeze_page(k, head);
  },
};
