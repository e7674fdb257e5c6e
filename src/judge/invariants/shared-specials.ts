import { invariant } from '../invariant';
import { isFilePage, isKsm, isPrivate, isSpecialPage, vmaAt } from '../world';

export default invariant({
  id: 'shared-specials',
  class: 'unsafe-write',
  says: 'No store lands in the zero page, in a KSM page, or through a private mapping in a page of a file.',
  source: 'mm/memory.c:do_anonymous_page(), do_cow_fault(); mm/ksm.c',
  at: 'store',
  check(h, m) {
    if (isSpecialPage(m, h.page))
      return `a store landed in the ${h.page === m.zeroPage ? '' : 'huge '}zero page`;
    if (!m.pfn_valid(h.page)) return null;
    if (isKsm(m, h.page)) return 'a store landed in a KSM page';
    const vma = vmaAt(h.mm, h.va);
    if (vma && isPrivate(vma) && isFilePage(m, h.page))
      return 'a store to a private mapping landed in a page of the file';
    return null;
  },
});
