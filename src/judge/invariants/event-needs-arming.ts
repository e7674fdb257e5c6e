import { invariant } from '../invariant';
import { mayBeArmedOf } from '../notes';
import { has } from '../ranges';

const UFFD_PAGEFAULT_FLAG_WP = 2;

export default invariant({
  id: 'event-needs-arming',
  class: 'spurious',
  says: 'A write-protect event is sent only for a page that the monitor has protected.',
  source:
    'Documentation/admin-guide/mm/userfaultfd.rst; optional for the 2018 branch, where every read-only entry of the VMA counts',
  at: 'event',
  check(h, _m, notes) {
    if (h.msg.event !== 'pagefault' || (h.msg.flags & UFFD_PAGEFAULT_FLAG_WP) === 0) return null;
    if (has(mayBeArmedOf(notes, h.ctx.mm.id), h.msg.address)) return null;
    // The fault came first: its event may be late, and userfaultfd_must_wait() takes it back.
    if (notes.faultedArmed.has(h.task.id)) return null;
    return 'an event was sent for a page that is not protected';
  },
});
