/** `faultline compare` and `faultline check`. */
import type { Comparison } from '../compare/comparison';
import { cellCount } from '../compare/shard';
import { findingsAgainst, newFindings, renderAgainst } from '../report/against';
import { renderBrief } from '../report/brief';
import type { CompareOptions } from './arguments';
import { type Judged, judgeCells, loadCells, type Sources } from './cells';
import { detailsOn } from './details';
import { exit } from './failure';
import { formatOf } from './formats';
import { checkOutput, writeOutput } from './output';
import { readSaved } from './saved';
import { screenOf, type Terminal } from './terminal';

/** Prints the comparison; what is finished, if the user interrupts. */
export function runCompare(options: CompareOptions, terminal: Terminal): Promise<number> {
  return compareAndPrint(options, terminal, false);
}

/** Like compare, for a proposal that has to stand: what does not build or was cut short does not. */
export function runCheck(options: CompareOptions, terminal: Terminal): Promise<number> {
  return compareAndPrint(options, terminal, true);
}

const falls = ({ cells }: Comparison): boolean =>
  cells.some(({ verdict }) => ['breaks', 'does-not-build', 'cut-short'].includes(verdict.kind));

/** @param isCheck whether what is found decides; against a saved comparison, what is new does */
async function compareAndPrint(
  options: CompareOptions,
  terminal: Terminal,
  isCheck: boolean,
): Promise<number> {
  if (options.output !== undefined) checkOutput(options.output);
  const saved = options.against === undefined ? null : readSaved(options.against);
  const tell = (sources: Sources, judged: Judged): boolean => {
    print(sources, judged, options, terminal);
    return saved === null
      ? isCheck && falls(judged.comparison)
      : printAgainst(judged, saved, options, terminal);
  };
  if (options.watch) {
    const { watchCells } = require('./watch') as typeof import('./watch');
    return watchCells(options, terminal, tell);
  }
  const sources = loadCells(options, terminal);
  const judged = await judgeCells(sources, options, terminal);
  const isFound = tell(sources, judged);
  if (judged.isInterrupted) return exit.interrupted;
  if (isFound) return exit.found;
  return isCheck && isAnyoneUntried(judged.comparison, terminal) ? exit.nothingRan : exit.done;
}

/** Whoever ran nothing does not stand either; says so. */
function isAnyoneUntried({ variants, cells }: Comparison, { stderr }: Terminal): boolean {
  const ran = new Set(cells.flatMap(({ variant, verdict }) => ('explored' in verdict ? [variant] : [])));
  const untried = variants.filter(({ id }) => !ran.has(id));
  for (const { id } of untried)
    stderr.write(`faultline: nothing was run: ${id} can run none of these fixtures, which proves nothing\n`);
  return untried.length > 0;
}

/** @returns whether something is new */
function printAgainst(
  { comparison }: Judged,
  saved: ReturnType<typeof readSaved>,
  options: CompareOptions,
  terminal: Terminal,
): boolean {
  const findings = findingsAgainst(comparison, saved);
  const text = renderAgainst(findings, options.against!, screenOf(terminal, options));
  // Beside a format that a program reads, what people read goes to the other stream.
  (options.format === 'table' ? terminal.stdout : terminal.stderr).write(`\n${text}`);
  return newFindings(findings).length > 0;
}

/** A part of a comparison never replaces a file. */
function print(sources: Sources, judged: Judged, options: CompareOptions, terminal: Terminal): void {
  const { comparison, isInterrupted } = judged;
  const details = detailsOn(terminal, options);
  const begin = details.now();
  const screen = screenOf(terminal, options);
  const text =
    options.quiet && options.format === 'table'
      ? renderBrief(comparison)
      : formatOf(options.format).render({ comparison, ...sources }, screen);
  details.stage(`written as ${options.format}`, begin);
  if (options.output === undefined || isInterrupted) terminal.stdout.write(text);
  else writeOutput(options.output, text);
  if (!isInterrupted) return;
  const of = cellCount(comparison);
  const unwritten = options.output === undefined ? '' : `; ${options.output} was not written`;
  terminal.stderr.write(
    `faultline: interrupted: ${comparison.cells.length} of ${of} cells finished${unwritten}\n`,
  );
}
