/** On how much a kernel and the model agree, and where they do not. */
import type { Figures, Judged, KernelAgreement } from '../conform/agree';
import { cut, shortSides } from '../conform/brevity';
import type { KernelRun, ObservedRun } from '../conform/observation';
import { paint, type Screen, TIED, wrap } from './screen';
import { plural } from './words';

const MOST_BEFORE = 30;
const MOST_DIFFERENCES = 12;
/** So many fixtures that could not be compared for one reason share a line. */
const TOGETHER = 3;

export function renderAgreement(run: KernelRun, agreement: KernelAgreement, screen: Screen): string {
  const colors = paint(screen);
  const lines = [colors.bold(`Linux ${run.features.release}, ${run.machine}, against ${agreement.variant}`)];
  const together = cutTogether(agreement.fixtures);
  for (const one of agreement.fixtures) {
    if (one.first === null && one.cut !== null && together.has(one.cut)) continue;
    const real = run.runs.find(({ fixture }) => fixture === one.fixture)!;
    const text = disagreementLines(one, real);
    if (text.length === 0) continue;
    lines.push('', colors.bold(one.fixture));
    for (const line of text) lines.push(...indented(line, screen));
  }
  for (const [reason, names] of together) {
    const text = `${names.length} fixtures not compared to their end: ${brief(reason)}`;
    lines.push(
      '',
      ...wrap(text, screen.width),
      ...wrap(`${TIED}${TIED}${names.join(', ')}`, screen.width, 2),
    );
  }
  lines.push('', ...wrap(figuresText(agreement.figures, run.features.release), screen.width));
  for (const line of run.garbage) lines.push(...wrap(`garbage from the agent: ${line}`, screen.width, 2));
  return `${lines.join('\n')}\n`;
}

/** Which fixtures decide the exit code, and the figures. */
export function renderAgreementBriefly({ features }: KernelRun, agreement: KernelAgreement): string {
  const disagree = agreement.fixtures.filter(({ first, explained }) => first !== null && explained === null);
  const lines = disagree.map(({ fixture }) => `${fixture}: disagrees`);
  return `${[...lines, figuresText(agreement.figures, features.release)].join('\n')}\n`;
}

function disagreementLines({ first, explained, cut: reason }: Judged, real: ObservedRun): string[] {
  const lines: string[] = [];
  if (first) {
    const step = (at: number): string => {
      const one = real.observations[at];
      return one ? `${one.actor}: ${real.steps[one.step]?.text ?? one.step}` : 'its end';
    };
    const before = real.observations.slice(0, first.at).map((_, at) => step(at));
    if (before.length > MOST_BEFORE) lines.push(`${before.length - MOST_BEFORE} steps, and then`);
    lines.push(...before.slice(-MOST_BEFORE), `${step(first.at)}  <- here`);
    for (const difference of first.differences.slice(0, MOST_DIFFERENCES)) {
      const { kernel, model } = shortSides(difference);
      lines.push(`  ${difference.about}`, `    kernel: ${kernel}`, `    model:  ${model}`);
    }
    const more = first.differences.length - MOST_DIFFERENCES;
    if (more > 0) lines.push(`  and ${more} more differences`);
    lines.push(explained === null ? '  unexplained' : `  explained: ${explained}`);
  }
  if (reason !== null) lines.push(`not compared to its end: ${brief(reason)}`);
  return lines;
}

/** What says the same of many fixtures is said once. */
function cutTogether(fixtures: readonly Judged[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { fixture, cut, first } of fixtures) {
    if (cut !== null && first === null) found.set(cut, [...(found.get(cut) ?? []), fixture]);
  }
  return new Map([...found].filter(([, names]) => names.length >= TOGETHER));
}

/** The first line of a reason: that of a kernel that does not boot has its console below. */
const brief = (reason: string): string => cut(reason.split('\n')[0]!);

export function figuresText(figures: Figures, release: string): string {
  const { fixtures, agreed, explained, disagreed, cut, observations, observationsAgreed } = figures;
  const parts = [
    `${plural(fixtures, 'fixture')} compared with ${release}: ${agreed} agree`,
    ...(explained > 0 ? [`${explained} differ for a known reason`] : []),
    `${disagreed} disagree`,
    ...(cut > 0 ? [`${cut} could not be compared to their end`] : []),
  ];
  return `${parts.join(', ')}. ${observationsAgreed} of ${observations} observations agree.`;
}

/** Below the name of the fixture; what a line is indented by itself stays. */
function indented(line: string, screen: Screen): string[] {
  const spaces = 2 + /^ */.exec(line)![0].length;
  return wrap(TIED.repeat(spaces) + line.trimStart(), screen.width, spaces + 4);
}
