import { entry as e, nameOfAddress } from '../../core/index';
import { invariant } from '../invariant';
import { isFilePage, isPrivate, vmaAt } from '../world';

export default invariant({
  id: 'dirty-proves-ownership',
  class: 'unsafe-write',
  says: 'A dirty entry of a private mapping maps a page of its own, never one of the page cache.',
  source:
    'mm/gup.c:can_follow_write_pte(), which takes D for the proof that COW was broken; 19be0eaffa3a, 5535be309971',
  at: 'entry',
  check(h, m) {
    if (h.huge || !e.pte_present(h.after) || !e.pte_dirty(h.after)) return null;
    const page = e.pte_pfn(h.after);
    if (!m.pfn_valid(page) || !isFilePage(m, page)) return null;
    const vma = vmaAt(m.mm(h.mmId), h.va);
    if (!vma || !isPrivate(vma)) return null;
    return `the entry at ${nameOfAddress(m.config, h.va)} of a private mapping is dirty and maps a page of ${vma.vm_file?.name ?? 'a file'}`;
  },
});
