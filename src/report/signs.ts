/** What the words of a table and the signs of a drawing mean: the legend. */
import type { Listed, ListedGroup } from './list';
import { classes, classWords, notRun, verdictWords } from './words';

const sign = (id: string, says: string): Listed => ({ id, beside: '', says });

const words: readonly Listed[] = [
  ...classes.map((id) => ({ id: classWords[id].word, beside: id, says: classWords[id].means })),
  {
    id: '*',
    beside: 'spurious',
    says: 'behind another word: something spurious was seen, too, which alone breaks no proposal',
  },
  ...Object.entries(verdictWords).map(([id, { word, means }]) => ({ id: word, beside: id, says: means })),
  { id: notRun.word, beside: '', says: notRun.means },
];

const lines: readonly Listed[] = [
  sign('CPU0 vcpu', 'heads the column of a CPU, or stands before its lines where columns do not fit'),
  sign('write guest[1]', 'a step of the fixture begins'),
  sign('do_wp_page()', 'a kernel function is entered; what happens in it is indented'),
  sign(
    'pte guest[1]  515 P-WDAS-- -> P--DAS--',
    'what changed: object, before, after; a frame that stays is not said twice',
  ),
  sign('[ page fault at guest[1], flags 55 ]', 'something that the hardware or the kernel tells'),
  sign(
    '| FAULT_FLAG_ALLOW_RETRY missing 71',
    "a line of the kernel's log; long ones reach into the next column",
  ),
  sign('*** SIGBUS at guest[1]', 'a signal, a kernel bug, or an invariant that breaks here'),
  sign(
    '[ hardware: the CPU walks ahead ]',
    'with --hardware: the CPU of that column sets A in an entry unasked',
  ),
  sign(
    '[ hardware: the CPU chooses another translation ]',
    'with --hardware: for its next access it uses what the next line says: what it had fetched before, or what memory says in place of what it has',
  ),
  sign(
    'tlb of vcpu  empty -> perhaps still guest[0] 514 P-WDA---',
    'with --hardware: what that CPU may have fetched before, until a flush reaches it',
  ),
  sign(
    'a12b3a-0f3c9e',
    'after "replay:": whose turn it is, 12 steps of the first actor, 3 of the second, one of the first; then a checksum of what they touched',
  ),
];

/** Where a letter stands among the eight of an entry. */
const letter = (id: string, place: number, says: string): Listed => ({ id, beside: `place ${place}`, says });

const places: readonly Listed[] = [
  letter('P', 1, 'present'),
  letter('N', 1, 'in place of P: PROT_NONE of a NUMA hint'),
  letter('H', 2, 'huge, at PMD level'),
  letter('W', 3, 'writable'),
  letter('D', 4, 'dirty'),
  letter('A', 5, 'accessed'),
  letter('S', 6, 'soft-dirty'),
  letter('U', 7, 'write-protected through userfaultfd'),
  letter('Z', 8, 'special: zero page, or no struct page'),
];

const others: readonly Listed[] = [
  sign('none', 'an empty slot'),
  sign('table', 'a PMD that points to a page table'),
  sign(
    'swap 3 S-',
    'a swap entry, its offset, and its marks: S soft-dirty, U write-protected through userfaultfd',
  ),
  sign('migr-r 515 --', 'a migration entry, the frame, and the marks as above; of a page mapped read-only'),
  sign('migr-w 515 --', 'the same of a page mapped writable'),
  sign('migr-x 515 --', 'the same of a read-only page that belongs to one process alone'),
  sign('poison 515 --', 'a page that the hardware has lost'),
  sign('marker 0 -U', 'no page, only what is to be kept of an entry that is gone'),
];

/** By the names under which docs/reading-a-trace.md asks for them. */
export const signs = {
  words: { title: 'words of a table', entries: words },
  lines: { title: 'lines of a run', entries: lines },
  places: {
    title: 'an entry, 515 P-WDAS--: its frame, then eight places, - where a bit is clear',
    entries: places,
  },
  others: { title: 'what stands in place of such an entry', entries: others },
} satisfies Record<string, ListedGroup>;
