import { invariant } from '../invariant';
import { armedOf } from '../notes';
import { has } from '../ranges';

export default invariant({
  id: 'armed-store',
  class: 'lost-event',
  says: 'A store to a page that the monitor has protected waits for an event to be resolved.',
  source: 'Documentation/admin-guide/mm/userfaultfd.rst; fs/userfaultfd.c:userfaultfd_writeprotect()',
  at: 'store',
  check(h, _m, notes) {
    return has(armedOf(notes, h.mm.id), h.va)
      ? 'a store landed in a protected page and nobody un-protected it'
      : null;
  },
});
