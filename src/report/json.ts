/** The comparison as JSON: the contract of docs/design.md section 5, described by schemas/comparison.schema.json. */
import type { Comparison, CostRow } from '../compare/index';
import type { RecordedFigures } from '../conform/figures';
import { showToken } from '../explore/schedule';
import type { Broken, Verdict } from '../judge/index';
import { version } from '../version';
import { brokenOf } from './words';

export const comparisonFormat = { format: 'faultline-comparison', version: 1 } as const;

/** Fields may be added, none removed; the order of keys is fixed. */
export function renderJson(comparison: Comparison, besideKernels: readonly RecordedFigures[] = []): string {
  const { fixtures, variants, cells, summary, costs, shard, hardware } = comparison;
  const value = {
    ...comparisonFormat,
    tool: version,
    ...(besideKernels.length > 0 ? { besideKernels: besideKernels.map(recordedFields) } : {}),
    ...(hardware ? { hardware } : {}),
    ...(shard ? { shard: `${shard.index + 1}/${shard.of}` } : {}),
    fixtures: fixtures.map(({ id, asks, file }) => ({ id, asks, file })),
    variants: variants.map(({ id, title, author, messageId, date, base, supersedes }) => ({
      id,
      title,
      author,
      messageId,
      date,
      base,
      supersedes,
    })),
    cells: cells.map(({ fixture, variant, verdict }) => ({ fixture, variant, ...verdictFields(verdict) })),
    summary: summary.map((row) => {
      const cost = costs.find((one) => one.variant === row.variant);
      return { ...row, ...(cost ? { costAgainstBase: costFields(cost) } : {}) };
    }),
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Every cell has the same fields: what a verdict does not have is empty. */
export function verdictFields(verdict: Verdict): object {
  const hasRun = 'explored' in verdict;
  return {
    verdict: verdict.kind,
    broken: brokenOf(verdict).map(brokenFields),
    explored: hasRun
      ? {
          executions: verdict.explored.executions,
          states: verdict.explored.states,
          complete: verdict.explored.complete,
          stoppedBy: verdict.explored.stoppedBy,
        }
      : { executions: 0, states: 0, complete: false, stoppedBy: null },
    cost: hasRun
      ? { ...verdict.cost }
      : { faults: 0, events: 0, tlbFlushes: 0, pageCopies: 0, pmdSplits: 0, entriesChanged: 0 },
    ...(verdict.kind === 'survives'
      ? { schedule: showToken(verdict.witness, verdict.checksum, verdict.hardware) }
      : {}),
    ...(verdict.kind === 'closed' ? { missing: verdict.missing } : {}),
    ...(verdict.kind === 'does-not-build' ? { defects: verdict.defects } : {}),
    ...(verdict.kind === 'not-applicable' ? { reason: verdict.reason } : {}),
  };
}

const brokenFields = ({
  invariant,
  class: kind,
  saw,
  schedule,
  checksum,
  preemptions,
  mayBeShorter,
  hardware,
}: Broken): object => ({
  invariant,
  class: kind,
  saw,
  schedule: showToken(schedule, checksum, hardware),
  preemptions,
  ...(mayBeShorter ? { mayBeShorter } : {}),
});

const recordedFields = (one: RecordedFigures): object => ({
  kernel: one.kernel,
  variant: one.variant,
  seed: one.seed,
  command: one.command,
  fixtures: one.fixtures,
  agreed: one.agreed,
  explained: one.explained,
  disagreed: one.disagreed,
  cut: one.cut,
  observations: one.observations,
  observationsAgreed: one.observationsAgreed,
});

const costFields = ({ base, fixtures, own, ofBase }: CostRow): object => ({ base, fixtures, own, ofBase });
