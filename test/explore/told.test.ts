import { buildKernel, flags, mainline } from '../../src/core/index';
import { prepareTold, type SoloStep, type Trace, tellAll, traceRun } from '../../src/explore/index';
import { observer } from '../../src/judge/index';
import { kernelOf, type Override, workload } from '../judge/broken_kernel';

const told = (base: string, body: string, broken: Override = {}): Trace => {
  const Kernel = buildKernel(kernelOf(base, broken).layers, tellAll);
  const start = prepareTold(workload(body), Kernel, observer, ({ found }) =>
    [...found].map(([id, { saw }]) => `${id}: ${saw}`),
  );
  return traceRun(start, base, [], true).trace;
};

/** In short: `actor: text | changes | what was told`. */
const brief = (steps: readonly SoloStep[]): string[] =>
  steps.map(({ actor, text, changes, told: lines }) =>
    [
      `${actor}: ${text}`,
      changes.map(({ object, before, after }) => `${object} ${before} > ${after}`).join(', '),
      lines
        .filter(({ kind }) => kind !== 'log')
        .map(({ text: line }) => line.split(': ')[0])
        .join(', '),
    ].join(' | '),
  );
const brokenLines = ({ lines, actors }: Trace): string[] =>
  lines.flatMap(({ kind, actor, text }) =>
    kind === 'broken' ? [`${actors[actor]}: ${text.split(': ')[0]}`] : [],
  );

const guest = 'memory:\n  guest: { size: 8KiB }\n';
const huge = 'memory:\n  guest: { size: 2MiB, thp: true }\n';

const armed =
  'start:\n  - vcpu: write guest\n  - monitor: uffd_register guest\n  - monitor: uffd_protect guest\n';

const protectsNothing: Override = {
  *mwriteprotect_range() {
    return 0;
  },
};

/** Waits for a monitor, and comes back from it with a lock that nobody releases. */
const keepsMmapSem: Override = {
  *handle_userfault(k, vmf, reason) {
    const ret = yield* mainline.handle_userfault(k, vmf, reason);
    if (ret & flags.VM_FAULT_RETRY) yield* k.down_read(vmf.vma.vm_mm.mmap_sem);
    return ret;
  },
};

interface Row {
  what: string;
  base?: string;
  body: string;
  broken?: Override;
  start?: readonly string[];
  finish?: readonly string[];
  lines?: readonly string[];
}

const rows: Row[] = [
  {
    what: 'entries that a step of start made and changed, equal neighbours as one',
    body: `${guest}start:\n  - vcpu: write guest\n  - vcpu: mprotect guest r\ntasks:\n  vcpu: [read guest]\n`,
    start: [
      'vcpu: write guest | pte guest[0] .. guest[1] none > 6..7 P-WDAS-- | ',
      'vcpu: mprotect guest r | pte guest[0] .. guest[1] 6..7 P-WDAS-- > 6..7 P--DAS-- | ',
    ],
    finish: [],
  },
  {
    what: 'neighbours of one frame by that frame, and of frames that are not in a row each for itself',
    body: `${guest}start:
  - vcpu: read guest
  - vcpu: write guest[1]
  - vcpu: write guest[0]
  - vcpu: mprotect guest r
tasks:\n  vcpu: [read guest]\n`,
    start: [
      'vcpu: read guest | pte guest[0] .. guest[1] none > 1 P---A--Z | ',
      'vcpu: write guest[1] | pte guest[1] 1 P---A--Z > 6 P-WDAS-- | ',
      'vcpu: write guest[0] | pte guest[0] 1 P---A--Z > 7 P-WDAS-- | ',
      'vcpu: mprotect guest r | pte guest[0] 7 P-WDAS-- > 7 P--DAS--, pte guest[1] 6 P-WDAS-- > 6 P--DAS-- | ',
    ],
  },
  {
    what: 'a huge entry in whose place a table is, and an entry that is gone',
    base: 'linux-4.19',
    body: `${huge}start:
  - vcpu: write guest
  - vcpu: madvise guest[511] dontneed
tasks:
  vcpu: ["read guest[0]"]
`,
    start: [
      'vcpu: write guest | pmd guest[0] none > 6 PHWDAS-- | ',
      'vcpu: madvise guest[3] dontneed | pte guest[0] .. guest[2] none > 6..8 P-W-AS--, pmd guest[0] 6 PHWDAS-- > table | ',
    ],
  },
  {
    what: 'what a step of start breaks',
    base: 'uffd-wp-bit',
    broken: protectsNothing,
    body: `${guest}${armed}  - vcpu: write guest[1]\n  - vcpu: read guest\ntasks:\n  vcpu: [read guest]\n`,
    start: [
      'vcpu: write guest | pte guest[0] .. guest[1] none > 6..7 P-WDAS-- | ',
      'monitor: uffd_register guest |  | ',
      'monitor: uffd_protect guest |  | ',
      'vcpu: write guest[1] |  | armed-store',
      'vcpu: read guest |  | ',
    ],
  },
  {
    what: 'what a step of finally breaks, and nothing of it among the tasks',
    base: 'uffd-wp-bit',
    broken: protectsNothing,
    body: `${guest}${armed}tasks:\n  vcpu: [read guest]\nfinally:\n  - vcpu: read guest\n  - vcpu: write guest[1]\n`,
    lines: [],
    finish: [
      'vcpu: read guest |  | ',
      'vcpu: write guest[1] |  | armed-store',
      ': when all is done |  | armed-entry',
    ],
  },
  {
    what: 'what the exit of the processes breaks, where nobody did anything else',
    base: 'linux-4.19',
    broken: { *page_remove_rmap() {} },
    body: `${guest}tasks:\n  vcpu: [write guest]\n`,
    lines: [],
    finish: [': exit of all processes |  | BUG, BUG, no-bad-page'],
  },
  {
    what: 'that somebody cannot go on, in the column of who waits',
    base: 'uffd-wp-bit',
    broken: keepsMmapSem,
    body: `${guest}${armed}tasks:\n  vcpu: ["write guest[1]"]\n  monitor: [uffd_wait, uffd_unprotect guest]\n  other: [mprotect guest r]\n`,
    lines: ['other: no-deadlock'],
  },
];

describe('the run of a fixture tells', () => {
  test.each(rows)('$what', ({ what: _, base = 'linux-4.19', body, broken, ...expected }) => {
    const trace = told(base, body, broken);
    const parts = { start: brief(trace.start), finish: brief(trace.finish), lines: brokenLines(trace) };
    expect(parts).toMatchObject(expected);
  });
});
