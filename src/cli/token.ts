/** What somebody gives `faultline replay` as a schedule, refused with what is wrong with it. */
import { InputError } from '../compare/input';
import type { LoadedFixture, LoadedVariant } from '../compare/load';
import { blaming } from '../compare/source_places';
import { buildKernel } from '../core/index';
import { Execution, misstepIn, runningActors, type ToldStart, tellAll } from '../explore/index';
import { letterOf, mistakeIn, parseToken, type Token } from '../explore/schedule';
import { type Notes, prepareJudged } from '../judge/index';
import { compile, type Workload } from '../workload/index';

/** Enough to know it by. */
const SHOWN = 60;
const shown = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text);

/** @throws InputError */
export function readToken(text: string): Token {
  const token = parseToken(text);
  if (token === null) throw new InputError('usage', `"${shown(text)}" ${mistakeIn(text)}`);
  return token;
}

/** What goes wrong in replays of one cell, which no other version of the model would put right. */
export class TokenCheck {
  private readonly workload: Workload;
  private readonly actors: readonly string[];

  constructor(
    private readonly text: string,
    { fixture }: LoadedFixture,
    private readonly variant: LoadedVariant,
  ) {
    this.workload = compile(fixture);
    this.actors = runningActors(this.workload).map(({ name }) => name);
  }

  /** @throws InputError where a letter is nobody's */
  letters({ schedule }: Token): void {
    const { hardware } = this.workload.fixture.machine;
    const end = hardware ? this.run((start) => new Execution(start).hardware.end) : this.actors.length;
    const stranger = schedule.find((position) => position >= end);
    if (stranger === undefined) return;
    const { name } = this.workload.fixture;
    const has = this.actors.map((_, i) => this.nameOf(i)).join(', ') || 'nobody';
    throw new InputError(
      'usage',
      `"${shown(this.text)}" has a turn of ${letterOf(stranger)}, whom ${name} does not have; it has ${has}` +
        (hardware ? this.movesUpTo(end) : '; further letters are of hardware, in what ends in -hw'),
    );
  }

  private movesUpTo(end: number): string {
    const first = this.actors.length;
    if (end === first) return '; hardware has no moves here';
    return `; of hardware are ${letterOf(first)} to ${letterOf(end - 1)}`;
  }

  /** @throws InputError where one cannot be taken */
  steps({ schedule }: Token): void {
    const misstep = this.run((start) => misstepIn(start, schedule));
    if (misstep === null) return;
    const { after, position, why } = misstep;
    throw new InputError(
      'usage',
      `"${shown(this.text)}" cannot be followed: step ${after + 1} is of ${this.nameOf(position)}, who ${why}`,
    );
  }

  private nameOf(position: number): string {
    return `${letterOf(position)} (${this.actors[position] ?? 'hardware'})`;
  }

  /** Begins as simulate() does: what is kept of a run decides when it has gone round in a circle. */
  private run<T>(work: (start: ToldStart<Notes>) => T): T {
    const { layers, meta } = this.variant.variant;
    return blaming(meta.id, () => work(prepareJudged(this.workload, buildKernel(layers, tellAll))));
  }
}
