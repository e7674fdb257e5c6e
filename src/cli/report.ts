/** `faultline report`: the review of variants, written into a folder. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { compare } from '../compare/compare';
import { InputError } from '../compare/input';
import { loadFixtures, loadVariants } from '../compare/load';
import { defaultBounds } from '../explore/explore';
import { findingsAgainst, markNew, newFindings, renderAgainst } from '../report/against';
import { renderLkml } from '../report/lkml';
import { pageFile, renderOverview } from '../report/markdown';
import { renderPage } from '../report/markdown_page';
import type { CommonOptions } from './arguments';
import { exit } from './failure';
import { type Compared, type Format, formatOf } from './formats';
import { checkFolder, writeFolder } from './output_folder';
import { reviewOf } from './review';
import { readSaved } from './saved';
import { progressOn, screenOf, type Terminal } from './terminal';

export interface ReportOptions extends CommonOptions {
  readonly variant?: readonly string[];
  readonly fixture?: readonly string[];
  readonly format: Format;
  readonly jobs?: number;
  readonly bound?: number;
  readonly quiet?: boolean;
  readonly against?: string;
}

const FOLDER = 'reports';

export async function runReport(options: ReportOptions, terminal: Terminal): Promise<number> {
  const folder = options.output ?? FOLDER;
  const saved = options.against === undefined ? null : readSaved(options.against);
  const fixtures = loadFixtures(options.fixture ?? []);
  const variants = loadVariants(options.variant ?? []);
  if (fixtures.length === 0) throw new InputError('input', 'there are no fixtures to run');
  checkFolder(folder);
  const progress = progressOn(terminal, options.quiet ?? false);
  const interrupt = new AbortController();
  const stopListening = terminal.onInterrupt(() => interrupt.abort());
  const comparison = await compare(fixtures, variants, {
    workers: options.jobs ?? availableParallelism(),
    bounds: { ...defaultBounds, ...(options.bound ? { maxExecutions: options.bound } : {}) },
    signal: interrupt.signal,
    onCell: ({ fixture, variant }, done, of) => progress.show(`${done}/${of} ${fixture} ${variant}`),
  }).finally(() => {
    progress.clear();
    stopListening();
  });
  if (interrupt.signal.aborted) {
    const of = fixtures.length * variants.length;
    terminal.stderr.write(
      `faultline: interrupted: ${comparison.cells.length} of ${of} cells finished; nothing was written to ${folder}\n`,
    );
    return exit.interrupted;
  }
  const findings = saved && findingsAgainst(comparison, saved);
  const mark = findings ? markNew(findings) : undefined;
  const files = filesOf({ comparison, fixtures, variants, ...(mark && { mark }) }, options, terminal);
  writeFolder(folder, files);
  terminal.stdout.write(`${[...files.keys()].map((file) => join(folder, file)).join('\n')}\n`);
  if (findings === null) return exit.done;
  terminal.stdout.write(`\n${renderAgainst(findings, options.against!, screenOf(terminal, options))}`);
  return newFindings(findings).length > 0 ? exit.found : exit.done;
}

/** Files of a report by name. */
function filesOf(sources: Compared, options: ReportOptions, terminal: Terminal): ReadonlyMap<string, string> {
  if (options.format === 'markdown') {
    const review = reviewOf(sources);
    return new Map([
      ['README.md', renderOverview(review)],
      ...review.variants.map((one): [string, string] => [
        decodeURIComponent(pageFile(one.meta.id)),
        renderPage(one, review),
      ]),
    ]);
  }
  if (options.format === 'lkml') {
    const review = reviewOf(sources);
    return new Map(review.variants.map((one) => [`${one.meta.id}.eml`, renderLkml(one, review)]));
  }
  const { ending, render } = formatOf(options.format);
  return new Map([[`report.${ending}`, render(sources, screenOf(terminal, { ...options, output: 'file' }))]]);
}
