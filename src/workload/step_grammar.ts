/**
 * Every verb of the fixture grammar, once. The parser, its messages, the JSON Schema and docs/fixtures.md are made
 * from this table.
 */
import { protections } from './fixture';

/** One part of a step after its verb. */
export type Part =
  /** R, R[i] or R[i..j]; with `one` a single page, with `whole` only R; with `fault` also the word "fault". */
  | {
      readonly kind: 'pages';
      readonly one?: true;
      readonly whole?: true;
      readonly fault?: true;
      readonly optional?: true;
    }
  /** `= N`, always optional. */
  | { readonly kind: 'value' }
  /** `to R`. */
  | { readonly kind: 'to' }
  /** One word of a choice. */
  | { readonly kind: 'word'; readonly of: readonly string[]; readonly optional?: true }
  /** Any of these words, each once. */
  | { readonly kind: 'flags'; readonly of: readonly string[] }
  /** `features=a,b`, always optional. */
  | { readonly kind: 'features'; readonly of: readonly string[] }
  | {
      readonly kind: 'name';
      readonly of: 'actor' | 'child' | 'file' | 'semaphore' | 'userfaultfd';
      readonly optional?: true;
    }
  /** FILE[i]. */
  | { readonly kind: 'filePage' }
  /** `node N`, always optional. */
  | { readonly kind: 'node' }
  /** `with NAME`, always optional. */
  | { readonly kind: 'with' };

export interface VerbSpec {
  readonly group:
    | 'memory'
    | 'hardware'
    | 'kernel'
    | 'mappings'
    | 'processes'
    | 'userfaultfd'
    | 'work'
    | 'user';
  readonly parts: readonly Part[];
  /** What it does, in one sentence or two. */
  readonly does: string;
  readonly example: string;
}

export const groups: Readonly<Record<VerbSpec['group'], string>> = {
  memory: 'Loads and stores of the program',
  hardware: 'What a CPU does on its own',
  kernel: 'Accesses by the kernel',
  mappings: 'Mappings',
  processes: 'Processes',
  userfaultfd: 'userfaultfd',
  work: 'Work of the kernel',
  user: 'Between actors',
};

const pages: Part = { kind: 'pages' };
const page: Part = { kind: 'pages', one: true };
const pagesOrFault: Part = { kind: 'pages', fault: true };
const pageOrFault: Part = { kind: 'pages', one: true, fault: true };
const actor: Part = { kind: 'name', of: 'actor' };
const value: Part = { kind: 'value' };
const withUffd: Part = { kind: 'with' };
const flags = (...of: string[]): Part => ({ kind: 'flags', of });
const word = (...of: readonly string[]): Part => ({ kind: 'word', of });

export const advices = [
  ...['dontneed', 'free', 'remove', 'pageout', 'cold', 'hugepage', 'nohugepage', 'mergeable', 'unmergeable'],
  ...['dontfork', 'dofork', 'wipeonfork', 'keeponfork', 'collapse', 'populate_read', 'populate_write'],
];

const spec = (group: VerbSpec['group'], parts: readonly Part[], does: string, example: string): VerbSpec => ({
  group,
  parts,
  does,
  example,
});

export const verbs: Readonly<Record<string, VerbSpec>> = {
  write: spec(
    'memory',
    [pages, value],
    'One store to each page. Without N every store is its own; the same N is the same bytes, 0 is zeroes.',
    'write guest[0..511]',
  ),
  read: spec('memory', [pages], 'One load from each page.', 'read guest[127]'),

  tlb_fill: spec(
    'hardware',
    [actor, pages],
    'The CPU of that actor fetches translations ahead of its program: A is set, D is not.',
    'tlb_fill vcpu guest[0]',
  ),
  tlb_drop: spec(
    'hardware',
    [actor, pages],
    'The TLB of that actor loses translations without being told to.',
    'tlb_drop vcpu guest[0]',
  ),

  sys_read: spec(
    'kernel',
    [page, value],
    'read(2) from a pipe into the page: the kernel stores with copy_to_user().',
    'sys_read guest[0]',
  ),
  sys_write: spec(
    'kernel',
    [page],
    'write(2) of the page to a pipe: copy_from_user().',
    'sys_write guest[0]',
  ),
  poke: spec(
    'kernel',
    [page, value],
    'A store through /proc/PID/mem or ptrace: get_user_pages() with FOLL_WRITE and FOLL_FORCE.',
    'poke guest[0]',
  ),
  peek: spec(
    'kernel',
    [page],
    'A load through /proc/PID/mem: get_user_pages() with FOLL_FORCE.',
    'peek guest[0]',
  ),
  gup_write: spec(
    'kernel',
    [page, value],
    'process_vm_writev(2): FOLL_WRITE without FOLL_FORCE.',
    'gup_write guest[0]',
  ),

  mmap: spec(
    'mappings',
    [{ kind: 'pages', whole: true }],
    'Maps the region as `memory` describes it (MAP_FIXED).',
    'mmap fresh',
  ),
  munmap: spec('mappings', [pages], 'munmap(2).', 'munmap guest[2..3]'),
  mremap: spec(
    'mappings',
    [pages, { kind: 'to' }],
    'Moves the pages to the start of another region (MREMAP_FIXED).',
    'mremap guest[0..1] to later',
  ),
  mprotect: spec('mappings', [pages, word(...protections)], 'mprotect(2).', 'mprotect guest r'),
  madvise: spec('mappings', [pages, word(...advices)], 'madvise(2).', 'madvise guest[0] dontneed'),

  fork: spec(
    'processes',
    [{ kind: 'name', of: 'child' }],
    'fork(2). The child is an actor of that name in a process of its own; its steps may follow from here on.',
    'fork child',
  ),
  exit: spec('processes', [], 'Ends the process of the actor, which must be its only thread.', 'exit'),

  uffd_open: spec(
    'userfaultfd',
    [
      { kind: 'name', of: 'userfaultfd', optional: true },
      { kind: 'features', of: ['fork', 'remap', 'remove', 'unmap', 'sigbus', 'wp_unpopulated', 'wp_async'] },
    ],
    'userfaultfd(2) and UFFDIO_API. The name is `uffd` unless given.',
    'uffd_open features=fork,remap',
  ),
  uffd_register: spec(
    'userfaultfd',
    [pages, flags('missing', 'wp'), withUffd],
    'UFFDIO_REGISTER, for write protection unless said otherwise. Opens a userfaultfd without features if there is none.',
    'uffd_register guest missing wp',
  ),
  uffd_unregister: spec('userfaultfd', [pages, withUffd], 'UFFDIO_UNREGISTER.', 'uffd_unregister guest'),
  uffd_protect: spec(
    'userfaultfd',
    [pages, flags('dontwake'), withUffd],
    'UFFDIO_WRITEPROTECT with MODE_WP.',
    'uffd_protect guest',
  ),
  uffd_unprotect: spec(
    'userfaultfd',
    [pagesOrFault, flags('dontwake'), withUffd],
    'UFFDIO_WRITEPROTECT without MODE_WP. `fault` is the page of the message that the actor read last.',
    'uffd_unprotect guest[127]',
  ),
  uffd_copy: spec(
    'userfaultfd',
    [pageOrFault, value, flags('wp', 'dontwake'), withUffd],
    'UFFDIO_COPY of a page of zeroes, or of N.',
    'uffd_copy fault = 7',
  ),
  uffd_zeropage: spec(
    'userfaultfd',
    [pagesOrFault, flags('dontwake'), withUffd],
    'UFFDIO_ZEROPAGE.',
    'uffd_zeropage guest[0]',
  ),
  uffd_wake: spec('userfaultfd', [pagesOrFault, withUffd], 'UFFDIO_WAKE.', 'uffd_wake fault'),
  uffd_close: spec('userfaultfd', [withUffd], 'close(2) of the userfaultfd.', 'uffd_close'),
  uffd_wait: spec(
    'userfaultfd',
    [withUffd],
    'Reads one message and waits for it. A fork message brings the userfaultfd of the child, under the name `forked`.',
    'uffd_wait',
  ),
  uffd_poll: spec('userfaultfd', [withUffd], 'Reads one message if there is one.', 'uffd_poll'),
  uffd_serve: spec(
    'userfaultfd',
    [
      { kind: 'word', of: ['unprotect', 'snapshot', 'copy', 'zeropage'], optional: true },
      { kind: 'pages', optional: true },
      withUffd,
    ],
    [
      'Answers messages until everything else has ended, so it is the last step of its actor. A write-protect fault:',
      'un-protects the page, or the given pages; `snapshot` reads the page first. A missing fault: UFFDIO_COPY of',
      'zeroes, or UFFDIO_ZEROPAGE with `zeropage`.',
    ].join(' '),
    'uffd_serve snapshot guest',
  ),

  ksm_run: spec('work', [], 'Writes 1 to ksm/run and lets ksmd scan until nothing changes.', 'ksm_run'),
  ksm_unmerge: spec('work', [], 'Writes 2 to ksm/run: every merged page is broken up.', 'ksm_unmerge'),
  khugepaged: spec('work', [], 'Lets khugepaged scan every process once.', 'khugepaged'),
  migrate: spec(
    'work',
    [pages, { kind: 'node' }],
    'move_pages(2) to that node; without one, compaction moves the pages within their node.',
    'migrate guest node 1',
  ),
  numa_scan: spec(
    'work',
    [],
    'NUMA balancing makes the pages of the process cause hint faults.',
    'numa_scan',
  ),
  swapoff: spec('work', [], 'swapoff(2): every swapped page comes back.', 'swapoff'),
  fsync: spec('work', [{ kind: 'name', of: 'file' }], 'fsync(2): writeback of the file.', 'fsync data'),
  file_write: spec(
    'work',
    [{ kind: 'filePage' }, value],
    'write(2) to a page of the file.',
    'file_write data[0]',
  ),
  clear_refs: spec(
    'work',
    [word('4')],
    'Writes 4 to /proc/self/clear_refs: forgets soft-dirty.',
    'clear_refs 4',
  ),
  pagemap: spec('work', [pages], 'Reads /proc/self/pagemap: is each page soft-dirty?', 'pagemap guest'),

  post: spec('user', [{ kind: 'name', of: 'semaphore' }], 'Raises a semaphore.', 'post ready'),
  wait: spec(
    'user',
    [{ kind: 'name', of: 'semaphore' }],
    'Waits until the semaphore is raised, and lowers it.',
    'wait ready',
  ),
};

export const verbNames: readonly string[] = Object.keys(verbs);

/** Words that mean something in a step, so that nothing else can have their name. */
export const reserved: ReadonlySet<string> = new Set([
  ...['fault', 'to', 'node', 'with', 'features'],
  ...Object.values(verbs).flatMap(({ parts }) =>
    parts.flatMap((p) => ('of' in p && typeof p.of === 'object' ? p.of : [])),
  ),
]);
