import { invariant } from '../invariant';
import { isBeingWithdrawn } from '../withdrawn';

export default invariant({
  id: 'stale-store',
  class: 'unsafe-write',
  says: 'When a call that takes a translation away has returned, no CPU writes through a stale copy of it.',
  source:
    'arch/x86/mm/tlb.c; mm/mprotect.c:change_protection_range(); commit 6ce64428d62 ("mm/userfaultfd: fix memory corruption due to writeprotect")',
  at: 'store',
  check(h, m, notes) {
    if (!h.stale) return null;
    // A flush that is still to come belongs to a call, or a fault, that has not returned.
    if (isBeingWithdrawn(m, notes, h.mm, h.va)) return null;
    return 'a store went through a TLB entry that memory had withdrawn, with no call in progress that would flush it';
  },
});
