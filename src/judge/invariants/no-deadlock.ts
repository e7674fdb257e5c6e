import { kindOf } from '../../core/index';
import { invariant } from '../invariant';

/** Waits that only user space can end; for whoever waits there the program has to answer, not the kernel. */
const ofUserSpace = new Set(['userfaultfd', 'sleeper', 'semaphore', 'process']);

export default invariant({
  id: 'no-deadlock',
  class: 'kernel-integrity',
  says: 'Nobody waits for ever for a lock.',
  source: 'kernel/hung_task.c',
  at: 'stuck',
  check(h, m) {
    const object = h.task.pending.objects[0];
    if (object !== undefined && ofUserSpace.has(kindOf(object))) return null;
    const dead = m.tasks.find((t) => t.dead);
    return `${h.task.name} waits for ever for ${h.waitsFor}${dead ? `; ${dead.name} died with its locks held` : ''}`;
  },
});
