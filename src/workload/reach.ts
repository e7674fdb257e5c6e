/** The pages that each program accesses itself, through its CPU's TLB: where hardware that acts on its own can matter. */
import type { Reach } from '../core/index';
import { type Item, isRepeat, stepsOf, type UserStep } from './fixture';
import type { Region } from './workload';

/** By verb: whether the access is a store. The kernel's copy_to_user() and copy_from_user() use the same TLB. */
const accesses: Readonly<Record<string, 'load' | 'store'>> = {
  read: 'load',
  sys_write: 'load',
  write: 'store',
  sys_read: 'store',
};

/** Verbs after which a monitor may be told of a fault at their pages. */
const faulting = new Set([...Object.keys(accesses), 'poke', 'peek', 'gup_write']);

type Tasks = ReadonlyMap<string, readonly Item[]>;
type Regions = ReadonlyMap<string, Region>;

/** By task: in the order of the actors. */
export function reachOf(
  actors: readonly { readonly name: string }[],
  tasks: Tasks,
  regions: Regions,
): (readonly Reach[])[] {
  return actors.map(({ name }) => pagesOf(tasks.get(name) ?? [], tasks, regions));
}

function pagesOf(items: readonly Item[], tasks: Tasks, regions: Regions): Reach[] {
  const pages = new Map<number, { vpn: number; lastLoad: number; lastStore: number }>();
  inOrder(items, 0, (step, position) => {
    const kind = looksAtFaults(step) ? 'load' : accesses[step.verb];
    if (kind === undefined) return;
    for (const vpn of looksAtFaults(step) ? mayFault(tasks, regions) : vpnsOf(step, regions)) {
      const page = pages.get(vpn) ?? { vpn, lastLoad: 0, lastStore: 0 };
      page[kind === 'load' ? 'lastLoad' : 'lastStore'] = position;
      pages.set(vpn, page);
    }
  });
  return [...pages.values()].sort((a, b) => a.vpn - b.vpn);
}

/** A snapshot is read from the page that the message names. */
const looksAtFaults = ({ verb, word }: UserStep): boolean => verb === 'uffd_serve' && word === 'snapshot';

const mayFault = (tasks: Tasks, regions: Regions): number[] =>
  [...tasks.values()].flatMap((items) =>
    [...stepsOf(items)].flatMap((step) => (faulting.has(step.verb) ? vpnsOf(step, regions) : [])),
  );

function vpnsOf({ on }: UserStep, regions: Regions): number[] {
  if (on === null) return [];
  const first = regions.get(on.region)!.start / 4096 + on.first;
  return Array.from({ length: on.last - on.first + 1 }, (_, i) => first + i);
}

/** Each step with the number that the task counts when it begins it; one that is repeated, as it comes last. */
function inOrder(
  items: readonly Item[],
  before: number,
  visit: (step: UserStep, position: number) => void,
): number {
  let position = before;
  for (const item of items) {
    position++;
    if (!isRepeat(item)) {
      visit(item, position);
      continue;
    }
    const length = inOrder(item.steps, 0, () => {});
    inOrder(item.steps, position + (item.repeat - 1) * length, visit);
    position += item.repeat * length;
  }
  return position;
}
