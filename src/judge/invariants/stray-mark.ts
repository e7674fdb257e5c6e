import {
  entry as e,
  flags as f,
  leavesOf,
  type Machine,
  type Mm,
  nameOfAddress,
  presentLeaf,
} from '../../core/index';
import { invariant } from '../invariant';
import { vmaAt } from '../world';

function firstStray(m: Machine, mm: Mm): string | null {
  for (const leaf of leavesOf(mm)) {
    const isMarked = presentLeaf(leaf) ? e.pte_uffd_wp(leaf.entry) : e.pte_swp_uffd_wp(leaf.entry);
    if (!isMarked) continue;
    const vma = vmaAt(mm, leaf.va);
    if (vma && (vma.vm_flags & f.VM_UFFD_WP) === 0)
      return `${mm.name} has a mark at ${nameOfAddress(m.config, leaf.va)} in a mapping that is not registered`;
  }
  return null;
}

export default invariant({
  id: 'stray-mark',
  class: 'spurious',
  says: 'Only mappings that are registered for write-protection have uffd-wp marks.',
  source:
    'commits f369b07c8614 (unregister) and c88033efe9a3 (close); fs/userfaultfd.c:dup_userfaultfd(), mremap_userfaultfd_prep()',
  at: 'quiet',
  check(_h, m) {
    for (const mm of m.mms) {
      const found = mm.exited ? null : firstStray(m, mm);
      if (found !== null) return found;
    }
    return null;
  },
});
