/**
 * A region on a machine with small page tables. A region of whole huge pages keeps their number; inside each, runs
 * of pages that the fixture treats alike shrink, and every page or border that it mentions stays apart from others.
 */
import { type Fixture, type Range, type RegionSpec, stepLists, stepsOf } from './fixture';

const PAGE = 4096;
const FULL = 512;
export const HUGE = FULL * PAGE;

/** How the pages of one region map to those of the small machine. */
export interface Scaling {
  readonly pages: number;
  /** The first page of the small machine that stands for this one; for the end of the region, its size. */
  index(page: number): number;
}

export const isHuge = (region: RegionSpec): boolean => region.bytes % HUGE === 0;
const pagesOf = (region: RegionSpec): number => region.bytes / PAGE;

/** Pages at which some range of the fixture begins or ends, by region. */
export function bordersOf(fixture: Fixture): Map<string, Set<number>> {
  const borders = new Map(fixture.memory.map(({ name }) => [name, new Set<number>()]));
  const note = (on: Range): void => {
    borders
      .get(on.region)
      ?.add(on.first)
      .add(on.last + 1);
  };
  for (const { items } of stepLists(fixture)) {
    for (const step of stepsOf(items)) {
      if (step.on === null) continue;
      note(step.on);
      // What is moved arrives at the start of the other region and has its borders there.
      if (step.to !== null)
        note({ ...step.on, region: step.to, first: 0, last: step.on.last - step.on.first });
    }
  }
  return borders;
}

/** Cuts one huge page at the borders: the lengths of its runs. */
function runsOf(borders: ReadonlySet<number>, hugePage: number): number[] {
  const from = hugePage * FULL;
  const cuts = [...borders].map((b) => b - from).filter((b) => b > 0 && b < FULL);
  cuts.sort((a, b) => a - b);
  return [...cuts, FULL].map((cut, i) => cut - (cuts[i - 1] ?? 0));
}

function hugePagesWithBorders(borders: ReadonlySet<number>): Set<number> {
  return new Set([...borders].map((b) => Math.floor(b / FULL)));
}

/** Entries per table without which two pages that the fixture tells apart would be one. */
export function entriesToTellApart(fixture: Fixture): number {
  const borders = bordersOf(fixture);
  let least = 2;
  for (const region of fixture.memory) {
    if (!isHuge(region)) continue;
    const own = borders.get(region.name)!;
    for (const huge of hugePagesWithBorders(own)) least = Math.max(least, runsOf(own, huge).length);
  }
  return least;
}

/** Shares out `entries` pages: one to each run, the rest to the longest ones that still shrink. */
function shrink(runs: readonly number[], entries: number): number[] {
  const sizes = runs.map(() => 1);
  for (let left = entries - runs.length; left > 0; left--) {
    let best = 0;
    for (let i = 1; i < runs.length; i++) if (runs[i]! / sizes[i]! > runs[best]! / sizes[best]!) best = i;
    sizes[best]!++;
  }
  return sizes;
}

export function scalingOf(region: RegionSpec, borders: ReadonlySet<number>, entries: number): Scaling {
  const pages = pagesOf(region);
  if (entries >= FULL || !isHuge(region)) return { pages, index: (page) => page };
  const hugePages = pages / FULL;
  /** By huge page: starts of its runs before and after. */
  const starts = new Map<number, { before: number[]; after: number[] }>();
  for (const huge of hugePagesWithBorders(borders)) {
    if (huge >= hugePages) continue;
    const runs = runsOf(borders, huge);
    const sizes = shrink(runs, entries);
    starts.set(huge, { before: startsOf(runs), after: startsOf(sizes) });
  }
  const index = (page: number): number => {
    const huge = Math.floor(page / FULL);
    const table = starts.get(huge);
    const inside = table ? table.before.indexOf(page % FULL) : 0;
    return huge * entries + (table && inside >= 0 ? table.after[inside]! : 0);
  };
  return { pages: hugePages * entries, index };
}

function startsOf(sizes: readonly number[]): number[] {
  let at = 0;
  return sizes.map((size) => (at += size) - size);
}
