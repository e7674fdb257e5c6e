import { entry as e, flags as f, nameOfAddress } from '../../core/index';
import { invariant } from '../invariant';
import { vmaAt } from '../world';

export default invariant({
  id: 'mark-excludes-write',
  class: 'lost-event',
  says: 'An entry with the uffd-wp mark in a mapping that is registered for it is not writable.',
  source:
    'commit 51d3d5eb74ff ("mm/userfaultfd: enable writenotify while userfaultfd-wp is enabled for a VMA")',
  at: 'entry',
  check(h, m) {
    const leaf = h.huge ? e.pmd_trans_huge(h.after) : e.pte_present(h.after);
    if (!leaf || !e.pte_uffd_wp(h.after) || !e.pte_write(h.after)) return null;
    // A mark that is left where nothing is registered any more promises nothing; see stray-mark.
    const vma = vmaAt(m.mm(h.mmId), h.va);
    if (!vma || (vma.vm_flags & f.VM_UFFD_WP) === 0) return null;
    return `the entry at ${nameOfAddress(m.config, h.va)} is marked and writable`;
  },
});
