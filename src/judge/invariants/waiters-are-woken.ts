import { invariant } from '../invariant';
import { wakes } from '../notes';

export default invariant({
  id: 'waiters-are-woken',
  class: 'sigbus-loop',
  says: 'Whoever waits for a range that is resolved, woken, unregistered or closed is woken.',
  source: 'fs/userfaultfd.c:wake_userfault(), userfaultfd_unregister(), userfaultfd_release()',
  at: 'return',
  check(h, m, notes) {
    if (!wakes(h) || h.result < 0) return null;
    const call = notes.calls.find((c) => c.task === h.task.id);
    for (const ctx of m.ctxs) {
      for (const wait of [...ctx.fault_pending, ...ctx.fault]) {
        if (!call?.sleepers.includes(wait.task) || wait.waken) continue;
        const isConcerned = wait.msg.address >= h.start && wait.msg.address < h.end;
        if (h.name === 'uffd_close' ? !ctx.released : !isConcerned) continue;
        return `${m.task(wait.task).name} still waits after ${h.name} of its page returned`;
      }
    }
    return null;
  },
});
