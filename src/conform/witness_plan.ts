/** Which witnesses there are, and how user space makes a kernel follow them. */
import type { ResolvedVariant } from '../core/index';
import type { ExploreOptions } from '../explore/index';
import { type Broken, type InvariantClass, judge } from '../judge/index';
import { compile, type Fixture, FixtureError, type Workload } from '../workload/index';
import { courseStart, type Inside } from './course';
import { JobError } from './steps';
import { followSchedule, searchTurns, type TurnOrder } from './turn_order';

/** A broken invariant of one fixture under one variant. */
export interface Witness {
  readonly fixture: string;
  readonly invariant: string;
  readonly class: InvariantClass;
  readonly saw: string;
  readonly schedule: readonly number[];
  readonly checksum: number;
}

export type Plan =
  /** `isItself`: the order is the witness's own; otherwise another one that breaks the same. */
  | { readonly kind: 'turns'; readonly turns: readonly string[]; readonly isItself: boolean }
  | { readonly kind: 'inside'; readonly inside: Inside }
  | { readonly kind: 'cannot'; readonly reason: string };

export interface Planned {
  readonly witness: Witness;
  readonly plan: Plan;
}

/** Real page tables have so many entries, whatever is enough to explore. */
const ENTRIES = 512;
export const fullSize = (fixture: Fixture): Workload => compile(fixture, { entries: ENTRIES });

export interface Plans {
  readonly planned: readonly Planned[];
  /** The search for witnesses was not stopped by its bound. */
  readonly isComplete: boolean;
}

/** All that a variant breaks in a fixture; what is only spurious is left out, as it breaks no proposal. */
export function planWitnesses(fixture: Fixture, variant: ResolvedVariant, bounds?: ExploreOptions): Plans {
  const workload = compile(fixture);
  const verdict = judge(workload, variant, bounds);
  const broken = 'broken' in verdict ? verdict.broken.filter((one) => one.class !== 'spurious') : [];
  const isComplete = 'explored' in verdict ? verdict.explored.complete : true;
  if (broken.length === 0) return { planned: [], isComplete };
  const planner = new Planner(workload, variant, new Set(broken.map(({ invariant }) => invariant)));
  const planned = broken.map((one) => ({ witness: witnessOf(fixture, one), plan: planner.plan(one) }));
  return { planned, isComplete };
}

const witnessOf = (
  fixture: Fixture,
  { invariant, class: kind, saw, schedule, checksum }: Broken,
): Witness => ({
  fixture: fixture.name,
  invariant,
  class: kind,
  saw,
  schedule,
  checksum,
});

class Planner {
  private readonly start;
  private others: ReadonlyMap<string, TurnOrder> | null = null;

  constructor(
    private readonly workload: Workload,
    variant: ResolvedVariant,
    private readonly wanted: ReadonlySet<string>,
  ) {
    this.start = courseStart(workload, variant);
  }

  plan({ invariant, schedule }: Broken): Plan {
    const unable = this.cannot();
    if (unable !== null) return { kind: 'cannot', reason: unable };
    const own = followSchedule(this.start, schedule, invariant);
    if (own.inside === null && own.found.has(invariant)) {
      return { kind: 'turns', turns: own.turns, isItself: true };
    }
    this.others ??= searchTurns(this.start, this.wanted);
    const other = this.others.get(invariant);
    if (other) return { kind: 'turns', turns: other.turns, isItself: false };
    if (own.inside) return { kind: 'inside', inside: own.inside };
    return { kind: 'cannot', reason: 'its order of steps does not break it with turns' };
  }

  /** What a program cannot make a CPU do. */
  private cannot(): string | null {
    const verbs = [...this.workload.tasks.values()].flatMap((items) =>
      items.flatMap((item) => ('verb' in item ? [item.verb] : [])),
    );
    const own = verbs.find((verb) => verb === 'tlb_fill' || verb === 'tlb_drop');
    return own === undefined ? null : `${own}: the CPU does it when it likes`;
  }
}

/** @returns why a fixture has no room in the agent, or null */
export function refusalOf(make: () => void): string | null {
  try {
    make();
    return null;
  } catch (error) {
    if (error instanceof JobError || error instanceof FixtureError) return error.message;
    throw error;
  }
}
