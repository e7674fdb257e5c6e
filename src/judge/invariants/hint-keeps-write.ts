import { entry as e, nameOfAddress } from '../../core/index';
import { invariant } from '../invariant';
import { beforeHiding, viewKey } from '../notes';

/** System calls that change what an entry permits, hidden or not. */
const changesRights = new Set([
  'mprotect',
  'uffd_protect',
  'uffd_unprotect',
  'clear_refs',
  'fork',
  'mremap',
  'mmap',
  'madvise free',
]);

export default invariant({
  id: 'hint-keeps-write',
  class: 'spurious',
  says: 'The fault that ends a NUMA hint leaves the entry as writable as it was before the hint.',
  source:
    'mm/memory.c:do_numa_page(), mm/huge_memory.c:do_huge_pmd_numa_page(); commit b191f9b106ea (savedwrite)',
  at: 'entry',
  check(h, m, notes) {
    if (m.config.nodes < 2 || !e.pte_present(h.after) || e.pte_protnone(h.after)) return null;
    const was = notes.hinted.get(viewKey(h.mmId, h.va));
    if (was === undefined || was === e.pte_write(h.after)) return null;
    if (!e.pte_protnone(beforeHiding(h, notes))) return null;
    if (notes.calls.some((c) => c.task === h.task.id && changesRights.has(c.name))) return null;
    const at = nameOfAddress(m.config, h.va);
    return was
      ? `the entry at ${at} was writable before the hint and is not after it`
      : `the entry at ${at} became writable by a hint`;
  },
});
