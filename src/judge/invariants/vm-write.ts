import { flags as f } from '../../core/index';
import { invariant } from '../invariant';
import type { ActiveCall } from '../notes';
import { vmaAt } from '../world';

/** A move takes rights away where it goes, too. */
const concerns = ({ name, start, end, args }: ActiveCall, va: number): boolean => {
  const to = name === 'mremap' ? (args.to ?? start) : start;
  return (va >= start && va < end) || (va >= to && va < to + (end - start));
};

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
    if (notes.calls.some((call) => call.mm === h.mm.id && call.task !== h.task.id && concerns(call, h.va)))
      return null;
    return vma
      ? 'a store landed in a mapping without VM_WRITE'
      : 'a store landed at an address that is not mapped';
  },
});
