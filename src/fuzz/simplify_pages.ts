/** Smaller drafts that have fewer pages, or steps on fewer of them. */
import { isHuge, type RegionSpec, type UserStep } from '../workload/index';
import { allSteps, type Draft, mapSteps, replaced } from './draft';

export const within = (on: NonNullable<UserStep['on']>, last: number): NonNullable<UserStep['on']> => ({
  ...on,
  first: Math.min(on.first, last),
  last: Math.min(on.last, last),
});

export function* fewerPages(draft: Draft): Generator<Draft> {
  for (const region of draft.memory) {
    for (const bytes of smallerSizes(region)) {
      const last = bytes / 4096 - 1;
      const memory = draft.memory.map((one) =>
        one === region ? { ...one, bytes, ...plainSmall(bytes) } : one,
      );
      const fit = (step: UserStep): UserStep => {
        const { on } = step;
        if (on?.region !== region.name) return step;
        return { ...step, on: on.whole ? { ...on, last } : within(on, last) };
      };
      yield { ...mapSteps(draft, fit), memory };
    }
    yield* withoutPage(draft, region);
  }
  for (const [i, { step }] of allSteps(draft).entries()) {
    for (const on of smallerRanges(step)) yield replaced(draft, i, { ...step, on });
  }
}

/** One page goes, those behind it move up; a step on that page alone goes with it. Of huge pages none can be missing. */
function* withoutPage(draft: Draft, region: RegionSpec): Generator<Draft> {
  const pages = region.bytes / 4096;
  if (isHuge(region) || pages === 1) return;
  const bytes = region.bytes - 4096;
  const memory = draft.memory.map((one) => (one === region ? { ...one, bytes } : one));
  // Taking away the last one is tried above, where steps on it move to the one before.
  for (let gone = 0; gone < pages - 1; gone++) {
    const fit = (step: UserStep): UserStep | null => {
      const { on } = step;
      if (on?.region !== region.name) return step;
      const first = on.first > gone ? on.first - 1 : on.first;
      const last = on.last >= gone ? on.last - 1 : on.last;
      return last < first ? null : { ...step, on: { ...on, first, last } };
    };
    yield { ...mapSteps(draft, fit), memory };
  }
}

const plainSmall = (bytes: number): Partial<RegionSpec> => (bytes % (512 * 4096) === 0 ? {} : { thp: false });

function smallerSizes(region: RegionSpec): number[] {
  if (!isHuge(region)) return region.bytes > 4096 ? [4096, region.bytes - 4096] : [];
  const least = [4096, 2 * 4096];
  return region.bytes > 512 * 4096 ? [...least, 512 * 4096] : least;
}

function* smallerRanges({ on }: UserStep): Generator<NonNullable<UserStep['on']>> {
  if (on === null) return;
  const one = (page: number) => ({ ...on, first: page, last: page, whole: false });
  if (on.first !== on.last || on.whole) {
    if (on.last > on.first) yield one(on.first);
    const half = Math.floor((on.first + on.last) / 2);
    if (half > on.first) yield { ...on, last: half, whole: false };
    if (on.last - on.first === 2) yield { ...on, last: on.last - 1, whole: false };
  } else if (on.first > 0) {
    yield one(0);
  }
}
