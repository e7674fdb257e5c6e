/** Loads and judges cells, with progress, details and an interrupt: what compare, check, diff and report begin with. */
import { availableParallelism } from 'node:os';
import { compare, type CompareOptions as Judging, onItsOwn } from '../compare/compare';
import type { Cell, Comparison, Shard } from '../compare/comparison';
import { InputError } from '../compare/input';
import { type LoadedFixture, type LoadedVariant, loadFixtures, loadVariants } from '../compare/load';
import { defaultBounds } from '../explore/bounds';
import { cellWord } from '../report/words';
import type { CommonOptions } from './arguments';
import { detailsOn } from './details';
import { progressOn, type Terminal } from './terminal';

export interface CellOptions extends CommonOptions {
  readonly variant?: readonly string[];
  readonly fixture?: readonly string[];
  readonly jobs?: number;
  readonly bound?: number;
  readonly quiet?: boolean;
  readonly shard?: Shard;
  readonly hardware?: boolean;
}

export interface Sources {
  readonly fixtures: readonly LoadedFixture[];
  readonly variants: readonly LoadedVariant[];
}

/** @param onFile called with every file of a user's variant */
export function loadCells(
  options: CellOptions,
  terminal: Terminal,
  onFile?: (path: string, argument: string) => void,
): Sources {
  const details = detailsOn(terminal, options);
  const begin = details.now();
  const named = loadFixtures(options.fixture ?? []);
  const fixtures = options.hardware ? named.map(onItsOwn) : named;
  const variants = loadVariants(options.variant ?? [], (path, argument) => {
    details.say(`read ${path}`);
    onFile?.(path, argument);
  });
  if (fixtures.length === 0) throw new InputError('input', 'there are no fixtures to run');
  for (const { fixture, file } of fixtures) details.say(`fixture ${fixture.name}: ${file}`);
  for (const one of variants) details.say(variantOrigin(one));
  details.stage(`loaded fixtures (${fixtures.length}) and variants (${variants.length})`, begin);
  return { fixtures, variants };
}

/** What --verbose says of a variant. */
export function variantOrigin({ variant, argument }: LoadedVariant): string {
  const { id, base } = variant.meta;
  const from = argument === null || argument === id ? 'built in' : argument;
  return `variant ${id}: ${from}${base === null ? '' : `, based on ${base}`}`;
}

export interface Judged {
  readonly comparison: Comparison;
  readonly isInterrupted: boolean;
}

/** @param more verdicts that are known, and a signal beside the user's own interrupt */
export async function judgeCells(
  { fixtures, variants }: Sources,
  options: CellOptions,
  terminal: Terminal,
  more: Pick<Judging, 'known' | 'signal'> = {},
): Promise<Judged> {
  const details = detailsOn(terminal, options);
  const begin = details.now();
  const progress = progressOn(terminal, (options.quiet || options.verbose) ?? false);
  const interrupt = new AbortController();
  const stopListening = more.signal ? () => {} : terminal.onInterrupt(() => interrupt.abort());
  const workers = options.jobs ?? availableParallelism();
  let finished = 0;
  const comparison = await compare(fixtures, variants, {
    workers,
    bounds: { ...defaultBounds, ...(options.bound ? { maxExecutions: options.bound } : {}) },
    signal: more.signal ?? interrupt.signal,
    ...(options.shard ? { shard: options.shard } : {}),
    ...(options.hardware ? { hardware: true } : {}),
    ...(more.known ? { known: more.known } : {}),
    onCell(cell, done, of) {
      finished = done;
      details.say(cellText(cell));
      progress.show(`${cell.fixture} ${cell.variant}`, done, of);
    },
  }).finally(() => {
    progress.clear();
    stopListening();
  });
  details.stage(`judged cells (${finished}) with --jobs ${workers}`, begin);
  return { comparison, isInterrupted: (more.signal ?? interrupt.signal).aborted };
}

function cellText({ fixture, variant, verdict }: Cell): string {
  const text = `cell ${fixture} ${variant}: ${cellWord(verdict)}`;
  if (!('explored' in verdict)) return text;
  const { executions, states, stoppedBy } = verdict.explored;
  return `${text}, ${executions} runs, ${states} states${stoppedBy ? `, stopped by ${stoppedBy}` : ''}`;
}
