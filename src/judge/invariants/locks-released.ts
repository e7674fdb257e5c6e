import { isHeldBy } from '../../core/index';
import { invariant } from '../invariant';

export default invariant({
  id: 'locks-released',
  class: 'kernel-integrity',
  says: 'A system call returns with no lock held.',
  source: 'kernel/locking/lockdep.c:lockdep_sys_exit()',
  at: 'return',
  check(h, m) {
    const { task } = h;
    const spin = task.spinlocks.at(-1);
    if (spin) return `${h.name} returned with ${spin.name} held`;
    if (task.pageLocks.length > 0) return `${h.name} returned with page ${task.pageLocks[0]} locked`;
    const held = [...m.mms.map(({ mmap_sem }) => mmap_sem), m.rmapLock].find((sem) => isHeldBy(sem, task.id));
    return held ? `${h.name} returned with ${held.name} held` : null;
  },
});
