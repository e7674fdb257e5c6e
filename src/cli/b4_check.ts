/** `faultline b4-check`: a proposal that we know, as a column of b4's review. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { compare } from '../compare/compare';
import type { Cell } from '../compare/comparison';
import { InputError, readInput } from '../compare/input';
import { loadFixtures, loadVariants } from '../compare/load';
import type { VariantMeta } from '../core/index';
import { defaultBounds } from '../explore/bounds';
import { type Mail, MailError, readMails } from '../mail/index';
import { cellWord, verdictSentence } from '../report/words';
import { variants } from '../variants/index';
import { exit } from './failure';
import { progressOn, type Terminal } from './terminal';

export interface B4Options {
  readonly fixture?: readonly string[];
  readonly mail?: string;
  readonly jobs?: number;
  readonly bound?: number;
  readonly hardware?: boolean;
  readonly quiet?: boolean;
}

/** One result, as b4's protocol has it; b4 keeps one of each tool for a mail. */
interface Result {
  readonly tool: 'faultline';
  readonly status: 'pass' | 'warn' | 'fail';
  readonly summary: string;
  readonly details: string;
}

export async function runB4Check(options: B4Options, terminal: Terminal): Promise<number> {
  const known = variantsOf(readMail(options.mail ?? '-'));
  const results = known.length === 0 ? [] : [await resultOf(known, options, terminal)];
  terminal.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
  return exit.done;
}

/** @param file of a mail; `-` is stdin */
function readMail(file: string): Mail {
  const shown = file === '-' ? 'stdin' : file;
  let bytes: Uint8Array = new Uint8Array();
  readInput(shown, () => {
    bytes = readFileSync(file === '-' ? 0 : file);
    return '';
  });
  try {
    return readMails(bytes)[0]!;
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    throw new InputError(
      'input',
      `${shown}${error.line === null ? '' : `:${error.line}:1`}: ${error.message}`,
    );
  }
}

/** By its message id; without one that we know, nothing is guessed from its subject. */
function variantsOf({ headers }: Mail): VariantMeta[] {
  const id = /<[^<>\s]+>/.exec(headers.get('message-id') ?? '')?.[0];
  return variants.map(({ meta }) => meta).filter(({ messageId }) => id !== undefined && messageId === id);
}

async function resultOf(
  known: readonly VariantMeta[],
  options: B4Options,
  terminal: Terminal,
): Promise<Result> {
  const progress = progressOn(terminal, options.quiet ?? false);
  const ids = known.map(({ id }) => id);
  const { cells } = await compare(loadFixtures(options.fixture ?? []), loadVariants(ids), {
    workers: options.jobs ?? availableParallelism(),
    bounds: { ...defaultBounds, ...(options.bound ? { maxExecutions: options.bound } : {}) },
    ...(options.hardware ? { hardware: true } : {}),
    onCell: ({ fixture, variant }, done, of) => progress.show(`${done}/${of} ${fixture} ${variant}`),
  }).finally(() => progress.clear());
  const bad = cells.filter(({ verdict }) => verdict.kind === 'breaks' || verdict.kind === 'does-not-build');
  const cut = cells.filter(({ verdict }) => verdict.kind === 'cut-short');
  const words = [...new Set(bad.map(({ verdict }) => cellWord(verdict)))];
  return {
    tool: 'faultline',
    status: bad.length > 0 ? 'fail' : cut.length > 0 ? 'warn' : 'pass',
    summary:
      bad.length > 0
        ? `${ids.join(', ')}: ${bad.length} of ${cells.length} fixtures: ${words.join(', ')}`
        : `${ids.join(', ')}: nothing broke in ${cells.length - cut.length} of ${cells.length} fixtures`,
    details: [...bad, ...cut].map(line).join('\n'),
  };
}

const line = ({ fixture, variant, verdict }: Cell): string =>
  `${fixture}: ${verdictSentence(verdict)}\n  faultline explain ${fixture} ${variant}`;
