import { entry as e, type File, type Machine, PG_dirty } from '../../core/index';
import { type Invariant, invariant } from '../invariant';
import { fileKey } from '../notes';
import { isPrivate, mappersOf, vmaAt } from '../world';

export const fileNotified: Invariant = invariant({
  id: 'file-notified',
  class: 'lost-tracking',
  says: 'A page of a shared file mapping is written only after the file system was told (page_mkwrite).',
  source: 'mm/memory.c:do_page_mkwrite(); <20180912103311.iwytyuk4lgckad5a@kshutemo-mobl1>',
  at: 'store',
  check(h, _m, notes) {
    const vma = vmaAt(h.mm, h.va);
    const file = vma?.vm_file;
    if (!vma || !file || isPrivate(vma) || !file.page_mkwrite || h.access === 'gup') return null;
    const index = vma.vm_pgoff + Math.floor((h.va - vma.vm_start) / 4096);
    if (notes.notified.has(fileKey(file.id, index))) return null;
    return `page ${index} of ${file.name} was written without page_mkwrite since it was last cleaned`;
  },
});

export const fileDirtySeen: Invariant = invariant({
  id: 'file-dirty-seen',
  class: 'lost-tracking',
  says: 'A page of a file that differs from the disk is dirty, or some entry of it is.',
  source: 'mm/page-writeback.c:clear_page_dirty_for_io()',
  at: 'quiet',
  check(_h, m) {
    for (const file of m.files) {
      if (!file.accountsDirty) continue;
      const index = firstForgotten(m, file);
      if (index !== null)
        return `page ${index} of ${file.name} differs from the disk and nothing says that it is dirty`;
    }
    return null;
  },
});

function firstForgotten(m: Machine, file: File): number | null {
  for (const [index, page] of file.cache) {
    if (m.pages.content[page] === (file.disk.get(index) ?? 0)) continue;
    if (m.pages.flags[page]! & PG_dirty) continue;
    if (!mappersOf(m, page).some((o) => e.pte_dirty(o.leaf.entry))) return index;
  }
  return null;
}

export const dirtyCount: Invariant = invariant({
  id: 'dirty-count',
  class: 'lost-tracking',
  says: 'NR_FILE_DIRTY is the number of dirty pages of the page cache.',
  source: 'mm/page-writeback.c:account_page_dirtied(), account_page_cleaned()',
  at: 'quiet',
  check(_h, m) {
    for (const file of m.files) {
      if (!file.accountsDirty) continue;
      const dirty = [...file.cache.values()].filter((page) => m.pages.flags[page]! & PG_dirty).length;
      if (dirty !== file.nrDirty)
        return `${file.name}: NR_FILE_DIRTY says ${file.nrDirty}, ${dirty} pages are dirty`;
    }
    return null;
  },
});
