/** A finding as a fixture file with a comment that says what it shows. */
import { invariants } from '../judge/index';
import { type Fixture, parseFixture } from '../workload/index';
import { textOf } from './draft';
import type { Failure } from './trial';

interface Found {
  readonly fixture: Fixture;
  readonly failure: Failure;
  readonly breaksOn: readonly string[];
  readonly holdsOn: string | null;
  readonly seed: number;
  readonly minimal: boolean;
  /** Verbs and groups that did not appear: with others, a seed makes another fixture. */
  readonly without: readonly string[];
}

const WIDTH = 100;

/** @param number of the finding in its campaign, so that two of one seed have names of their own */
export function describeFinding(found: Found, number: number): { fixture: Fixture; text: string } {
  const { fixture, failure, seed } = found;
  const name = `${fixture.name}-${failure.invariant}-${number}`;
  const heading = { name, asks: questionOf(failure), source: `fuzz, seed ${seed}` };
  const text = textOf(fixture, heading, commentOf(found));
  return { fixture: parseFixture(text, `${name}.yaml`), text };
}

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
function commandOf({ failure, holdsOn, seed, without }: Found): string {
  const which = holdsOn ? `--differ ${failure.variant} ${holdsOn}` : `--variant ${failure.variant}`;
  return [
    'faultline fuzz',
    `--seed ${seed} --runs 1`,
    which,
    ...without.map((one) => `--without ${one}`),
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
