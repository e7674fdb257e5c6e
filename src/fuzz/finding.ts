/** A finding as a fixture file with a comment that says what it shows. */
import type { ExploreOptions } from '../explore/index';
import { invariants } from '../judge/index';
import type { Fixture } from '../workload/index';
import { textOf } from './draft';
import { type Failure, fuzzBounds } from './trial';

export interface Finding {
  /** Of the fixture, and of its file without the ending. One campaign has no two of the same name. */
  readonly name: string;
  /** The fixture as a file. */
  readonly text: string;
  readonly failure: Failure;
  /** The variants on which the fixture breaks the same invariant. */
  readonly breaksOn: readonly string[];
  /** The one on which it holds, where a difference was looked for. */
  readonly holdsOn: string | null;
  /** A campaign of one run from here, with the same verbs, starts from the same fixture. */
  readonly seed: number;
  /** False: shrinking was interrupted. */
  readonly minimal: boolean;
}

interface Found extends Omit<Finding, 'name' | 'text'> {
  readonly fixture: Fixture;
  /** Verbs and groups that did not appear: with others, a seed makes another fixture. */
  readonly without: readonly string[];
  /** Hardware acted on its own in the fixture of the seed; the smaller one says itself whether it has to. */
  readonly hardware: boolean;
  readonly bounds: ExploreOptions;
}

const WIDTH = 100;

/** Where two variants break the same, or one invariant breaks twice, the seeds differ. */
export function describeFinding(found: Found): Finding {
  const { fixture, failure, breaksOn, holdsOn, seed, minimal } = found;
  const name = `${fixture.name}-${plain(failure.variant)}-${failure.invariant}`;
  const heading = { name, asks: questionOf(failure), source: `fuzz, seed ${seed}` };
  const text = textOf(fixture, heading, commentOf(found));
  return { name, text, failure, breaksOn, holdsOn, seed, minimal };
}

/** In the letters that the name of a fixture may have. */
const plain = (id: string): string =>
  id
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

const saysOf = (id: string): string | undefined => invariants.find((one) => one.id === id)?.says;

const questionOf = ({ invariant }: Failure): string =>
  invariant === 'model' ? 'Does the model itself hold?' : `Does ${invariant} hold?`;

function commentOf(found: Found): string[] {
  const { failure, breaksOn, holdsOn, seed, minimal } = found;
  const { variant, invariant, saw } = failure;
  const says = saysOf(invariant);
  const others = breaksOn.filter((id) => id !== variant);
  return [
    invariant === 'model'
      ? `Found by faultline fuzz: the model itself fails on ${variant}. This is a bug of faultline.`
      : `Found by faultline fuzz: ${variant} breaks ${invariant} (${failure.class}).`,
    ...(says ? [`Should hold: ${says}`] : []),
    `Seen: ${saw}`,
    ...(holdsOn ? [`It holds on ${holdsOn}.`] : []),
    ...(others.length > 0 ? [`The same breaks on ${others.join(', ')}.`] : []),
    `Seed ${seed}: ${commandOf(found)}`,
    minimal
      ? 'Nothing can be taken away: without any one step, actor, page or region it does not show.'
      : 'Shrinking was interrupted: something may be taken away.',
  ].flatMap(wrapped);
}

/** Finds it again. */
function commandOf({ failure, holdsOn, seed, without, hardware, bounds }: Found): string {
  const which = holdsOn ? `--differ ${failure.variant} ${holdsOn}` : `--variant ${failure.variant}`;
  return [
    'faultline fuzz',
    `--seed ${seed} --runs 1`,
    which,
    ...without.map((one) => `--without ${one}`),
    ...(hardware ? ['--hardware'] : []),
    ...(bounds.maxExecutions === fuzzBounds.maxExecutions ? [] : [`--bound ${bounds.maxExecutions}`]),
  ].join(' ');
}

/** At most so many columns; what goes on is indented. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + word.length >= WIDTH) {
      lines.push(line);
      line = `  ${word}`;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
