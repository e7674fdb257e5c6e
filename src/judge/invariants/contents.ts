import { invariant } from '../invariant';
import { isBeingWithdrawn } from '../withdrawn';
import { allowedAt } from '../world';

export default invariant({
  id: 'load-sees-last-store',
  class: 'unsafe-write',
  says: 'A load sees what was last stored there, by nobody else.',
  source: 'the memory of any process',
  at: 'load',
  check(h, m, notes) {
    if (h.stale && isBeingWithdrawn(m, notes, h.mm, h.va)) return null;
    // A move that has not returned: the contents are on their way.
    if (notes.calls.some((c) => c.name === 'mremap' && c.mm === h.mm.id)) return null;
    const allowed = allowedAt(notes, h.mm, h.va);
    if (allowed.includes(h.content)) return null;
    return `${h.mm.name} loads contents ${h.content} where ${allowed.join(' or ')} was stored`;
  },
});
