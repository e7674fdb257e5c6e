/** Which witnesses a real kernel was made to follow, and which of them it showed. */
import type { Inside } from '../conform/course';
import type { Judgement, TurnTaken } from '../conform/witness_judgement';
import type { WitnessResult, WitnessRun } from '../conform/witnesses';
import { renderGrid } from './grid';
import { breakId, paint, type Screen, TIED, wrap } from './screen';

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

/** @param words tell every order in words, too */
export function renderWitnesses(run: WitnessRun, words: boolean, screen: Screen): string {
  const colors = paint(screen);
  const lines: string[] = [];
  for (const variant of new Set(run.results.map((one) => one.variant))) {
    const all = groups(run.results.filter((one) => one.variant === variant));
    const head = `Witnesses of ${variant} on Linux ${run.release}, ${run.machine}, which ${run.own} models`;
    lines.push(...wrap(colors.bold(head), screen.width), '');
    lines.push(...gridOf(all, screen), '');
    for (const group of all) lines.push(...notesOf(group, run, words, screen));
    lines.push('');
  }
  if (run.results.some(({ judged }) => judged)) lines.push(...legend, '');
  lines.push(...sumLines(run, screen));
  for (const line of run.garbage) lines.push(...wrap(`garbage from the agent: ${line}`, screen.width, 2));
  return `${lines.join('\n')}\n`;
}

const legend = [
  '  vcpu     a turn of vcpu: until its step ends,',
  '  vcpu~    or until it sleeps in the kernel,',
  '  vcpu:    or until it pauses between two accesses of the step',
  '  (vcpu)   meanwhile vcpu could go on, woken by the kernel, and is held',
];

/** What was broken by one order of one fixture, and ended the same way, is told once. */
function groups(results: readonly WitnessResult[]): WitnessResult[][] {
  const found = new Map<string, WitnessResult[]>();
  for (const one of results) {
    const key = [one.witness.fixture, endText(one), noteOf(one), turnsText(one)].join('\n');
    found.set(key, [...(found.get(key) ?? []), one]);
  }
  return [...found.values()];
}

const GAP = 2;
const WIDTHS = { fixture: 22, broken: 18, kernel: 14 };

function gridOf(all: readonly (readonly WitnessResult[])[], { width }: Screen): string[] {
  const turns = Math.max(16, width - WIDTHS.fixture - WIDTHS.broken - WIDTHS.kernel - 3 * GAP);
  const rows = all.map((group) => {
    const [first] = group as [WitnessResult, ...WitnessResult[]];
    return [
      breakId(first.witness.fixture, WIDTHS.fixture),
      group.map(({ witness }) => breakId(witness.invariant, WIDTHS.broken)).join('\n'),
      wrap(turnsText(first), turns).join('\n'),
      wrap(endText(first), WIDTHS.kernel).join('\n'),
    ];
  });
  const columns = [
    { head: 'fixture', width: WIDTHS.fixture },
    { head: 'broken', width: WIDTHS.broken },
    { head: 'order of turns', width: turns },
    { head: 'kernel', width: WIDTHS.kernel },
  ];
  return renderGrid(columns, rows, GAP).split('\n');
}

const signs: Readonly<Partial<Record<TurnTaken['how'], string>>> = { waits: '~', blocked: '~', paused: ':' };

const turnsText = ({ judged, plan }: WitnessResult): string =>
  judged
    ? judged.order
        .map(({ actor, how, held }) => `${actor}${signs[how] ?? ''}${held.map((one) => `(${one})`).join('')}`)
        .join(' ')
    : plan.kind === 'inside'
      ? 'cannot be forced'
      : '';

const briefly: Readonly<Record<WitnessEnd, string>> = {
  'forced-shown': 'shown',
  'forced-not-shown': 'not shown',
  'forced-unseen': 'cannot be seen',
  'forced-differs': 'did neither',
  'tried-shown': 'tried, shown',
  'tried-not-shown': 'tried, not shown',
  'cannot-run': 'cannot run',
};

const endText = (result: WitnessResult): string =>
  result.tried?.kind === 'tried'
    ? briefly[endOf(result)].replace('tried', `tried ${result.tried.rounds} times`)
    : briefly[endOf(result)];

/** What the grid has no room for. */
function notesOf(group: readonly WitnessResult[], run: WitnessRun, words: boolean, screen: Screen): string[] {
  const [first] = group as [WitnessResult, ...WitnessResult[]];
  const note = [noteOf(first), words ? asModel(first, run) : ''].filter((text) => text !== '').join('; ');
  const turns = words ? (first.judged?.order ?? []).map(turnText) : [];
  if (note === '' && turns.length === 0) return [];
  const name =
    group.length > 1 || words ? `${first.witness.fixture}, ${invariantsOf(group)}` : first.witness.fixture;
  return [
    ...wrap(`${name}: ${note}`, screen.width, 2),
    ...turns.flatMap((text, i) => wrap(`${TIED.repeat(4)}${i + 1}. ${text}`, screen.width, 7)),
  ];
}

const invariantsOf = (group: readonly WitnessResult[]): string =>
  group.map(({ witness }) => witness.invariant).join(', ');

const ways: Readonly<Partial<Record<TurnTaken['how'], string>>> = {
  waits: ', which sleeps',
  paused: ', which pauses',
  blocked: ', which still sleeps',
  spins: ', which neither ends nor sleeps',
};

function turnText({ actor, begins, how, held }: TurnTaken): string {
  const beside = held.length > 0 ? ` (woken and held: ${held.join(', ')})` : '';
  return `${begins === null ? `${actor} goes on` : `${actor}: ${begins}`}${ways[how] ?? ''}${beside}`;
}

function noteOf({ plan, judged, tried }: WitnessResult): string {
  const other =
    judged && plan.kind === 'turns' && !plan.isItself
      ? 'the witness cannot be forced, but this order breaks the same'
      : '';
  const parts = [
    judged?.outcome === 'not-held' ? `not forced in any try: ${judged.reason}` : '',
    judged?.outcome === 'cannot-run' ? judged.reason! : other,
    judged?.agrees === false ? `unlike its variant: ${judged.reason}` : '',
    tried?.kind === 'tried' && tried.saw !== null ? tried.saw : '',
    tried?.kind === 'cannot' ? `not tried: ${tried.reason}` : '',
    plan.kind === 'cannot' ? plan.reason : '',
    plan.kind === 'inside' ? insideText(plan.inside) : '',
  ];
  return parts.filter((text) => text !== '').join('; ');
}

export const insideText = ({ stopped, where, beside }: Inside): string =>
  `user space cannot stop "${stopped.actor}: ${stopped.text}" ${
    where === null ? 'between its fault and the next try' : `in ${where}()`
  } while "${beside.actor}: ${beside.text}" goes on`;

/** What the kernel's own variant makes of the same order. */
function asModel({ judged }: WitnessResult, { own }: WitnessRun): string {
  if (!judged?.agrees) return '';
  const known = judged.reason === null ? '' : `, but for a known reason (${judged.reason})`;
  const apart = judged.apart.length > 0 ? `, told apart by: ${judged.apart.join(', ')}` : '';
  const breaks = judged.ownBreaks ? 'breaks it, too' : `does not break it${apart}`;
  return `${own} ${breaks}; the kernel did what ${own} does${known}`;
}

function sumLines({ results, release, cutShort }: WitnessRun, { width }: Screen): string[] {
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
  const cut =
    cutShort.length === 0
      ? ''
      : ` The search was stopped by its bound in ${cutShort.length} fixtures, which may have more.`;
  return wrap(text + cut, width);
}

export function renderWitnessesJson(run: WitnessRun): string {
  const { release, machine, own, cutShort, garbage } = run;
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
      order: judged?.order ?? [],
      toldApartBy: judged?.apart ?? null,
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
    cutShort,
    garbage,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

const reasonOf = ({ plan, tried }: WitnessResult): string | null =>
  tried?.kind === 'cannot' ? tried.reason : plan.kind === 'cannot' ? plan.reason : null;
