import { entry as e, type Pte } from '../../core/index';
import { invariant } from '../invariant';

const storesTo = (entry: Pte, page: number): boolean =>
  e.pte_write(entry) && e.pte_dirty(entry) && e.pte_pfn(entry) === page;

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
      const tlb = m.tlbs[task.id]!;
      const cached = tlb.lookup(h.va, m.HPAGE_PMD_SIZE);
      const offset = cached?.huge ? Math.floor((h.va % m.HPAGE_PMD_SIZE) / 4096) : 0;
      if (cached && storesTo(cached.entry, h.from - offset)) {
        return `page ${h.from} is copied while the CPU of ${task.name} holds a writable translation of it`;
      }
      if (tlb.lingering?.of(Math.floor(h.va / 4096)).some((one) => storesTo(one, h.from))) {
        return `page ${h.from} is copied while the CPU of ${task.name} may hold a writable translation of it`;
      }
    }
    return null;
  },
});
