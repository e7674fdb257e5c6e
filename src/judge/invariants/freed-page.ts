import { PG_free } from '../../core/index';
import { invariant } from '../invariant';

export default invariant({
  id: 'freed-page',
  class: 'unsafe-write',
  says: 'No store lands in a page that was given back to the allocator.',
  source: 'mm/page_alloc.c:free_pages_prepare()',
  at: 'store',
  check(h, m) {
    if (!m.pfn_valid(h.page)) return null;
    const head = m.compound_head(h.page);
    return m.pages.flags[head]! & PG_free ? 'a store landed in a freed page' : null;
  },
});
