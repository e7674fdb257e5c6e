import { invariant } from '../invariant';
import { wantsSigbus } from '../world';

export default invariant({
  id: 'no-sigbus',
  class: 'sigbus-loop',
  says: 'An access that the program may make ends without SIGBUS.',
  source:
    '<20180904075510.22338-1-peterx@redhat.com>; commit 4064b9827063 ("mm: allow VM_FAULT_RETRY for multiple times")',
  at: 'signal',
  check(h) {
    if (wantsSigbus(h.task.mm, h.va)) return null;
    return h.signal === 'SIGBUS' ? `${h.task.name} got SIGBUS: ${h.why}` : null;
  },
});
