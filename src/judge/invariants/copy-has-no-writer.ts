import { entry as e } from '../../core/index';
import { invariant } from '../invariant';

export default invariant({
  id: 'copy-has-no-writer',
  class: 'unsafe-write',
  says: 'When the kernel copies a page for copy-on-write, no CPU can still write the source.',
  source:
    'mm/memory.c:wp_page_copy(); commit 6ce64428d62 ("mm/userfaultfd: fix memory corruption due to writeprotect")',
  at: 'copy',
  check(h, m) {
    for (const task of m.tasks) {
      if (task.mm !== h.mm) continue;
      const cached = m.tlbs[task.id]!.lookup(h.va, m.HPAGE_PMD_SIZE);
      if (!cached || !e.pte_write(cached.entry) || !e.pte_dirty(cached.entry)) continue;
      const offset = cached.huge ? Math.floor((h.va % m.HPAGE_PMD_SIZE) / 4096) : 0;
      if (e.pte_pfn(cached.entry) + offset === h.from) {
        return `page ${h.from} is copied while the CPU of ${task.name} holds a writable translation of it`;
      }
    }
    return null;
  },
});
