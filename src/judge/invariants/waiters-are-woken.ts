import { invariant } from '../invariant';

const wakes = new Set([
  'uffd_unprotect',
  'uffd_copy',
  'uffd_zeropage',
  'uffd_wake',
  'uffd_unregister',
  'uffd_close',
]);

export default invariant({
  id: 'waiters-are-woken',
  class: 'sigbus-loop',
  says: 'Whoever waits for a range that is resolved, woken, unregistered or closed is woken.',
  source: 'fs/userfaultfd.c:wake_userfault(), userfaultfd_unregister(), userfaultfd_release()',
  at: 'return',
  check(h, m, notes) {
    if (!wakes.has(h.name) || h.result < 0 || h.args.dontwake) return null;
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
