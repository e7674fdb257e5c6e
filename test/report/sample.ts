/** Comparisons made by hand, for tests of what is drawn from them. */
import type { Comparison } from '../../src/compare/comparison';
import { costsOf, summaryOf } from '../../src/compare/summary';
import type { Cost, VariantMeta } from '../../src/core/index';
import type { Trace } from '../../src/explore/index';
import type { Broken, InvariantClass, Verdict } from '../../src/judge/verdict';

export const meta = (id: string, rest: Partial<VariantMeta> = {}): VariantMeta => ({
  id,
  title: `The idea of ${id}`,
  author: 'Jérôme Glisse',
  subject: `[PATCH] ${id}`,
  messageId: `<${id}@example.org>`,
  date: '2018-09-12',
  base: 'uffd-wp-2018',
  supersedes: [],
  touches: [],
  reported: [],
  builds: true,
  ...rest,
});

export const cost = (rest: Partial<Cost> = {}): Cost => ({
  faults: 10,
  events: 2,
  tlbFlushes: 4,
  pageCopies: 1,
  pmdSplits: 0,
  entriesChanged: 100,
  ...rest,
});

const explored = { executions: 1234, states: 5678, complete: true, stoppedBy: null };

export const broken = (...kinds: InvariantClass[]): Broken[] =>
  kinds.map((kind) => ({
    invariant: `no-${kind}`,
    class: kind,
    saw: `a ${kind} was seen`,
    schedule: [0, 0, 0, 1, 1, 0],
    preemptions: 1,
    checksum: 0x12345678,
  }));

export const breaks = (...kinds: InvariantClass[]): Verdict => ({
  kind: 'breaks',
  broken: broken(...kinds),
  explored,
  cost: cost({ faults: 30 }),
});
export const survives = (rest: Partial<Cost> = {}, ...kinds: InvariantClass[]): Verdict => ({
  kind: 'survives',
  broken: broken(...kinds),
  explored,
  cost: cost(rest),
  witness: [0, 1],
  checksum: 0xabcdef01,
});
export const verdicts: Verdict[] = [
  breaks('sigbus-loop'),
  survives(),
  breaks('unsafe-write', 'lost-event', 'kernel-integrity'),
  { kind: 'closed', broken: [], explored, cost: cost(), missing: ['handle_userfault'] },
  survives({ faults: 11 }, 'spurious'),
  {
    kind: 'cut-short',
    broken: [],
    explored: { ...explored, complete: false, stoppedBy: '20000 executions' },
    cost: cost(),
  },
  { kind: 'not-applicable', reason: 'uffd_protect fails with EINVAL on this kernel' },
  breaks('lost-tracking', 'spurious'),
];
const noBuild: Verdict = { kind: 'does-not-build', defects: ['mkwrite is undeclared'] };

/** @param last how many cells are missing at the end, as after an interrupt */
export function comparisonOf(variants: VariantMeta[], fixtureIds: string[], last = 0): Comparison {
  const fixtures = fixtureIds.map((id) => ({
    id,
    asks: `Is ${id} right? 保護`,
    file: `fixtures/${id}.yaml`,
  }));
  const cells = fixtures.flatMap(({ id: fixture }, f) =>
    variants.map((variant, v) => ({
      fixture,
      variant: variant.id,
      verdict: variant.builds ? verdicts[(f + v * 3) % verdicts.length]! : noBuild,
    })),
  );
  const run = cells.slice(0, cells.length - last);
  return {
    fixtures,
    variants,
    cells: run,
    summary: summaryOf(variants, run),
    costs: costsOf(variants, run),
  };
}

const ids = [
  'uffd-wp-2018',
  'split-marks-ptes-dirty',
  'page-dirty-inline',
  'page-dirty-check',
  'dirty-accountable-false',
  'mkwrite-every-entry',
  'mkwrite-reuse-as-posted',
  'mkwrite-reuse',
  'mkwrite-reuse-repaired',
  'uffd-wp-bit',
];
const fixtureIds = [
  'thp-unprotect-one-page',
  'un-protect-after-mprotect-to-read-only-and-back-again-twice',
  'ksm',
  'swapped-out-before-the-protect',
  'fork-huge-child-writes',
  'madvise-free-clean',
  'numa-hinted',
  'qemu-snapshot-2018',
  'wide-保護された-頁',
];

export const usual = comparisonOf(
  ids.map((id) =>
    meta(id, {
      builds: id !== 'mkwrite-reuse-as-posted',
      base: id === 'uffd-wp-2018' ? 'linux-4.19' : 'uffd-wp-2018',
    }),
  ),
  fixtureIds,
);

export const trace: Trace = {
  fixture: 'thp-unprotect-one-page',
  variant: 'dirty-accountable-false',
  start: [
    {
      actor: 'vcpu',
      text: 'write guest',
      changes: [{ object: 'pmd guest[0]', before: 'none', after: '1024 PHWDAS--' }],
      told: [],
    },
    { actor: 'monitor', text: 'uffd_register guest', changes: [], told: [] },
    {
      actor: 'monitor',
      text: 'uffd_protect guest',
      changes: [{ object: 'pmd guest[0]', before: '1024 PHWDAS--', after: '1024 PH-DAS--' }],
      told: [{ kind: 'log', text: 'changed 512 pages' }],
    },
  ],
  isOver: true,
  finish: [
    {
      actor: 'vcpu',
      text: 'read guest',
      changes: Array.from({ length: 6 }, (_, i) => ({
        object: `pte guest[${i}]`,
        before: 'none',
        after: `${1024 + i} P--DAS--`,
      })),
      told: [],
    },
    {
      actor: '',
      text: 'exit of all processes',
      changes: [],
      told: [{ kind: 'broken', text: 'no-leak: page 7' }],
    },
  ],
  actors: ['vcpu', 'monitor'],
  before: [{ where: 'guest[0..511]', entry: '1024 PH-DAS--' }],
  after: [
    { where: 'guest[0..126]', entry: '1024 P--DAS--' },
    { where: 'guest[127]', entry: '1151 P--DAS--' },
    { where: 'guest[128..511]', entry: '1152 P--DAS--' },
  ],
  lines: [
    line(0, 0, 'fixture', 'write guest[127]'),
    line(0, 0, 'fault', 'write fault at guest[127], flags 55'),
    line(0, 1, 'call', '__do_page_fault'),
    line(0, 2, 'call', 'handle_mm_fault'),
    line(0, 3, 'step', 'reads pmd guest[0]'),
    line(0, 3, 'call', 'do_huge_pmd_wp_page'),
    line(0, 4, 'call', 'handle_userfault'),
    line(0, 5, 'event', 'write-protect fault at guest[127]'),
    line(0, 5, 'step', 'goes to sleep'),
    line(1, 0, 'fixture', 'uffd_unprotect guest[127]'),
    line(1, 1, 'call', 'mwriteprotect_range'),
    line(1, 2, 'call', 'vma_lookup'),
    line(1, 3, 'step', 'reads nothing of interest'),
    line(1, 2, 'call', 'change_protection'),
    line(1, 3, 'call', '__split_huge_pmd', [
      { object: 'pmd guest[0]', before: '1024 PH-DAS--', after: 'table' },
    ]),
    line(1, 4, 'step', 'pmd := table', [{ object: 'pmd guest[0]', before: '1024 PH-DAS--', after: 'table' }]),
    line(1, 3, 'call', 'change_pte_range'),
    line(1, 4, 'step', 'pte := ', [
      { object: 'pte guest[127]', before: '1151 P-WDAS--', after: '1151 P--DAS--' },
    ]),
    line(1, 1, 'wake', 'vcpu at guest[127]'),
    line(0, 2, 'call', 'handle_mm_fault'),
    line(0, 3, 'call', 'handle_userfault'),
    line(0, 4, 'log', 'FAULT_FLAG_ALLOW_RETRY missing 71'),
    line(0, 4, 'log', 'Call Trace: handle_userfault do_huge_pmd_wp_page __handle_mm_fault handle_mm_fault'),
    line(0, 0, 'signal', 'SIGBUS at guest[127]'),
    line(0, 0, 'broken', 'no-sigbus: vcpu got SIGBUS although its fault was resolved'),
  ],
};

function line(
  actor: number,
  depth: number,
  kind: Trace['lines'][number]['kind'],
  text: string,
  changes: Trace['lines'][number]['changes'] = [],
): Trace['lines'][number] {
  return { actor, depth, kind, text, changes };
}
