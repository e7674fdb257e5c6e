import { invariant } from '../invariant';

export default invariant({
  id: 'bounded-refault',
  class: 'sigbus-loop',
  says: 'A thread does not fault again and again at one address without getting on.',
  source: 'mm/memory.c:handle_pte_fault(): a fault that is handled lets the access go on',
  at: 'bug',
  check(h) {
    return h.bug === 'hang' ? h.text : null;
  },
});
