/** Where the regions of a fixture lie. */
import { spansOf, type Vaddr, vaddr } from '../core/index';
import { type Fixture, FixtureError, type RegionSpec } from './fixture';
import { HUGE, isHuge, type Scaling } from './scale';

const PAGE = 4096;
const FULL = 512;
/** Where a process of a real machine has its mappings, about. */
const REAL_TOP = 0x7f0000000000;

/** First address behind the mappings of a process: what Machine.newMm() takes. */
export function topOf(entries: number): number {
  const spans = spansOf(entries);
  const top = Math.min(REAL_TOP, spans.at(-1)! * entries);
  return top - (top % spans[1]!);
}

const noRoom = (fixture: Fixture, region: RegionSpec, entries: number): never => {
  throw new FixtureError(
    fixture.file,
    region.place.line,
    region.place.column,
    `region ${region.name} does not fit into a machine with ${entries} entries per page table; allowed: more entries`,
  );
};

/**
 * Start addresses: regions with `at` there, the others one below the other with an unmapped page between, so that
 * no two become one VMA by accident. Regions of whole huge pages begin at one.
 */
export function layOut(
  fixture: Fixture,
  scalings: ReadonlyMap<string, Scaling>,
  entries: number,
): Map<string, Vaddr> {
  const starts = new Map<string, Vaddr>();
  const size = (region: RegionSpec): number => scalings.get(region.name)!.pages * PAGE;
  const huge = entries * PAGE;
  let cursor = topOf(entries);
  const fixed = fixture.memory.filter(({ at }) => at !== null);
  if (entries >= FULL) for (const region of fixed) starts.set(region.name, vaddr(region.at!));
  else cursor = placeSmall(fixed, size, huge, cursor, starts);
  for (const region of fixture.memory) {
    if (starts.has(region.name)) continue;
    const start = below(
      cursor - PAGE - size(region),
      isHuge(region) || region.thp === true ? huge : PAGE,
      (at) =>
        fixed.every((f) => at + size(region) < starts.get(f.name)! || at > starts.get(f.name)! + size(f)),
    );
    starts.set(region.name, vaddr(start));
    cursor = start;
  }
  for (const region of fixture.memory) if (starts.get(region.name)! < PAGE) noRoom(fixture, region, entries);
  return starts;
}

/** The highest multiple of `align` at or below `from` that will do, or something below 0. */
function below(from: number, align: number, free: (at: number) => boolean): number {
  let at = from - (((from % align) + align) % align);
  while (at > 0 && !free(at)) at -= align;
  return at;
}

/**
 * Regions with `at` on a small machine: those that touch still touch, and those that begin at a huge page or apart
 * from one still do. Returns the start of the lowest.
 */
function placeSmall(
  fixed: readonly RegionSpec[],
  size: (region: RegionSpec) => number,
  huge: number,
  top: number,
  starts: Map<string, Vaddr>,
): number {
  const chains: RegionSpec[][] = [];
  for (const region of [...fixed].sort((a, b) => a.at! - b.at!)) {
    const chain = chains.at(-1);
    const last = chain?.at(-1);
    if (last && last.at! + last.bytes === region.at! && last.process === region.process) chain!.push(region);
    else chains.push([region]);
  }
  let cursor = top;
  for (const chain of chains.reverse()) {
    const bytes = chain.reduce((sum, region) => sum + size(region), 0);
    const [first] = chain as [RegionSpec];
    const offset = ((first.at! % HUGE) / PAGE) % (huge / PAGE);
    let start = cursor - PAGE - bytes;
    start -= (((start - offset * PAGE) % huge) + huge) % huge;
    cursor = start;
    for (const region of chain) {
      starts.set(region.name, vaddr(start));
      start += size(region);
    }
  }
  return cursor;
}
