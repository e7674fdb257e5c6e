import {
  entry as e,
  endOf,
  leavesOf,
  type Machine,
  type Mm,
  nameOfAddress,
  presentLeaf,
} from '../../core/index';
import { invariant } from '../invariant';

export default invariant({
  id: 'armed-entry',
  class: 'lost-event',
  says: 'When the program is done, no entry of a page that is still protected is writable.',
  source: 'Documentation/admin-guide/mm/userfaultfd.rst; mm/khugepaged.c (e1e267c7928f)',
  at: 'quiet',
  check(_h, m, notes) {
    for (const [id, armed] of notes.armed) {
      const mm = m.mm(id);
      if (armed.list.length === 0 || mm.exited) continue;
      const at = firstWritable(m, mm, armed.list);
      if (at !== null)
        return `the entry at ${nameOfAddress(m.config, at)} is writable, and nobody un-protected it`;
    }
    return null;
  },
});

function firstWritable(m: Machine, mm: Mm, armed: readonly { start: number; end: number }[]): number | null {
  for (const leaf of leavesOf(mm)) {
    if (!presentLeaf(leaf) || !e.pte_write(leaf.entry)) continue;
    if (armed.some((r) => r.start < endOf(leaf, m.HPAGE_PMD_SIZE) && r.end > leaf.va)) return leaf.va;
  }
  return null;
}
