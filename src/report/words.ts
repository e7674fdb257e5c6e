/** The words of every report, one per idea, with their explanation. */
import type { Comparison } from '../compare/comparison';
import { cellCount, hasCell, type Shard } from '../compare/shard';
import type { Broken, InvariantClass, Verdict, VerdictKind } from '../judge/index';

interface Word {
  readonly word: string;
  readonly means: string;
}

/** A class that is added does not compile until it has a word. */
export const classWords: Record<InvariantClass, Word> = {
  'sigbus-loop': {
    word: 'SIGBUS',
    means: 'a thread gets SIGBUS although its fault was resolved, faults without end, or is never woken',
  },
  'unsafe-write': { word: 'unsafe', means: 'a store lands where it must not' },
  'lost-event': {
    word: 'lost-ev',
    means: 'a store to a protected page without an event, or protection that went away',
  },
  'lost-tracking': { word: 'lost-tr', means: 'dirty, soft-dirty or write-notify tracking misses a store' },
  'kernel-integrity': {
    word: 'kernel',
    means: 'counts, locks, a deadlock, BUG_ON or an entry that was not looked at again',
  },
  spurious: { word: 'spurious', means: 'an event, fault or mark for something that did not happen' },
};

export const classes = Object.keys(classWords) as InvariantClass[];

export const verdictWords: Record<Exclude<VerdictKind, 'breaks'>, Word> = {
  survives: { word: 'survives', means: 'the window was entered, every order was tried, nothing broke' },
  closed: { word: 'closed', means: 'no order of steps enters the window any more' },
  'cut-short': { word: 'cut', means: 'the search was stopped by its bound: proves nothing' },
  'does-not-build': { word: 'no build', means: 'does not compile as posted' },
  'not-applicable': { word: 'n/a', means: 'this kernel cannot run the fixture' },
};

export const notRun: Word = { word: '-', means: 'was not run: interrupted before' };

export const ofOtherShard: Word = { word: '/', means: 'is of another shard' };

/** For a cell that has no verdict. */
export function missingWord(
  { fixtures, variants, shard }: Comparison,
  fixture: string,
  variant: string,
): Word {
  const row = fixtures.findIndex(({ id }) => id === fixture);
  const column = variants.findIndex(({ id }) => id === variant);
  return hasCell(shard, row * variants.length + column) ? notRun : ofOtherShard;
}

/** The same for programs that read reports. */
export const whyMissing = (comparison: Comparison, fixture: string, variant: string): string =>
  `not run: ${missingWord(comparison, fixture, variant) === notRun ? 'interrupted before' : 'of another shard'}`;

/** The words for all cells that have no verdict. */
export function missingWords(comparison: Comparison): Word[] {
  const words = isPart(comparison.shard) ? [ofOtherShard] : [];
  return comparison.cells.length < cellCount(comparison) ? [...words, notRun] : words;
}

const isPart = (shard: Comparison['shard']): shard is Shard => shard !== undefined && shard.of > 1;

/** What a table says that is a part of one; empty where it is a whole. */
export const shardSays = ({ shard }: Comparison): string =>
  isPart(shard)
    ? `This is shard ${shard.index + 1} of ${shard.of}, so the sums are of its own cells alone. faultline merge puts ` +
      'the shards together that were saved with --format json.'
    : '';

export const brokenOf = (verdict: Verdict): readonly Broken[] => ('broken' in verdict ? verdict.broken : []);

/** The classes among broken invariants, in the order of the table's columns. */
export const classesOf = (broken: readonly Broken[]): InvariantClass[] =>
  classes.filter((one) => broken.some((b) => b.class === one));

/** `SIGBUS+unsafe`, `survives`, `survives*` where something spurious was seen, `closed`, ... */
export function cellWord(verdict: Verdict): string {
  const found = classesOf(brokenOf(verdict));
  const breaking = found.filter((one) => one !== 'spurious');
  if (breaking.length > 0) return breaking.map((one) => classWords[one].word).join('+');
  if (verdict.kind === 'breaks') return classWords.spurious.word;
  return verdictWords[verdict.kind].word + (found.includes('spurious') ? '*' : '');
}

/** A sentence for the verdict of one cell. */
export function verdictSentence(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'breaks':
      return `breaks: ${verdict.broken.map((b) => b.invariant).join(', ')}`;
    case 'survives':
      return survivalOf(verdict.broken);
    case 'closed':
      return `closed: no order of steps reaches ${verdict.missing.join(', ')}`;
    case 'cut-short':
      return `cut short: stopped by ${verdict.explored.stoppedBy ?? 'its bound'}; proves nothing`;
    case 'does-not-build':
      return `does not build: ${verdict.defects.join('; ')}`;
    case 'not-applicable':
      return `not applicable: ${verdict.reason}`;
  }
}

function survivalOf(spurious: readonly Broken[]): string {
  const but = spurious.map(({ invariant }) => invariant).join(', ');
  const what = but === '' ? 'nothing broke' : `nothing broke but what is spurious (${but})`;
  return `survives: the window was entered and ${what}`;
}

/** What can be said of an invariant that was not seen to break: that it holds, if the search came to its end. */
export function unbrokenSentence(invariant: string, verdict: Verdict): string {
  if (!('explored' in verdict)) return `Nothing was run, so nothing is known of ${invariant}.`;
  const { complete, stoppedBy } = verdict.explored;
  if (!complete) {
    const by = stoppedBy ?? 'its bound';
    return `${invariant} was not seen to break, but the search was stopped by ${by}: that proves nothing.`;
  }
  const but = verdict.kind === 'closed' ? ', none of which enters the window' : '';
  return `${invariant} holds in every run${but}.`;
}

/** A number of things, for people. */
export const plural = (n: number, one: string): string => `${n} ${one}${n === 1 ? '' : 's'}`;

/** What was searched beside the orders of steps. */
export const hardwareSays =
  'Hardware: a CPU may use, for every access of its program, any translation since the last flush that reached it, and ' +
  'may set A in an entry that its program can reach at any moment while the tasks run; no bound on how often.';
