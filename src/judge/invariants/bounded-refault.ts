import { invariant } from '../invariant';
import { isKernelBusy } from '../world';

export default invariant({
  id: 'bounded-refault',
  class: 'sigbus-loop',
  says: 'A thread does not fault again and again at one address without getting on.',
  source: 'mm/memory.c:handle_pte_fault(): a fault that is handled lets the access go on',
  at: 'bug',
  check(h, m) {
    // As long as another is in the kernel, the loop ends when that one gets on: a fair scheduler sees to it.
    return h.bug === 'hang' && !isKernelBusy(m, h.task) ? h.text : null;
  },
});
