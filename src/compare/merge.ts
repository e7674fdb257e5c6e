/** The parts of a comparison, saved as JSON, put together again. */
import type { VariantMeta } from '../core/index';
import { parseToken } from '../explore/schedule';
import type { Broken, Verdict } from '../judge/verdict';
import type { Cell, Comparison, FixtureSummary } from './comparison';
import { InputError } from './input';
import { costsOf, summaryOf } from './summary';

/** Of missing shards so many are named. */
const SHOWN = 5;

/** One saved comparison, as schemas/comparison.schema.json describes it. */
export interface SavedPart {
  readonly file: string;
  readonly tool: string;
  /** I/N. */
  readonly shard?: string;
  /** Made with --hardware. */
  readonly hardware?: true;
  readonly fixtures: readonly FixtureSummary[];
  readonly variants: readonly SavedVariant[];
  readonly cells: readonly SavedVerdict[];
}

type SavedVariant = Pick<
  VariantMeta,
  'id' | 'title' | 'author' | 'messageId' | 'date' | 'base' | 'supersedes'
>;

interface SavedVerdict {
  readonly fixture: string;
  readonly variant: string;
  readonly verdict: Verdict['kind'];
  readonly broken: readonly (Omit<Broken, 'schedule' | 'checksum'> & { schedule: string })[];
  readonly explored: { executions: number; states: number; complete: boolean; stoppedBy?: string | null };
  readonly cost: Comparison['costs'][number]['own'];
  readonly schedule?: string;
  readonly missing?: readonly string[];
  readonly defects?: readonly string[];
  readonly reason?: string;
}

/**
 * @param metaOf what is known of a variant beside what was saved
 * @returns what one run over everything would have found
 */
export function merge(
  parts: readonly SavedPart[],
  metaOf: (id: string) => VariantMeta | undefined,
): Comparison {
  const [first] = parts;
  if (!first) throw new InputError('usage', 'no files to merge');
  for (const part of parts) refuseOther(first, part);
  const found = new Map<string, { cell: SavedVerdict; file: string }>();
  for (const { file, cells } of parts) {
    for (const cell of cells) {
      const key = `${cell.fixture} ${cell.variant}`;
      const before = found.get(key);
      if (before && JSON.stringify(before.cell) !== JSON.stringify(cell)) {
        throw new InputError('input', `${file}:1:1: ${key}: ${before.file} has another result for this cell`);
      }
      found.set(key, { cell, file });
    }
  }
  const variants = first.variants.map((saved) => ({ ...withDefaults(saved), ...metaOf(saved.id), ...saved }));
  const cells = first.fixtures.flatMap(({ id: fixture }) =>
    variants.map(({ id: variant }) => ({
      fixture,
      variant,
      saved: found.get(`${fixture} ${variant}`)?.cell,
    })),
  );
  refuseMissing(
    cells.filter(({ saved }) => !saved),
    cells.length,
    parts,
  );
  const whole: Cell[] = cells.map(({ fixture, variant, saved }) => ({
    fixture,
    variant,
    verdict: verdictOf(saved!),
  }));
  return {
    fixtures: first.fixtures,
    variants,
    cells: whole,
    summary: summaryOf(variants, whole),
    costs: costsOf(variants, whole),
    ...(first.hardware ? { hardware: true } : {}),
  };
}

/** Parts belong together when they were made by one version from the same fixtures and variants. */
function refuseOther(first: SavedPart, part: SavedPart): void {
  const refuse = (what: string): InputError =>
    new InputError('input', `${part.file}:1:1: ${what}; it does not belong to ${first.file}`);
  if (part.tool !== first.tool) {
    throw refuse(`made by faultline ${part.tool}, not ${first.tool}`);
  }
  if (part.hardware !== first.hardware) throw refuse(`made ${part.hardware ? 'with' : 'without'} --hardware`);
  for (const what of ['fixtures', 'variants'] as const) {
    const [ours, theirs] = [part[what], first[what]];
    const at = Array.from({ length: Math.max(ours.length, theirs.length) }).findIndex(
      (_, i) => JSON.stringify(ours[i]) !== JSON.stringify(theirs[i]),
    );
    if (at < 0) continue;
    const [here, there] = [ours[at]?.id ?? 'nothing', theirs[at]?.id ?? 'nothing'];
    throw refuse(
      here === there
        ? `${what}[${at}], ${here}, is described otherwise`
        : `${what}[${at}] is ${here}, not ${there}`,
    );
  }
}

function refuseMissing(
  missing: readonly { fixture: string; variant: string }[],
  of: number,
  parts: readonly SavedPart[],
): void {
  const [first] = missing;
  if (!first) return;
  throw new InputError(
    'input',
    `${missing.length} of ${of} cells are in none of the files, the first is ${first.fixture} ${first.variant}: ` +
      missingShards(parts),
  );
}

/** By name where the files say which they are. */
function missingShards(parts: readonly SavedPart[]): string {
  const given = new Set(parts.map(({ shard }) => shard));
  const of = Number(parts[0]!.shard?.split('/')[1] ?? 1);
  const names: string[] = [];
  for (let i = 1; i <= of && names.length < SHOWN; i++)
    if (!given.has(`${i}/${of}`)) names.push(`${i}/${of}`);
  if (of === 1 || names.length === 0) return 'a shard is missing or was interrupted';
  const more = of - given.size - names.length;
  return `missing ${names.length === 1 ? 'is shard' : 'are shards'} ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

const withDefaults = (saved: SavedVariant): VariantMeta => ({
  ...saved,
  subject: '',
  touches: [],
  reported: [],
  builds: true,
});

function verdictOf(saved: SavedVerdict): Verdict {
  const { verdict: kind, cost } = saved;
  if (kind === 'does-not-build') return { kind, defects: saved.defects ?? [] };
  if (kind === 'not-applicable') return { kind, reason: saved.reason ?? '' };
  const explored = { ...saved.explored, stoppedBy: saved.explored.stoppedBy ?? null };
  const broken = saved.broken.map((one) => ({ ...one, ...runOf(one.schedule) }));
  const found = { broken, explored, cost };
  if (kind === 'closed') return { kind, ...found, missing: saved.missing ?? [] };
  if (kind !== 'survives') return { kind, ...found };
  const { schedule: witness, ...run } = runOf(saved.schedule ?? '0');
  return { kind, ...found, witness, ...run };
}

/** A token keeps the first digits of the checksum, which are all that anybody looks at. */
function runOf(token: string): Pick<Broken, 'schedule' | 'checksum' | 'hardware'> {
  const parsed = parseToken(token);
  return {
    schedule: parsed?.schedule ?? [],
    checksum: Number.parseInt((parsed?.checksum ?? '').padEnd(8, '0'), 16),
    ...(parsed?.hardware ? { hardware: true } : {}),
  };
}
