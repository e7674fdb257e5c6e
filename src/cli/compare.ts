/** `faultline compare` and `faultline check`. */
import { availableParallelism } from 'node:os';
import { compare } from '../compare/compare';
import type { Comparison } from '../compare/comparison';
import { InputError } from '../compare/input';
import { loadFixtures, loadVariants } from '../compare/load';
import { defaultBounds } from '../explore/explore';
import { findingsAgainst, newFindings, renderAgainst } from '../report/against';
import type { CompareOptions } from './arguments';
import { exit } from './failure';
import { type Compared, formatOf } from './formats';
import { checkOutput, writeOutput } from './output';
import { readSaved } from './saved';
import { progressOn, screenOf, type Terminal } from './terminal';

/** Prints the comparison; what is finished, if the user interrupts. */
export async function runCompare(options: CompareOptions, terminal: Terminal): Promise<number> {
  const { isInterrupted, hasNew } = await compareAndPrint(options, terminal);
  if (isInterrupted) return exit.interrupted;
  return hasNew ? exit.found : exit.done;
}

/** Like compare, for a proposal that has to stand: what does not build or was cut short does not. */
export async function runCheck(options: CompareOptions, terminal: Terminal): Promise<number> {
  const { comparison, isInterrupted, hasNew } = await compareAndPrint(options, terminal);
  if (isInterrupted) return exit.interrupted;
  if (options.against !== undefined) return hasNew ? exit.found : exit.done;
  const falls = comparison.cells.some(({ verdict }) =>
    ['breaks', 'does-not-build', 'cut-short'].includes(verdict.kind),
  );
  return falls ? exit.found : exit.done;
}

async function compareAndPrint(
  options: CompareOptions,
  terminal: Terminal,
): Promise<{ comparison: Comparison; isInterrupted: boolean; hasNew: boolean }> {
  if (options.output !== undefined) checkOutput(options.output);
  const saved = options.against === undefined ? null : readSaved(options.against);
  const fixtures = loadFixtures(options.fixture ?? []);
  const variants = loadVariants(options.variant ?? []);
  if (fixtures.length === 0) throw new InputError('input', 'there are no fixtures to run');
  const progress = progressOn(terminal, options.quiet ?? false);
  const interrupt = new AbortController();
  const stopListening = terminal.onInterrupt(() => interrupt.abort());
  const comparison = await compare(fixtures, variants, {
    workers: options.jobs ?? availableParallelism(),
    bounds: { ...defaultBounds, ...(options.bound ? { maxExecutions: options.bound } : {}) },
    signal: interrupt.signal,
    ...(options.shard ? { shard: options.shard } : {}),
    onCell: ({ fixture, variant }, done, of) => progress.show(`${done}/${of} ${fixture} ${variant}`),
  }).finally(() => {
    progress.clear();
    stopListening();
  });
  const isInterrupted = interrupt.signal.aborted;
  print({ comparison, fixtures, variants }, isInterrupted, options, terminal);
  if (saved === null) return { comparison, isInterrupted, hasNew: false };
  const findings = findingsAgainst(comparison, saved);
  const text = renderAgainst(findings, options.against!, screenOf(terminal, options));
  // Beside a format that a program reads, what people read goes to the other stream.
  (options.format === 'table' ? terminal.stdout : terminal.stderr).write(`\n${text}`);
  return { comparison, isInterrupted, hasNew: newFindings(findings).length > 0 };
}

/** A part of a comparison never replaces a file. */
function print(compared: Compared, isPart: boolean, options: CompareOptions, terminal: Terminal): void {
  const { comparison } = compared;
  const text = formatOf(options.format).render(compared, screenOf(terminal, options));
  if (options.output === undefined || isPart) terminal.stdout.write(text);
  else writeOutput(options.output, text);
  if (!isPart) return;
  const of = comparison.fixtures.length * comparison.variants.length;
  const unwritten = options.output === undefined ? '' : `; ${options.output} was not written`;
  terminal.stderr.write(
    `faultline: interrupted: ${comparison.cells.length} of ${of} cells finished${unwritten}\n`,
  );
}
