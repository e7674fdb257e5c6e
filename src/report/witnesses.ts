/** Which witnesses a real kernel was made to follow, and which of them it showed. */
import type { Inside } from '../conform/course';
import type { Judgement } from '../conform/witness_judgement';
import type { WitnessResult, WitnessRun } from '../conform/witnesses';
import { paint, type Screen, TIED, wrap } from './screen';

/** One word for each way it can end, for scripts and for the sum at the end. */
export type WitnessEnd =
  | 'forced-shown'
  | 'forced-not-shown'
  | 'forced-unseen'
  | 'forced-differs'
  | 'tried-shown'
  | 'tried-not-shown'
  | 'cannot-run';

const sums: Readonly<Record<WitnessEnd, string>> = {
  'forced-shown': 'forced, and the kernel showed it',
  'forced-not-shown': 'forced, the kernel did not show it',
  'forced-unseen': 'forced, user space cannot see whether it is there',
  'forced-differs': 'forced, the kernel did neither',
  'tried-shown': 'tried without forcing, shown',
  'tried-not-shown': 'tried without forcing, not shown',
  'cannot-run': 'cannot run here',
};

const ends: Readonly<Record<Judgement['outcome'], WitnessEnd>> = {
  shown: 'forced-shown',
  'not-shown': 'forced-not-shown',
  unseen: 'forced-unseen',
  differs: 'forced-differs',
  'not-held': 'cannot-run',
  'cannot-run': 'cannot-run',
};

export function endOf({ judged, tried }: WitnessResult): WitnessEnd {
  if (judged) return ends[judged.outcome];
  if (tried?.kind === 'tried') return tried.saw === null ? 'tried-not-shown' : 'tried-shown';
  return 'cannot-run';
}

/** Whether the kernel and the variant that models it did not do the same. */
export const isDisagreement = ({ judged }: WitnessResult): boolean =>
  judged?.agrees === false || judged?.outcome === 'differs';

export function renderWitnesses(run: WitnessRun, screen: Screen): string {
  const colors = paint(screen);
  const lines: string[] = [];
  for (const variant of new Set(run.results.map((one) => one.variant))) {
    const of = run.results.filter((one) => one.variant === variant);
    const head = `Witnesses of ${variant} on Linux ${run.release}, ${run.machine}, which ${run.own} models`;
    lines.push(colors.bold(head), '');
    for (const group of groups(of)) lines.push(...groupLines(group, run, screen), '');
  }
  lines.push(...sumLines(run, screen));
  for (const line of run.garbage) lines.push(...wrap(`garbage from the agent: ${line}`, screen.width, 2));
  return `${lines.join('\n')}\n`;
}

/** What was broken by one order of one fixture, and ended the same way, is told once. */
function groups(results: readonly WitnessResult[]): WitnessResult[][] {
  const found = new Map<string, WitnessResult[]>();
  for (const one of results) {
    const key = [one.witness.fixture, endText(one), ...orderOf(one)].join('\n');
    found.set(key, [...(found.get(key) ?? []), one]);
  }
  return [...found.values()];
}

function groupLines(group: readonly WitnessResult[], run: WitnessRun, screen: Screen): string[] {
  const [first] = group as [WitnessResult, ...WitnessResult[]];
  const invariants = group.map(({ witness }) => witness.invariant).join(', ');
  return [
    ...wrap(`${first.witness.fixture}: ${invariants}`, screen.width, 4),
    ...indented(endText(first) + asModel(first, run), screen),
    ...orderOf(first).flatMap((text, i) => indented(`${i + 1}. ${text}`, screen, 4)),
  ];
}

function indented(text: string, { width }: Screen, spaces = 2): string[] {
  return wrap(TIED.repeat(spaces) + text, width, spaces + 3);
}

const orderOf = ({ judged }: WitnessResult): readonly string[] => judged?.order ?? [];

function endText(result: WitnessResult): string {
  const { judged, tried, plan } = result;
  if (judged) return judgedText(result, judged);
  const where = plan.kind === 'inside' ? `; ${insideText(plan.inside)}` : '';
  if (tried?.kind === 'tried') {
    const saw = tried.saw === null ? 'not shown' : `shown: ${tried.saw}`;
    return `tried ${tried.rounds === 1 ? 'once' : `${tried.rounds} times`} without forcing, ${saw}${where}`;
  }
  const reason = tried?.kind === 'cannot' ? tried.reason : plan.kind === 'cannot' ? plan.reason : '';
  return `cannot run here: ${reason}${where}`;
}

function judgedText({ plan }: WitnessResult, { outcome, reason }: Judgement): string {
  const other =
    plan.kind === 'turns' && !plan.isItself ? ', in an order of its own that breaks the same' : '';
  if (outcome === 'not-held') return `cannot run here: not forced in any try: ${reason}`;
  if (outcome === 'cannot-run') return `cannot run here: ${reason}`;
  return sums[ends[outcome]] + other;
}

export const insideText = ({ stopped, where, beside }: Inside): string =>
  `user space cannot stop "${stopped.actor}: ${stopped.text}" ${
    where === null ? 'between its fault and the next try' : `in ${where}()`
  } while "${beside.actor}: ${beside.text}" goes on`;

/** What the kernel's own variant makes of the same order. */
function asModel({ judged }: WitnessResult, { own }: WitnessRun): string {
  if (!judged || judged.agrees === null) return '';
  if (!judged.agrees) return `; unlike ${own}: ${judged.reason}`;
  const known = judged.reason === null ? '' : `, but for a known reason (${judged.reason})`;
  return `; ${own} ${judged.ownBreaks ? 'breaks it, too' : 'does not break it'}, and the kernel did what it does${known}`;
}

function sumLines({ results, release }: WitnessRun, { width }: Screen): string[] {
  const counts = Object.entries(sums).flatMap(([end, text]) => {
    const count = results.filter((one) => endOf(one) === end).length;
    return count > 0 ? [`${count} ${text}`] : [];
  });
  const compared = results.filter(({ judged }) => judged !== null && judged.agrees !== null);
  const agree = compared.filter(({ judged }) => judged!.agrees).length;
  const text =
    results.length === 0
      ? 'Nothing is broken: there are no witnesses.'
      : `${results.length} witnesses on ${release}: ${counts.join('; ')}. In ${agree} of ${compared.length} forced orders the kernel did, turn by turn, what its variant does.`;
  return wrap(text, width);
}

export function renderWitnessesJson(run: WitnessRun): string {
  const { release, machine, own, garbage } = run;
  const witnesses = run.results.map((result) => {
    const { variant, witness, plan, judged, tried } = result;
    return {
      fixture: witness.fixture,
      variant,
      invariant: witness.invariant,
      class: witness.class,
      saw: witness.saw,
      end: endOf(result),
      turns: plan.kind === 'turns' ? plan.turns : null,
      isWitnessItself: plan.kind === 'turns' ? plan.isItself : null,
      order: orderOf(result),
      ownVariantBreaks: judged?.ownBreaks ?? null,
      agreesWithOwnVariant: judged?.agrees ?? null,
      tries: tried?.kind === 'tried' ? tried.rounds : null,
      tryShowed: tried?.kind === 'tried' ? tried.saw : null,
      cannotForce: plan.kind === 'inside' ? insideText(plan.inside) : null,
      reason: judged?.reason ?? reasonOf(result),
    };
  });
  const document = {
    format: 'faultline-witnesses',
    version: 1,
    kernel: { release, machine },
    own,
    witnesses,
    garbage,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

const reasonOf = ({ plan, tried }: WitnessResult): string | null =>
  tried?.kind === 'cannot' ? tried.reason : plan.kind === 'cannot' ? plan.reason : null;
