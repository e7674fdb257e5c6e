/** `faultline report`: the review of variants, written into a folder. */
import { join } from 'node:path';
import { findingsAgainst, markNew, newFindings, renderAgainst } from '../report/against';
import { renderLkml } from '../report/lkml';
import { pageFile, renderOverview } from '../report/markdown';
import { renderPage } from '../report/markdown_page';
import { type CellOptions, judgeCells, loadCells } from './cells';
import { detailsOn } from './details';
import { exit } from './failure';
import { type Compared, type Format, formatOf } from './formats';
import { checkFolder, writeFolder } from './output_folder';
import { reviewOf } from './review';
import { readSaved } from './saved';
import { screenOf, type Terminal } from './terminal';

export interface ReportOptions extends CellOptions {
  readonly format: Format;
  readonly against?: string;
}

const FOLDER = 'reports';

export async function runReport(options: ReportOptions, terminal: Terminal): Promise<number> {
  const folder = options.output ?? FOLDER;
  const saved = options.against === undefined ? null : readSaved(options.against);
  const sources = loadCells(options, terminal);
  const { fixtures, variants } = sources;
  checkFolder(folder);
  const { comparison, isInterrupted } = await judgeCells(sources, options, terminal);
  if (isInterrupted) {
    const of = fixtures.length * variants.length;
    terminal.stderr.write(
      `faultline: interrupted: ${comparison.cells.length} of ${of} cells finished; nothing was written to ${folder}\n`,
    );
    return exit.interrupted;
  }
  const details = detailsOn(terminal, options);
  const begin = details.now();
  const findings = saved && findingsAgainst(comparison, saved);
  const mark = findings ? markNew(findings) : undefined;
  const files = filesOf({ comparison, fixtures, variants, ...(mark && { mark }) }, options, terminal);
  writeFolder(folder, files);
  details.stage(`written ${folder} as ${options.format}, ${files.size} files,`, begin);
  if (!options.quiet) {
    terminal.stdout.write(`${[...files.keys()].map((file) => join(folder, file)).join('\n')}\n`);
  }
  if (options.format === 'lkml' && !options.quiet) tellUnaddressed(variants, terminal);
  if (findings === null) return exit.done;
  const told = renderAgainst(findings, options.against!, screenOf(terminal, options));
  terminal.stdout.write(options.quiet ? told : `\n${told}`);
  return newFindings(findings).length > 0 ? exit.found : exit.done;
}

/** A mail is sent as it is only where it is known to whom. */
function tellUnaddressed(variants: Compared['variants'], { stderr }: Terminal): void {
  const ids = variants.map(({ variant }) => variant.meta).filter((meta) => !meta.replyTo);
  if (ids.length === 0) return;
  const names = ids.map(({ id }) => `${id}.eml`).join(', ');
  stderr.write(`faultline: no address is known, so git send-email needs --to and --cc for ${names}\n`);
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
