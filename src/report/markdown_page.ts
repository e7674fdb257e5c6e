/** The page of one variant: what it changes, what was said, observed and found, what it costs, what is not shown. */
import type { VariantMeta } from '../core/index';
import { unmarked } from './against';
import { costHeads, costKinds, costText } from './cost';
import { functionDiff } from './difference';
import { renderTrace } from './explain';
import { cellText, mdTable } from './markdown';
import { boundText, finding, type Review, type VariantReview, verdictAt, type Witness } from './review';
import { outcomeVerdict } from './said';
import { brokenOf, cellWord, verdictSentence } from './words';

/** Of a diff between kernels, more than this is not read on a page. */
const DIFF_LINES = 400;

export function renderPage(one: VariantReview, review: Review): string {
  const { meta } = one;
  const parts = [
    `# ${cellText(meta.id)}`,
    cellText(meta.title),
    cellText(finding(review.comparison, meta)),
    '## What it is',
    identity(one),
    '## What it changes',
    ...changes(one),
    '## Verdicts',
    ...verdicts(meta, review),
    '## Said, observed and found',
    ...said(one, review),
    ...observed(one, review),
    '## Witnesses',
    ...witnesses(one, review),
    '## What it costs',
    costs(meta, review),
    '## What the model does not show',
    ...notShown(one),
    // A page is read, and sent, without the overview.
    ...(review.besideKernelsBriefly ? [review.besideKernelsBriefly] : []),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

const listed = (names: readonly string[]): string => names.map(cellText).join(', ');

function identity({ meta, bases, carries, supersededBy }: VariantReview): string {
  const link = meta.messageId
    ? `<https://lore.kernel.org/r/${encodeURI(meta.messageId.replace(/[<>]/g, ''))}/>`
    : '';
  const rows: [string, string][] = [
    ['subject', cellText(meta.subject)],
    ['author', cellText(meta.author)],
    ['date', meta.date],
    ['mail', link],
    ['based on', bases.join(' on ')],
    ['carries', listed(carries)],
    ['supersedes', listed(meta.supersedes)],
    ['superseded by', listed(supersededBy)],
    ['commits', listed(meta.commits ?? [])],
    ['builds', meta.builds ? 'yes' : `no: ${listed(meta.defects ?? [])}`],
    ['assumed', listed(meta.notes ?? [])],
    ['ours', meta.ours ? 'written for this comparison, never posted' : ''],
  ];
  return mdTable(
    ['', ''],
    rows.filter(([, text]) => text !== ''),
  );
}

/** A fence that no line of the text closes. */
function fence(text: string, language = ''): string {
  const longest = Math.max(2, ...[...text.matchAll(/^`+/gm)].map(([run]) => run.length));
  const mark = '`'.repeat(longest + 1);
  return `${mark}${language}\n${text.replace(/\n$/, '')}\n${mark}`;
}

function changes({ meta, functions }: VariantReview): string[] {
  const touched = meta.touches.length > 0 ? meta.touches.map((one) => `- \`${one}\``).join('\n') : '';
  if (functions.length === 0) return [touched || 'Nothing: it is the oldest kernel here, or does not build.'];
  // Lines of files move for other reasons.
  const text = functions
    .map(functionDiff)
    .join('')
    .replace(/^((?:---|\+\+\+) \S+):\d+$/gm, '$1');
  const diffs = text.split('\n');
  const cut = diffs.slice(0, DIFF_LINES);
  const rest = diffs.length - cut.length;
  const more = rest > 0 ? `${rest} more lines: \`faultline diff ${meta.base} ${meta.id}\`` : '';
  return [touched, `Beside ${meta.base}:`, fence(cut.join('\n').trimEnd(), 'diff'), more];
}

function verdicts(meta: VariantMeta, { comparison, mark = unmarked }: Review): string[] {
  const rows = comparison.fixtures.flatMap(({ id }) => {
    const verdict = verdictAt(comparison, id, meta.id);
    return verdict ? [verdictRow(id, verdict, mark(id, meta.id))] : [];
  });
  return [mdTable(['fixture', 'verdict', 'in words', 'searched'], rows)];
}

type Found = Parameters<typeof verdictSentence>[0];
export const verdictRow = (fixture: string, verdict: Found, mark = ''): string[] => [
  cellText(fixture),
  mark + cellWord(verdict),
  cellText(verdictSentence(verdict)),
  boundText(verdict),
];

function said({ meta }: VariantReview, { comparison }: Review): string[] {
  if (meta.reported.length === 0) return ['Nobody reported an outcome that is recorded here.'];
  const own = comparison.cells.filter(({ variant }) => variant === meta.id).map(({ verdict }) => verdict);
  const rows = meta.reported.map((one) => {
    const judged = outcomeVerdict(one.outcome, own);
    return [one.outcome, cellText(one.note), cellText(one.by), judged.found, judged.agreement];
  });
  return [mdTable(['said', 'in words', 'by', 'found', ''], rows)];
}

function observed({ observations }: VariantReview, { about }: Review): string[] {
  if (observations.length === 0) return ['No real kernel ran these fixtures with it.'];
  const agrees = observations.filter((one) => one.agreement === 'agrees').length;
  const judged = observations.filter(
    ({ agreement }) => agreement === 'agrees' || agreement === 'differs',
  ).length;
  const rows = observations.map(({ fixture, outcome, agreement, why }) => [
    cellText(fixture),
    cellText(outcome),
    agreement,
    cellText(why),
  ]);
  return [
    `Observed on a real kernel, ${agrees} of ${judged} agree. ${cellText(about)}`,
    mdTable(['fixture', 'observed', 'the model', 'why'], rows),
  ];
}

function witnesses({ witnesses: all, meta }: VariantReview, review: Review): string[] {
  const mark = review.mark ?? unmarked;
  if (all.length === 0) return ['Nothing broke, so there is none.'];
  return all.flatMap((one) => [
    `### ${mark(one.fixture, meta.id, one.broken.invariant)}${one.broken.invariant} (${one.broken.class})`,
    `In ${cellText(one.fixture)}: ${cellText(one.broken.saw)}`,
    fence(renderTrace(one.trace, one.replay, { width: 100, color: false, full: false })),
    elsewhere(one, meta, review, all),
  ]);
}

/** The other fixtures in which the same invariant breaks and no run is drawn. */
function elsewhere(
  { broken, fixture }: Witness,
  meta: VariantMeta,
  { comparison, mark = unmarked }: Review,
  drawn: readonly Witness[],
): string {
  const others = comparison.fixtures.filter(({ id }) => {
    const verdict = verdictAt(comparison, id, meta.id);
    const isDrawn = drawn.some((w) => w.fixture === id && w.broken.invariant === broken.invariant);
    return (
      id !== fixture && !isDrawn && verdict && brokenOf(verdict).some((b) => b.invariant === broken.invariant)
    );
  });
  if (others.length === 0) return '';
  const lines = others.map(
    ({ id }) =>
      // Two > at the beginning of a line would be a quotation.
      `- ${mark(id, meta.id, broken.invariant).replace('>>', '\\>>')}${cellText(id)}: \`faultline explain ${id} ${meta.id} --invariant ${broken.invariant}\``,
  );
  return ['Also in:', '', ...lines].join('\n');
}

function costs(meta: VariantMeta, { comparison }: Review): string {
  const row = comparison.costs.find(({ variant }) => variant === meta.id);
  if (!row || row.base === null) return 'There is no base here to compare it with.';
  if (row.fixtures === 0) return `No fixture ran to its end on both it and ${row.base}.`;
  const rows = costKinds.map((kind) => [
    costHeads[kind],
    String(row.own[kind]),
    String(row.ofBase[kind]),
    costText(row, kind),
  ]);
  return mdTable([`over ${row.fixtures} fixtures`, 'it', row.base, ''], rows);
}

function notShown({ reduced }: VariantReview): string[] {
  if (reduced.length === 0) return ['Every function on the path of these runs is said to be faithful.'];
  return [
    'Functions on the path of these runs that do less than the kernel’s:',
    reduced
      .map(({ name, fidelity, says }) => `- \`${name}()\` ${fidelity.toLowerCase()}: ${cellText(says)}`)
      .join('\n'),
  ];
}
