import { nameOfAddress } from '../../core/index';
import { invariant } from '../invariant';
import { mmOfKey, vaOfKey } from '../notes';
import { allowedAt, heldAt, vmaAt } from '../world';

export default invariant({
  id: 'contents-survive',
  class: 'unsafe-write',
  says: 'When the program is done, every page holds what was last stored in it.',
  source: 'the memory of any process; mm/vmscan.c, mm/migrate.c, mm/khugepaged.c must keep it',
  at: 'quiet',
  check(_h, m, notes) {
    for (const key of notes.view.keys()) {
      const mm = m.mm(mmOfKey(key));
      const va = vaOfKey(key);
      if (mm.exited || !vmaAt(mm, va)) continue;
      const held = heldAt(m, mm, va);
      const allowed = allowedAt(notes, mm, va);
      if (held !== null && !allowed.includes(held)) {
        return `${mm.name} has contents ${held} at ${nameOfAddress(m.config, va)} where ${allowed.join(' or ')} was stored`;
      }
    }
    return null;
  },
});
