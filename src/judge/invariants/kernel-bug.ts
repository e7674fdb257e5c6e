import type { BugKind } from '../../core/index';
import { type Invariant, invariant } from '../invariant';

/** The kernel's own words for what went wrong, one invariant each, because a reviewer asks for them by kind. */
function noBug(id: string, says: string, source: string, kinds: readonly BugKind[]): Invariant {
  return invariant({
    id,
    class: 'kernel-integrity',
    says,
    source,
    at: 'bug',
    check: (h) => (kinds.includes(h.bug) ? h.text : null),
  });
}

export const noReachableBug = noBug(
  'no-reachable-bug',
  'No system call can reach a BUG_ON, a VM_BUG_ON or an oops.',
  'include/linux/mmdebug.h, include/asm-generic/bug.h',
  ['BUG', 'VM_BUG_ON', 'oops'],
);
export const noBadPage = noBug(
  'no-bad-page',
  'No page is freed while it is mapped, and no entry maps a page without counting it.',
  'mm/page_alloc.c:bad_page(), mm/memory.c:print_bad_pte()',
  ['bad page'],
);
export const noWildPage = noBug(
  'no-wild-page',
  'struct page is taken from an entry only where one exists.',
  'mm/memory.c:vm_normal_page()',
  ['wild page'],
);
export const lockDiscipline = noBug(
  'lock-discipline',
  'No lock is taken twice or released by another, and nothing sleeps while it holds a spinlock.',
  'Documentation/locking; kernel/locking/spinlock_debug.c; might_sleep()',
  ['recursion', 'unreleased lock', 'sleep'],
);
