/**
 * mm/ksm.c, the merging half: making one page of two. The page of a first merge becomes the KSM page itself; a page
 * that equals a KSM page is replaced by it. Comparing contents is comparing one number.
 */
import * as e from '../entry';
import { EFAULT } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { RmapItem } from '../ksm_state';
import type { Vma } from '../mm';
import { contentObject, ksmObject, pageMapObject, pageRefObject } from '../objects';
import { Mapping, NO_PAGE } from '../pages';
import { PAGE_SIZE, type Pfn, type Pte, plus, type Vaddr } from '../units';

/**
 * mm/rmap.c:page_address_in_vma(). Faithful; a KSM page has no address of its own.
 * Enters with mmap_sem held; returns with it held. Takes no step.
 */
export function page_address_in_vma(k: Kernel, page: Pfn, vma: Vma): Vaddr | null {
  const { mapping, mappingId, index } = k.m.pages;
  const head = k.m.compound_head(page);
  if (mapping[head] !== Mapping.anon || mappingId[head] !== vma.anon_vma) return null;
  const address = plus(vma.vm_start, (index[head]! + (page - head) - vma.vm_pgoff) * PAGE_SIZE);
  return address >= vma.vm_start && address < vma.vm_end ? address : null;
}

/**
 * mm/ksm.c:write_protect_page(). Faithful.
 * Enters with mmap_sem held for reading and the page locked; returns with both.
 *
 * @returns the entry as it is left, or null where the page cannot be protected (-EFAULT)
 */
export function* write_protect_page(k: Kernel, vma: Vma, page: Pfn): KRun<Pte | null> {
  const mm = vma.vm_mm;
  const address = k.page_address_in_vma(page, vma);
  if (address === null) return null;
  const at = yield* k.page_vma_mapped_walk(mm, page, address, false);
  if (!at) return null;
  if (at.huge) {
    yield* k.spin_unlock(at.lock);
    return null;
  }
  let entry = yield* k.pte_get(at.slot);
  const writable = e.pte_write(entry) || e.pte_dirty(entry);
  if (writable || (yield* k.mm_tlb_flush_pending(mm))) {
    const swapped = (yield* k.PageSwapCache(page)) ? 1 : 0;
    entry = yield* k.ptep_clear_flush(mm, at.slot);
    // From here on nobody writes through this entry; what is left are those who hold a reference.
    if ((yield* k.page_mapcount(page)) + 1 + swapped !== (yield* k.page_count(page))) {
      yield* k.set_pte_at(at.slot, entry);
      yield* k.spin_unlock(at.lock);
      return null;
    }
    if (e.pte_dirty(entry)) yield* k.set_page_dirty(page);
    // The saved write of a NUMA-hinted entry is the same bit.
    entry = e.pte_mkclean(e.pte_wrprotect(entry));
    yield* k.set_pte_at(at.slot, entry);
  }
  yield* k.spin_unlock(at.lock);
  return entry;
}

/**
 * mm/ksm.c:replace_page(). Simplified: no mmu notifiers.
 * Enters with mmap_sem held for reading and `page` locked; returns with both, and `page` unmapped here if 0 is returned.
 *
 * @param kpage a KSM page, or the zero page
 */
export function* replace_page(k: Kernel, vma: Vma, page: Pfn, kpage: Pfn, orig_pte: Pte): KRun<number> {
  const mm = vma.vm_mm;
  const address = k.page_address_in_vma(page, vma);
  const pmd = address === null ? null : k.m.mm_find_pmd_slot(mm, address);
  if (address === null || !pmd || !e.pmd_is_table(yield* k.pmd_get(pmd))) return -EFAULT;
  const pte = k.m.pte_offset(pmd, address);
  const ptl = k.pte_lockptr(pte);
  yield* k.spin_lock(ptl);
  if (!e.pte_same(yield* k.pte_get(pte), orig_pte)) {
    yield* k.spin_unlock(ptl);
    return -EFAULT;
  }
  let newpte = e.mk_pte(kpage, vma.vm_page_prot);
  if (k.is_zero_pfn(kpage)) {
    newpte = e.pte_mkspecial(newpte);
  } else {
    yield* k.get_page(kpage);
    yield* k.page_add_anon_rmap(kpage, vma, address, false, false);
  }
  yield* k.ptep_clear_flush(mm, pte);
  yield* k.set_pte_at(pte, newpte);
  yield* k.page_remove_rmap(page, false);
  if (!(yield* k.page_mapped(page))) yield* k.try_to_free_swap(page);
  yield* k.spin_unlock(ptl);
  yield* k.put_page(page);
  return 0;
}

/**
 * mm/ksm.c:try_to_merge_one_page(). Simplified: no mlock.
 * Enters with mmap_sem held for reading and a reference to `page`; returns with both.
 *
 * @param kpage what to replace the page by; NO_PAGE makes a KSM page of it
 */
export function* try_to_merge_one_page(k: Kernel, vma: Vma, page: Pfn, kpage: Pfn): KRun<number> {
  if (page === kpage) return 0;
  if (!k.PageAnon(page)) return -EFAULT;
  if (!(yield* k.trylock_page(page))) return -EFAULT;
  let err = -EFAULT;
  const isWhole = !k.PageTransCompound(page) || (yield* k.split_huge_page(page)) === 0;
  const orig_pte = isWhole ? yield* k.write_protect_page(vma, page) : null;
  if (orig_pte !== null) {
    if (kpage === NO_PAGE) {
      yield* k.set_page_stable_node(page, NO_PAGE);
      yield* k.SetPageReferenced(page);
      // Its entry is clean, and yet reclaim must write it.
      if (!(yield* k.PageDirty(page))) yield* k.SetPageDirty(page);
      err = 0;
    } else if (yield* k.pages_identical(page, kpage)) {
      err = yield* k.replace_page(vma, page, kpage, orig_pte);
    }
  }
  yield* k.unlock_page(page);
  return err;
}

/**
 * mm/ksm.c:set_page_stable_node(). Faithful; a node is named by the page it was made for; NO_PAGE is none.
 * Enters with the page locked; returns with it locked.
 */
export function* set_page_stable_node(k: Kernel, page: Pfn, node: Pfn): KRun<void> {
  yield* k.step('mapping := KSM', pageMapObject(page), true, () => {
    k.m.pages.mapping[page] = Mapping.ksm;
    k.m.pages.mappingId[page] = node;
  });
}

/**
 * mm/util.c:pages_identical(). Faithful.
 * Enters with references to both; returns with them.
 */
export function* pages_identical(k: Kernel, one: Pfn, other: Pfn): KRun<boolean> {
  return yield* k.stepOn(
    'compare pages',
    () => [contentObject(one), contentObject(other)],
    0,
    () => k.m.pages.contentOf(one) === k.m.pages.contentOf(other),
  );
}

/**
 * mm/ksm.c:try_to_merge_with_ksm_page(). Faithful.
 * Enters with a reference to `page`; returns with it. Takes mmap_sem of the item's mm for reading.
 */
export function* try_to_merge_with_ksm_page(k: Kernel, item: RmapItem, page: Pfn, kpage: Pfn): KRun<number> {
  const mm = k.m.mm(item.mmId);
  yield* k.down_read(mm.mmap_sem);
  const vma = k.find_mergeable_vma(mm, item.va);
  const err = vma ? yield* k.try_to_merge_one_page(vma, page, kpage) : -EFAULT;
  if (err === 0 && vma) item.anonVma = vma.anon_vma;
  yield* k.up_read(mm.mmap_sem);
  return err;
}

/**
 * mm/ksm.c:try_to_merge_two_pages(). Faithful.
 * Enters with references to both pages; returns with them, and true if `page` is a KSM page mapped in both places.
 */
export function* try_to_merge_two_pages(
  k: Kernel,
  item: RmapItem,
  page: Pfn,
  tree_item: RmapItem,
  tree_page: Pfn,
): KRun<boolean> {
  if ((yield* k.try_to_merge_with_ksm_page(item, page, NO_PAGE)) !== 0) return false;
  if ((yield* k.try_to_merge_with_ksm_page(tree_item, tree_page, page)) === 0) return true;
  // Nobody to share it with: a KSM page outside the stable tree must not stay.
  yield* k.break_cow(item);
  return false;
}

/** max_page_sharing: so many mappings of one KSM page, lest a walk over them take too long. */
const MAX_PAGE_SHARING = 256;

/** stable_node_dup(): of the KSM pages with these contents that may be mapped once more the one that is mapped most. */
function candidate(k: Kernel, contents: number): Pfn | null {
  const { stable, items } = k.m.ksm;
  const places = (kpage: Pfn): number => items.get(kpage)?.length ?? 0;
  const chain = (stable.get(contents) ?? []).filter((kpage) => places(kpage) < MAX_PAGE_SHARING);
  return chain.sort((a, b) => places(b) - places(a))[0] ?? null;
}

/**
 * mm/ksm.c:stable_tree_insert(). Simplified: the tree is a map by contents.
 * Enters with the page locked; returns false if there is a KSM page with these contents that can be shared more.
 */
export function* stable_tree_insert(k: Kernel, kpage: Pfn): KRun<boolean> {
  const { stable, items } = k.m.ksm;
  const contents = yield* k.read_content(kpage);
  const inserted = yield* k.step('stable_tree_insert', ksmObject, true, () => {
    if (candidate(k, contents) !== null) return false;
    stable.set(contents, [...(stable.get(contents) ?? []), kpage]);
    items.set(kpage, []);
    return true;
  });
  if (inserted) yield* k.set_page_stable_node(kpage, kpage);
  return inserted;
}

/**
 * mm/ksm.c:stable_tree_append(). Faithful.
 * Enters with the KSM page locked; returns with rmap able to find this mapping.
 */
export function* stable_tree_append(k: Kernel, item: RmapItem, kpage: Pfn): KRun<void> {
  yield* k.step('stable_tree_append', ksmObject, true, () => {
    const known = k.m.ksm.items.get(kpage) ?? [];
    k.m.ksm.items.set(kpage, [...known, { ...item }]);
  });
}

/**
 * mm/ksm.c:stable_tree_search(). Simplified: one lookup; drops the nodes it finds whose pages are gone.
 * Enters with a reference to `page`; returns the KSM page with a reference, or NO_PAGE.
 */
export function* stable_tree_search(k: Kernel, page: Pfn): KRun<Pfn> {
  if (k.PageKsm(page) && k.m.pages.mappingId[page] !== NO_PAGE) {
    yield* k.get_page(page);
    return page;
  }
  const contents = yield* k.read_content(page);
  for (;;) {
    const found = yield* k.step('stable_tree_search', ksmObject, false, () => candidate(k, contents));
    if (found === null) return NO_PAGE;
    if (yield* k.get_ksm_page(found)) {
      if (yield* k.pages_identical(page, found)) return found;
      yield* k.put_page(found);
      return NO_PAGE;
    }
    yield* k.remove_node_from_stable_tree(found);
  }
}

/**
 * mm/ksm.c:get_ksm_page(). Simplified: a frozen page counts as gone.
 * Enters with no lock held; returns true with a reference, or false if the page is no KSM page any more.
 */
export function* get_ksm_page(k: Kernel, kpage: Pfn): KRun<boolean> {
  return yield* k.step('get_ksm_page', pageRefObject(kpage), true, () => {
    const { refcount, mapping } = k.m.pages;
    if (refcount[kpage] === 0 || mapping[kpage] !== Mapping.ksm || !k.m.ksm.items.has(kpage)) return false;
    refcount[kpage]!++;
    return true;
  });
}

/**
 * mm/ksm.c:remove_node_from_stable_tree(). Faithful.
 * Enters with no lock held; returns with the node and its items forgotten.
 */
export function* remove_node_from_stable_tree(k: Kernel, kpage: Pfn): KRun<void> {
  const { stable, items } = k.m.ksm;
  yield* k.step('remove stable node', ksmObject, true, () => {
    for (const [contents, chain] of stable) {
      const left = chain.filter((one) => one !== kpage);
      if (left.length > 0) stable.set(contents, left);
      else stable.delete(contents);
    }
    items.delete(kpage);
  });
}
