import { flags as f } from '../../core/index';
import { invariant } from '../invariant';
import { vmaAt } from '../world';

export default invariant({
  id: 'vm-write',
  class: 'unsafe-write',
  says: 'A store lands only in a mapping that allows writing.',
  source: 'mprotect(2); arch/x86/mm/fault.c:access_error()',
  at: 'store',
  check(h, _m, notes) {
    if (h.access === 'gup') return null;
    const vma = vmaAt(h.mm, h.va);
    if (vma && vma.vm_flags & f.VM_WRITE) return null;
    // Until the call that takes the right away returns, a store may still come before it.
    if (notes.calls.some((c) => c.mm === h.mm.id && c.task !== h.task.id && h.va >= c.start && h.va < c.end))
      return null;
    return vma
      ? 'a store landed in a mapping without VM_WRITE'
      : 'a store landed at an address that is not mapped';
  },
});
