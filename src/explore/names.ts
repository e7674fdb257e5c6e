/** What the objects of a machine are called in a trace. What belongs to another process than the first says so. */
import {
  CHILDREN,
  cpuOfTlb,
  idOf,
  kindOf,
  Level,
  type Machine,
  type Mm,
  nameOfAddress,
  PAGE_SIZE,
  TABLE_STRIDE,
  type Table,
} from '../core/index';

import { DEFAULT } from '../workload/uffd_descriptors';

type Kind = ReturnType<typeof kindOf>;

export const processOf = (m: Machine, mm: number): string => (mm === 0 ? '' : `${m.mms[mm]?.name ?? mm}: `);
const taskOf = (m: Machine, id: number): string => m.tasks[id]?.name ?? String(id);

/** The first page in [start, end) that people have a name for; the address where there is none. */
function firstNamed({ config }: Machine, start: number, end: number): string {
  const region = config.regions.find((one) => one.start < end && one.start + one.pages * PAGE_SIZE > start);
  return nameOfAddress(config, region ? Math.max(region.start, start) : start);
}

function entryName(m: Machine, table: Table, index: number): string {
  const va = table.addressOf(index);
  const level = table.level === Level.pmd ? 'pmd' : 'pte';
  return `${processOf(m, table.mmId)}${level} ${firstNamed(m, va, va + table.span)}`;
}

/** The lock of a table, with the first page of the table where the memory of a process takes several. */
function tableLockName(m: Machine, { lock, mmId, base, span, size }: Table): string {
  const bytes = span * size;
  const tables = new Set<number>();
  for (const { start, pages } of m.config.regions)
    for (let at = start - (start % bytes); at < start + pages * PAGE_SIZE; at += bytes) tables.add(at);
  const first = tables.size > 1 ? ` ${firstNamed(m, base, base + bytes)}` : '';
  return `${processOf(m, mmId)}${lock.name}${first}`;
}

/** By the name that the fixture gives it, and by a number where that says too little. */
function userfaultfdName(m: Machine, id: number): string {
  const named = (ctx: { readonly id: number; readonly mm: Mm }): string => {
    const [name = ''] = [...m.user.uffds].find(([, one]) => one.ctx.id === ctx.id) ?? [];
    return `${processOf(m, ctx.mm.id)}userfaultfd${name === '' || name === DEFAULT ? '' : ` ${name}`}`;
  };
  const ctx = m.ctxs[id];
  if (!ctx) return `userfaultfd ${id}`;
  const name = named(ctx);
  return m.ctxs.some((other) => other.id < id && named(other) === name) ? `${name} ${id}` : name;
}

const names: Record<Kind, (m: Machine, id: number) => string> = {
  entry(m, id) {
    const table = m.tables[Math.floor(id / TABLE_STRIDE)];
    return table ? entryName(m, table, id % TABLE_STRIDE) : 'entry';
  },
  spinlock: (m, id) => (m.tables[id] ? tableLockName(m, m.tables[id]) : 'lock'),
  mmap_sem: (m, id) => `${processOf(m, id)}mmap_sem`,
  pageLock: (_, id) => `page ${id} lock`,
  pageRef: (_, id) => `page ${id} refcount`,
  pageMap: (_, id) => `page ${id} mapcount`,
  pageFlags: (_, id) => `page ${id} flags`,
  content: (_, id) => `page ${id} contents`,
  tlb: (m, id) => `tlb of ${taskOf(m, cpuOfTlb(id))}`,
  mmCounters: (m, id) => `${processOf(m, id)}tlb_flush_pending`,
  tlbBatched: (m, id) => `${processOf(m, id)}tlb_flush_batched`,
  userfaultfd: (m, id) => `${userfaultfdName(m, id)} queue`,
  uffdState: (m, id) => `${userfaultfdName(m, id)} state`,
  file: (m, id) => `file ${m.files[id]?.name ?? id}`,
  swapSlot: (_, id) => `swap slot ${id}`,
  ksm: () => 'stable tree',
  process: (m, id) => (id < CHILDREN ? 'processes' : `process of ${taskOf(m, id - CHILDREN)}`),
  semaphore: (m, id) => `semaphore ${m.config.semaphores[id] ?? id}`,
  sleeper: (m, id) => `sleep of ${taskOf(m, id)}`,
  pagevec: (m, id) => `pagevec of ${taskOf(m, id)}`,
  descriptors: () => 'descriptors',
  rmapLock: () => 'rmap lock',
};

/** The name of an object, for the left side of a change. */
export const nameOf = (m: Machine, object: number): string => names[kindOf(object)](m, idOf(object));

/** What a step does, with the object that it does it to where it does not say so itself. */
export function stepText(m: Machine, label: string, object: number | undefined): string {
  if (object === undefined) return label;
  const kind = kindOf(object);
  const name = nameOf(m, object);
  // Their labels have the name that all locks of their kind share.
  if (kind === 'spinlock' || kind === 'mmap_sem') return `${label.split(' ', 1)[0]} ${name}`;
  return kind === 'pageLock' || label.includes(name) ? label : `${label} ${name}`;
}
