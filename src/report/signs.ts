/** What the words of a table and the signs of a drawing mean: the legend. */
import type { Listed, ListedGroup } from './list';
import { classes, classWords, notRun, ofOtherShard, verdictWords } from './words';

const sign = (id: string, says: string): Listed => ({ id, beside: '', says });

const words: readonly Listed[] = [
  ...classes.map((id) => ({ id: classWords[id].word, beside: id, says: classWords[id].means })),
  {
    id: '*',
    beside: 'spurious',
    says: 'behind another word: something spurious was seen, too, which alone breaks no proposal',
  },
  ...Object.entries(verdictWords).map(([id, { word, means }]) => ({ id: word, beside: id, says: means })),
  ...[notRun, ofOtherShard].map(({ word, means }) => ({ id: word, beside: '', says: means })),
];

const lines: readonly Listed[] = [
  sign('CPU0 vcpu', 'heads the column of a CPU, or stands before its lines where columns do not fit'),
  sign('write guest[1]', 'a step of the fixture begins'),
  sign('do_wp_page()', 'a kernel function is entered; what happens in it is indented'),
  sign(
    'unmapPte()',
    "written like this, a part that the model has as a function of its own and the kernel has not; user_store() and user_load() are the CPU's",
  ),
  sign(
    'pte guest[1]  515 P-WDAS-- -> P--DAS--',
    'what changed: object, before, after; a frame that stays is not said twice',
  ),
  sign('read pte guest[1]', 'an access that changed nothing, after which another CPU goes on'),
  sign(
    'pte guest[0] .. guest[3]  none -> 514..517 P-WDAS--',
    'neighbours that became the same, of frames in a row; 514 alone: all of the same frame',
  ),
  sign('child: pte guest[1]', 'of another process than the first, by the name that the fixture gives it'),
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
  sign('a12b3a-0f3c9e-hw', 'the same of a run that --hardware has found'),
];

/** Everything else that changes: the object, and what is said of it. Frames and contents are numbers. */
const objects: readonly Listed[] = [
  sign('page 515 refcount', 'references; of a huge page, behind a comma, its pins'),
  sign('page 515 mapcount', 'how often it is mapped; of a huge page, of all its parts: 3 pte + 1 pmd'),
  sign(
    'page 515 flags',
    'anon, ksm or file, then the PG_ flags that are set; exclusive:3: of so many of its parts; FREE: with the allocator; +lru and -lru behind the arrow: what was set and cleared',
  ),
  sign('page 515 contents', '#17: the store whose result it holds; every store has a number, zeroes are #0'),
  sign('page 515 lock', 'the page lock'),
  sign('ptl', 'the lock of a page table, with its first page where the memory takes several'),
  sign('pmd lock', 'the same of a table of PMDs'),
  sign('mmap_sem', 'free, or by whom it is read or written'),
  sign('rmap lock', 'the same of the locks of reverse maps, which are one here'),
  sign('tlb of vcpu', 'the translations that a CPU has'),
  sign('tlb_flush_pending', 'how many are changing entries and have not flushed yet'),
  sign('tlb_flush_batched', '1: reclaim owes a flush'),
  sign(
    'userfaultfd queue',
    'messages that nobody has read, those that were read, and events; by name where there are several',
  ),
  sign('userfaultfd state', 'open, mmap_changing or released'),
  sign(
    'descriptors',
    'userfaultfds that are open: the process, a number for each, and how many keep the file open',
  ),
  sign(
    'file data',
    'pages in its cache, as index:frame; what is stored, as index:contents; what is tagged dirty; in place of what stays of a long list stands ..',
  ),
  sign('swap slot 3', 'how many refer to it, whether it is in the swap cache, and its contents'),
  sign('stable tree', "KSM's pages, and at how many places each may be mapped"),
  sign('pagevec of vcpu', 'fresh pages that a CPU has gathered for the LRU, each with a reference'),
  sign('processes', 'all that there are; "process of child": of the task that a fork gives it to'),
  sign('semaphore done', 'of the program, by the name that the fixture gives it'),
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
  objects: { title: 'what else changes', entries: objects },
  places: {
    title: 'an entry, 515 P-WDAS--: its frame, then eight places, - where a bit is clear',
    entries: places,
  },
  others: { title: 'what stands in place of such an entry', entries: others },
} satisfies Record<string, ListedGroup>;
