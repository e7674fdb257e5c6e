/** `faultline explain` and `faultline replay`. */
import { onItsOwn } from '../compare/compare';
import { InputError } from '../compare/input';
import { type LoadedFixture, type LoadedVariant, loadFixtures, loadVariants } from '../compare/load';
import { agreement, outcomeOf, readDifferences, readObservations } from '../compare/observed';
import { blaming } from '../compare/source_places';
import { reproducerOf } from '../conform/reproducer';
import { defaultBounds, type ExploreOptions } from '../explore/bounds';
import { shortChecksum, showToken } from '../explore/schedule';
import { invariants, judge } from '../judge/index';
import type { Broken, Verdict } from '../judge/verdict';
import { type Heading, renderHeading, renderTrace, replayLine, replayLines } from '../report/explain';
import { outcomePhrase } from '../report/observed_page';
import { indent, wrap } from '../report/screen';
import { brokenOf, classes, unbrokenSentence, verdictSentence } from '../report/words';
import { explain, simulate } from '../walk';
import { compile } from '../workload/index';
import { didYouMean, oneOf } from '../workload/suggestion';
import type { ReplayOptions, RunOptions } from './arguments';
import { exit } from './failure';
import { checkOutput, writeOutput } from './output';
import { runScreenOf, type Terminal } from './terminal';
import { readToken, TokenCheck } from './token';

interface Named {
  readonly fixture: LoadedFixture;
  readonly variant: LoadedVariant;
}

function named(fixture: string, variant: string, hardware = false): Named {
  const loaded = loadFixtures([fixture])[0]!;
  return { fixture: hardware ? onItsOwn(loaded) : loaded, variant: loadVariants([variant])[0]! };
}

/** The shortest run behind a verdict: of the gravest break, or of the one that `--invariant` names. */
export function runExplain(
  fixture: string,
  variant: string,
  options: RunOptions,
  terminal: Terminal,
): number {
  if (options.output !== undefined) checkOutput(options.output);
  const wanted = options.invariant;
  if (wanted !== undefined) refuseUnknown(wanted);
  const cell = named(fixture, variant, options.hardware);
  if (options.c && cell.fixture.fixture.machine.hardware)
    throw new InputError(
      'usage',
      'a program cannot tell its CPUs what to do: --c does not go with --hardware',
    );
  const bounds = boundsOf(options);
  const { verdict, broken } = blaming(cell.variant.variant.meta.id, () =>
    explain(cell.fixture, cell.variant, bounds),
  );
  const inOrder = [...broken].sort((a, b) => classes.indexOf(a.class) - classes.indexOf(b.class));
  const chosen = wanted === undefined ? inOrder[0] : inOrder.find((one) => one.invariant === wanted);
  if (options.c) {
    if (wanted !== undefined && !chosen)
      throw new InputError('usage', `there is no run to follow. ${unbrokenSentence(wanted, verdict)}`);
    putProgram(cell, verdict, chosen ?? null, options, terminal);
    return exit.done;
  }
  const parts = [heading(cell, verdict, chosen ?? null, options, terminal)];
  if (wanted !== undefined && !chosen)
    parts.push(...wrap(unbrokenSentence(wanted, verdict), runScreenOf(terminal, options).width), '');
  else {
    const schedule = chosen?.schedule ?? (verdict.kind === 'survives' ? verdict.witness : null);
    if (schedule) parts.push(drawRun(cell, schedule, options, terminal).text);
  }
  const others = inOrder.filter((one) => one !== chosen && wanted === undefined);
  if (others.length > 0) {
    const { width } = runScreenOf(terminal, options);
    const lines = others.flatMap((one) => otherLines(one, width));
    const title = wrap('Also broken (--invariant ID shows the run):', width);
    parts.push([...title, ...lines, ''].join('\n'));
  }
  put(parts.join('\n'), options, terminal);
  return exit.done;
}

/** The run as a C program. What of it user space cannot force is told to whoever looks, too. */
function putProgram(
  cell: Named,
  verdict: Verdict,
  chosen: Broken | null,
  options: RunOptions,
  terminal: Terminal,
): void {
  const { fixture } = cell.fixture;
  const { name } = fixture;
  const variant = cell.variant.variant;
  const run =
    chosen ??
    (verdict.kind === 'survives' ? { schedule: verdict.witness, checksum: verdict.checksum } : null);
  const replay = run && replayLine({ ...argumentsOf(cell), token: showToken(run.schedule, run.checksum) });
  const head = [
    `${name}: ${fixture.asks}`,
    `Variant ${variant.meta.id}: ${variant.meta.title}`,
    `Verdict of the model: ${verdictSentence(verdict)}.`,
    ...(chosen ? [`${chosen.invariant} (${chosen.class}): ${chosen.saw}`] : []),
    ...(replay ? [replay] : ['There is no run of the model to follow.']),
    `Build and run: cc -O2 -Wall -pthread ${name}.c -o ${name} && ./${name}`,
    'Exit codes: 0 all is as on a correct kernel; 1 something is not; 4 this machine cannot run it.',
  ];
  const correct = loadVariants(['linux-6.1', 'linux-6.12', 'linux-6.18']).map((one) => one.variant);
  const { text, race } = reproducerOf({ fixture, variant, correct, schedule: run?.schedule ?? null, head });
  if (race !== null) terminal.stderr.write(`faultline: ${race}; the program tries it many times.\n`);
  put(text.endsWith('\n') ? text : `${text}\n`, options, terminal);
}

const otherLines = ({ invariant, class: kind, saw }: Broken, width: number): string[] =>
  indent(wrap(`${invariant} (${kind}): ${saw}`, width - 2, 2), 2);

/**
 * One exact run. A schedule with a checksum that does not fit is told, because it belongs to another version of the
 * model; without a checksum somebody has written it himself, and is told where it goes wrong.
 */
export function runReplay(
  fixture: string,
  variant: string,
  token: string,
  options: ReplayOptions,
  terminal: Terminal,
): number {
  if (options.output !== undefined) checkOutput(options.output);
  const asked = readToken(token);
  const cell = named(fixture, variant, asked.hardware);
  if (!cell.variant.variant.meta.builds) {
    throw new InputError('input', `${variant}: ${verdictSentence(buildVerdict(cell.variant))}`);
  }
  const check = new TokenCheck(token, cell.fixture, cell.variant);
  check.letters(asked);
  // Without a checksum it is the beginning of a run, which goes on.
  const goesOn = asked.checksum === null;
  const { text, found, diverged, checksum } = drawRun(cell, asked.schedule, options, terminal, goesOn);
  if (diverged && goesOn) check.steps(asked);
  const isOther = diverged || (asked.checksum !== null && asked.checksum !== shortChecksum(checksum));
  const head = [
    `fixture  ${cell.fixture.fixture.name}`,
    `variant  ${cell.variant.variant.meta.id}`,
    ...(found.length > 0 ? found : ['nothing']).map((one) => `broken   ${one}`),
  ].flatMap((line) => wrap(line, runScreenOf(terminal, options).width, 9));
  const beyond = options.then && !isOther ? `\n${goOn(cell, asked.schedule, options, terminal)}` : '';
  put(`${head.join('\n')}\n\n${text}${beyond}`, options, terminal);
  if (!isOther) return exit.done;
  terminal.stderr.write(
    `faultline: the schedule "${token}" does not give the run that it was made from: it is from another version of ` +
      'the model, the fixture or the variant. The run above is what it gives here.\n',
  );
  return exit.input;
}

/** What the runs come to that begin with these steps. */
function goOn(cell: Named, prefix: readonly number[], options: ReplayOptions, terminal: Terminal): string {
  const { fixture, variant } = cell;
  const verdict = blaming(cell.variant.variant.meta.id, () =>
    judge(compile(fixture.fixture), variant.variant, boundsOf(options), prefix),
  );
  const { width } = runScreenOf(terminal, options);
  const runs = 'explored' in verdict ? `${verdict.explored.executions} runs begin like this` : 'none was run';
  const lines = brokenOf(verdict).flatMap((one) => [
    ...otherLines(one, width),
    ...replayLines(
      { ...argumentsOf(cell), token: showToken(one.schedule, one.checksum, one.hardware) },
      width,
      4,
    ),
  ]);
  return [...wrap(`onward   ${verdictSentence(verdict)} (${runs})`, width, 9), ...lines, ''].join('\n');
}

const argumentsOf = ({ fixture, variant }: Named): { fixture: string; variant: string } => ({
  fixture: fixture.argument,
  variant: variant.argument ?? variant.variant.meta.id,
});

const boundsOf = ({ bound }: RunOptions): ExploreOptions => ({
  ...defaultBounds,
  ...(bound ? { maxExecutions: bound } : {}),
});

const buildVerdict = ({ variant }: LoadedVariant): Verdict => ({
  kind: 'does-not-build',
  defects: variant.meta.defects ?? [],
});

function refuseUnknown(invariant: string): void {
  const ids = invariants.map(({ id }) => id);
  if (ids.includes(invariant)) return;
  const hint = didYouMean(invariant, ids) || `; there are: ${oneOf(ids)}`;
  throw new InputError('usage', `unknown invariant "${invariant}"${hint}`);
}

function heading(
  { fixture, variant }: Named,
  verdict: Verdict,
  broken: Heading['broken'],
  options: RunOptions,
  terminal: Terminal,
): string {
  const text: Heading = {
    fixture: fixture.fixture.name,
    variant: variant.variant.meta.id,
    asks: fixture.fixture.asks,
    verdict: verdictSentence(verdict),
    reported: variant.variant.meta.reported,
    broken,
    ...observedOf(fixture.argument, variant.argument, verdict),
  };
  return renderHeading(text, runScreenOf(terminal, options));
}

/** Only of what is built in: somebody's own file may have the same name. */
function observedOf(fixture: string, variant: string | null, verdict: Verdict): Pick<Heading, 'observed'> {
  const outcome = variant === null ? null : outcomeOf(readObservations(), fixture, variant);
  if (outcome === null) return {};
  const agrees = agreement(outcome, verdict);
  const listed = readDifferences().find((one) => one.workload === fixture && one.variant === variant);
  const why = listed?.mark === agrees ? listed.why : null;
  return { observed: { outcome: outcomePhrase(outcome), agreement: agrees, why } };
}

function drawRun(
  cell: Named,
  schedule: readonly number[],
  options: RunOptions,
  terminal: Terminal,
  goesOn = false,
): { text: string; found: readonly string[]; diverged: boolean; checksum: number } {
  const { fixture, variant } = cell;
  const run = blaming(cell.variant.variant.meta.id, () =>
    simulate(compile(fixture.fixture), variant, schedule, goesOn),
  );
  const replay = {
    ...argumentsOf(cell),
    token: showToken(run.schedule, run.checksum, fixture.fixture.machine.hardware),
  };
  const screen = { ...runScreenOf(terminal, options), full: options.full ?? false };
  return {
    text: `${renderTrace(run.trace, replay, screen)}signs:  faultline list signs\n`,
    found: run.found,
    diverged: run.diverged,
    checksum: run.checksum,
  };
}

function put(text: string, { output }: RunOptions, terminal: Terminal): void {
  if (output === undefined) terminal.stdout.write(text);
  else writeOutput(output, text);
}
