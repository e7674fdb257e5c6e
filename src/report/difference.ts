/** `faultline diff` as text: functions, verdicts, where two runs part, cost. */
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';
import type { Difference, VerdictPair } from '../compare/difference';
import type { Divergence, Parting } from '../compare/divergence';
import type { ChangedFunction, FunctionSource } from '../compare/function_sources';
import { costHeads, costKinds } from './cost';
import { renderGrid } from './grid';
import { changeText } from './lanes';
import { columns, indent, paint, type Screen, wrap } from './screen';
import { brokenOf, cellWord } from './words';

/** Lines of a diff are never broken. */
export function renderDifference(difference: Difference, screen: Screen): string {
  const parts = [
    functionsPart(difference, screen),
    verdictsPart(difference, screen),
    ...difference.divergences.map((one) => divergencePart(one, difference, screen)),
    costPart(difference, screen),
  ];
  return `${parts.map((part) => part.join('\n')).join('\n\n')}\n`;
}

/** The functions of one pair as unified diffs, for every report. */
export const functionDiff = ({ name, a, b }: ChangedFunction): string =>
  createTwoFilesPatch(
    a ? `a/${header(a)}` : '/dev/null',
    b ? `b/${header(b)}` : '/dev/null',
    a?.text ?? '',
    b?.text ?? '',
    undefined,
    undefined,
    { context: 3, headerOptions: FILE_HEADERS_ONLY },
  ).replace(/^(@@ .* @@)$/gm, `$1 ${name}()`);

const header = ({ file, line }: FunctionSource): string => `${file.replace(/^\//, '')}:${line}`;

function functionsPart({ functions, a, b }: Difference, screen: Screen): string[] {
  const title = paint(screen).bold(`functions (${functions.length})`);
  if (functions.length === 0) return [title, ...block(`${a} and ${b} run the same functions.`, 2, screen)];
  return [title, ...functions.flatMap((one) => colored(functionDiff(one), screen))];
}

function colored(diff: string, screen: Screen): string[] {
  const color = paint(screen);
  return diff
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => {
      if (/^(---|\+\+\+) /.test(line)) return color.bold(line);
      if (line.startsWith('@@')) return color.cyan(line);
      if (line.startsWith('+')) return color.green(line);
      return line.startsWith('-') ? color.red(line) : line;
    });
}

function verdictsPart({ verdicts, compared, a, b }: Difference, screen: Screen): string[] {
  const title = paint(screen).bold(`verdicts that differ (${verdicts.length} of ${compared} fixtures)`);
  if (verdicts.length === 0) return [title];
  const width = Math.max(columns('fixture'), ...verdicts.map(({ fixture }) => columns(fixture)));
  const side = Math.max(12, Math.floor((screen.width - width - 4) / 2));
  const rows = verdicts.map((pair) => [pair.fixture, cell(pair, 'a', side), cell(pair, 'b', side)]);
  const heads = [
    { head: 'fixture', width },
    { head: wrap(a, side).join('\n'), width: side },
    { head: wrap(b, side).join('\n'), width: side },
  ];
  return [title, renderGrid(heads, rows, 2)];
}

/** The word of a verdict, and below it the invariants that only this variant breaks. */
function cell(pair: VerdictPair, side: 'a' | 'b', width: number): string {
  const other = brokenOf(pair[side === 'a' ? 'b' : 'a']).map(({ invariant }) => invariant);
  const own = brokenOf(pair[side]).map(({ invariant }) => invariant);
  const only = own.filter((invariant) => !other.includes(invariant));
  return [cellWord(pair[side]), ...only].flatMap((text) => wrap(text, width)).join('\n');
}

function divergencePart(one: Divergence, { a, b }: Difference, screen: Screen): string[] {
  const color = paint(screen);
  const title = color.bold(`where they part: ${one.fixture}, schedule ${one.token}`);
  return [title, ...startPart(one, a, b, screen), ...racePart(one, a, b, screen)];
}

/** What differs before anybody races. */
function startPart({ start }: Divergence, a: string, b: string, screen: Screen): string[] {
  if (!start) return [];
  return [
    '  already in the steps before the race:',
    ...block(`${a}: ${start.a ?? 'has no more'}`, 4, screen),
    ...block(`${b}: ${start.b ?? 'has no more'}`, 4, screen),
  ];
}

function racePart(one: Divergence, a: string, b: string, screen: Screen): string[] {
  if (one.at === null) {
    const same = `Both take the same ${one.steps.a} steps`;
    return one.end.a.join('\n') === one.end.b.join('\n')
      ? block(`${same}, to the same end.`, 2, screen)
      : [...block(`${same}; what follows differs.`, 2, screen), '', ...endDiff(one, a, b, screen)];
  }
  const last = one.last ? [`both, step ${one.at - 1}: ${one.last}`] : [];
  const forked = one.fork ? [`decided in ${one.fork.where}: ${one.fork.text}`] : [];
  const text = [...last, ...forked].flatMap((line) => block(line, 2, screen));
  const sides = [...side(a, one.at, one.a, screen), ...side(b, one.at, one.b, screen)];
  const entry = one.entry
    ? [
        '  first entry that becomes another one:',
        ...block(`${a}: ${one.entry.a ?? 'no change any more'}`, 4, screen),
        ...block(`${b}: ${one.entry.b ?? 'no change any more'}`, 4, screen),
      ]
    : ['  every entry takes the same values, in the same order'];
  return [...text, ...sides, ...entry, '', ...endDiff(one, a, b, screen)];
}

function side(variant: string, at: number, parting: Parting | null, screen: Screen): string[] {
  if (!parting || parting.does === null) return [`  ${variant}: has ended after step ${at - 1}`];
  const changes = parting.changes.map((change) => changeText(change));
  const site = parting.site ? [`at ${parting.site.where}: ${parting.site.text}`] : [];
  const lines = [
    `in ${chainOf(parting.calls) || 'user mode'}`,
    ...site,
    ...parting.decided.map(({ where, text }) => `it asks, ${where}: ${text}`),
    ...changes,
    ...parting.told.map((told) => `[ ${told} ]`),
  ];
  return [
    ...block(`${variant}, step ${at}: ${parting.actor}: ${parting.does}`, 2, screen),
    ...lines.flatMap((line) => block(line, 6, screen)),
  ];
}

const block = (text: string, by: number, screen: Screen): string[] =>
  indent(wrap(text, screen.width - by, 2), by);

/** A function that calls itself is named once. */
const chainOf = (calls: readonly string[]): string =>
  calls.filter((call, i) => call !== calls[i - 1]).join(' > ');

function endDiff({ end }: Divergence, a: string, b: string, screen: Screen): string[] {
  const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
  if (text(end.a) === text(end.b)) return ['  Both end in the same state.'];
  const all = Math.max(end.a.length, end.b.length);
  const options = { context: all, headerOptions: FILE_HEADERS_ONLY };
  const names = [`end of ${a}`, `end of ${b}`] as const;
  return colored(
    createTwoFilesPatch(...names, text(end.a), text(end.b), undefined, undefined, options),
    screen,
  );
}

function costPart({ cost, a, b }: Difference, screen: Screen): string[] {
  const title = paint(screen).bold(`cost, over the ${cost.fixtures} fixtures that ran to their end on both`);
  if (cost.fixtures === 0) return [title];
  const width = Math.max(columns(a), columns(b), 'difference'.length);
  const row = (name: string, values: readonly (number | string)[]): string[] => [name, ...values.map(String)];
  const signed = (n: number): string => (n > 0 ? `+${n}` : n === 0 ? '=' : String(n));
  const rows = [
    row(
      a,
      costKinds.map((kind) => cost.a[kind]),
    ),
    row(
      b,
      costKinds.map((kind) => cost.b[kind]),
    ),
    row(
      'difference',
      costKinds.map((kind) => signed(cost.b[kind] - cost.a[kind])),
    ),
  ];
  const heads = costKinds.map((kind, i) => ({
    head: costHeads[kind],
    width: Math.max(costHeads[kind].length, ...rows.map((one) => one[i + 1]!.length)),
    align: 'right' as const,
  }));
  return [title, renderGrid([{ head: '', width }, ...heads], rows, 2)];
}
