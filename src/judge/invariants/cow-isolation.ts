import { invariant } from '../invariant';
import { isOnSwapElsewhere, isPrivate, isSharedFrame, isSpecialPage, mappersOf, vmaAt } from '../world';

export default invariant({
  id: 'cow-isolation',
  class: 'unsafe-write',
  says: 'A store to private memory changes what no other process and no other address sees.',
  source: 'mmap(2) MAP_PRIVATE; mm/memory.c:do_wp_page()',
  at: 'store',
  check(h, m, notes) {
    const vma = vmaAt(h.mm, h.va);
    if (!vma || !isPrivate(vma) || !m.pfn_valid(h.page)) return null;
    if (isSpecialPage(m, h.page) || !isSharedFrame(m, h.page)) return null;
    // The child cannot run before fork() has flushed, so it will have been copied after the store.
    if (h.stale && notes.calls.some((c) => c.name === 'fork' && c.mm === h.mm.id)) return null;
    const page = Math.floor(h.va / 4096) * 4096;
    const others = mappersOf(m, h.page).filter((o) => o.mm !== h.mm || o.va !== page);
    const other = others.find((o) => o.mm !== h.mm) ?? others[0];
    if (!other)
      return isOnSwapElsewhere(m, h.page, h.mm, page)
        ? 'a store landed in a page that is shared with a swapped-out mapping'
        : null;
    return `a store by ${h.mm.name} landed in a page that ${other.mm === h.mm ? 'is mapped twice' : `${other.mm.name} maps, too`}`;
  },
});
