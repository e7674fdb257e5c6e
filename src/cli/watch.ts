/** `--watch`: judges the cells again that a changed file touches, until the user interrupts. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fixtureFiles, type LoadedFixture, type LoadedVariant } from '../compare/load';
import type { Verdict } from '../judge/verdict';
import { type CellOptions, type Judged, judgeCells, loadCells, type Sources } from './cells';
import { exit, failureOf } from './failure';
import type { Terminal } from './terminal';
import { WatchedFiles } from './watched_files';

type Print = (sources: Sources, judged: Judged) => void;

/** What a cell was judged from; the same key, the same verdict. */
type KeyOf = (fixture: LoadedFixture, variant: LoadedVariant) => string;

/** Why a round of judging or of waiting ended. */
type Wake = 'change' | 'interrupt';

export async function watchCells(options: CellOptions, terminal: Terminal, print: Print): Promise<number> {
  const rounds = new Rounds();
  const files = new WatchedFiles((names) => rounds.wake('change', names));
  const stopListening = terminal.onInterrupt(() => rounds.wake('interrupt'));
  const session: Session = { options, terminal, print, files, rounds, verdicts: new Map(), printed: null };
  try {
    for (let first = true; ; first = false) {
      try {
        await judgeRound(session, first);
      } catch (error) {
        tellOrThrow(error, session);
      }
      if (first && !options.quiet) terminal.stderr.write('faultline: watching; ^C ends\n');
      if ((await rounds.over()) === 'interrupt') return exit.interrupted;
    }
  } finally {
    stopListening();
    files.close();
  }
}

interface Session {
  readonly options: CellOptions;
  readonly terminal: Terminal;
  readonly print: Print;
  readonly files: WatchedFiles;
  readonly rounds: Rounds;
  /** Of the last round, by key. */
  verdicts: Map<string, Verdict>;
  /** The keys that were printed last; null after a mistake. */
  printed: string | null;
}

async function judgeRound(session: Session, first: boolean): Promise<void> {
  const { options, terminal, rounds, verdicts } = session;
  const { signal, names } = rounds.begin();
  const before = session.printed;
  session.printed = null;
  const { sources, keyOf } = loadWatched(session);
  const keys = sources.fixtures.flatMap((one) => sources.variants.map((other) => keyOf(one, other)));
  const all = keys.join('\n');
  if (all === before) {
    session.printed = before;
    return;
  }
  const touched = keys.filter((key) => !verdicts.has(key)).length;
  if (!first && !options.quiet) {
    const many = touched === 1 ? '1 cell' : `${touched} cells`;
    terminal.stderr.write(`faultline: ${names.join(', ')} changed: ${many} of ${keys.length} to be judged\n`);
  }
  const known = (fixture: LoadedFixture, variant: LoadedVariant): Verdict | undefined =>
    verdicts.get(keyOf(fixture, variant));
  const judged = await judgeCells(sources, options, terminal, { known, signal });
  session.verdicts = verdictsByKey(sources, judged, keyOf);
  // Nobody wants to see what is half done because a file changed meanwhile.
  if (judged.isInterrupted && rounds.why === 'change') return;
  session.printed = all;
  session.print(sources, judged);
}

/** A file is read for its key before it is loaded, so that a change in between shows in the next round. */
function loadWatched({ options, terminal, files }: Session): { sources: Sources; keyOf: KeyOf } {
  const digests = new Map<string, string>();
  const see = (path: string): string => {
    files.add(path);
    return digestOf(path);
  };
  const fixtures = fixtureFiles(options.fixture ?? []).map(see);
  const sources = loadCells(options, terminal, (path, argument) => {
    digests.set(argument, `${digests.get(argument) ?? ''}${see(path)}`);
  });
  const byFixture = new Map(sources.fixtures.map((one, i) => [one, fixtures[i]!]));
  const variantKey = ({ variant: { meta }, argument }: LoadedVariant): string => {
    const base = sources.variants.find(({ variant }) => variant.meta.id === meta.base);
    return `${meta.id} ${digests.get(argument ?? '') ?? ''} ${base ? variantKey(base) : ''}`;
  };
  return { sources, keyOf: (fixture, variant) => `${byFixture.get(fixture)} ${variantKey(variant)}` };
}

const digestOf = (path: string): string => {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex');
  } catch {
    // Loading it says why.
    return '';
  }
};

const verdictsByKey = ({ fixtures, variants }: Sources, { comparison }: Judged, keyOf: KeyOf) =>
  new Map(
    comparison.cells.map(({ fixture, variant, verdict }): [string, Verdict] => [
      keyOf(
        fixtures.find((one) => one.fixture.name === fixture)!,
        variants.find((one) => one.variant.meta.id === variant)!,
      ),
      verdict,
    ]),
  );

/** A mistake in a file can be mended while we wait, one on the command line cannot. */
function tellOrThrow(error: unknown, { options, terminal, files }: Session): void {
  const failure = failureOf(error, options.verbose ?? false);
  if (failure.code !== exit.input || files.isEmpty()) throw error;
  terminal.stderr.write(failure.text);
}

/** One round after the other; a wake-up that comes while nobody waits is kept. */
class Rounds {
  private controller = new AbortController();
  private names: readonly string[] = [];
  why: Wake | null = null;

  begin(): { signal: AbortSignal; names: readonly string[] } {
    if (this.why !== 'interrupt') {
      this.why = null;
      this.controller = new AbortController();
    }
    return { signal: this.controller.signal, names: this.names };
  }

  wake(why: Wake, names: readonly string[] = []): void {
    if (this.why === 'interrupt') return;
    this.why = why;
    this.names = names;
    this.controller.abort();
  }

  over(): Promise<Wake> {
    const { signal } = this.controller;
    return new Promise((resolve) => {
      const end = (): void => resolve(this.why ?? 'change');
      if (signal.aborted) end();
      else signal.addEventListener('abort', end, { once: true });
    });
  }
}
