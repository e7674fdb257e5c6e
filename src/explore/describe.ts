/** The objects of a machine in words: what a trace shows before and after a step. */
import {
  CHILDREN,
  cpuOfTlb,
  idOf,
  kindOf,
  type Machine,
  Mapping,
  NOBODY,
  nameOfAddress,
  PG_active,
  PG_anon_exclusive,
  PG_dirty,
  PG_double_map,
  PG_free,
  PG_head,
  PG_lru,
  PG_mlocked,
  PG_partially_mapped,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_uptodate,
  PG_writeback,
  type Pte,
  pfn,
  type RwSem,
  show_pte,
  TABLE_STRIDE,
  type Tlb,
} from '../core/index';

type Kind = ReturnType<typeof kindOf>;

/** Between the parts of a state that is a list. */
export const SEPARATOR = ', ';
const listed = (all: readonly string[], empty: string): string => all.join(SEPARATOR) || empty;

const flagWords: readonly (readonly [number, string])[] = [
  [PG_head, 'head'],
  [PG_dirty, 'dirty'],
  [PG_swapbacked, 'swapbacked'],
  [PG_swapcache, 'swapcache'],
  [PG_writeback, 'writeback'],
  [PG_active, 'active'],
  [PG_lru, 'lru'],
  [PG_referenced, 'referenced'],
  [PG_uptodate, 'uptodate'],
  [PG_mlocked, 'mlocked'],
  [PG_double_map, 'doublemap'],
  [PG_partially_mapped, 'partially-mapped'],
  [PG_free, 'FREE'],
];

const mappingWords: Record<number, string> = {
  [Mapping.none]: '',
  [Mapping.anon]: 'anon',
  [Mapping.ksm]: 'ksm',
  [Mapping.file]: 'file',
};

/** Of a compound page its head's, with how many of its parts belong to one process alone. */
function showFlags(m: Machine, page: number): string {
  const { flags, mapping } = m.pages;
  const has = (part: number, bit: number): boolean => ((flags[part] ?? 0) & bit) !== 0;
  const words = flagWords.flatMap(([bit, name]) => (has(page, bit) ? [name] : []));
  const alone = m.subpages(pfn(page)).filter((part) => has(part, PG_anon_exclusive)).length;
  const exclusive = alone === 0 ? '' : alone === 1 ? 'exclusive' : `exclusive:${alone}`;
  return [mappingWords[mapping[page] ?? 0], ...words, exclusive].filter(Boolean).join(' ') || 'none';
}

function showMapcount(m: Machine, page: number): string {
  const { mapcount, compound_mapcount } = m.pages;
  const parts = m.subpages(pfn(page));
  const byPtes = parts.reduce((sum, part) => sum + mapcount[part]! + 1, 0);
  return parts.length === 1 ? String(byPtes) : `${byPtes} pte + ${compound_mapcount[page]! + 1} pmd`;
}

function showRefcount({ pages }: Machine, page: number): string {
  const pins = pages.pincount.get(pfn(page)) ?? 0;
  return `${pages.refcount[page] ?? ''}${pins === 0 ? '' : `, ${pins} pins`}`;
}

const ownerText = (m: Machine, id: number): string =>
  id < 0 ? 'free' : `held by ${m.tasks[id]?.name ?? id}`;

function semText(m: Machine, { writer, readers }: Pick<RwSem, 'writer' | 'readers'>): string {
  if (writer >= 0) return `written by ${m.task(writer).name}`;
  return readers.length > 0 ? `read by ${readers.map((r) => m.task(r).name).join(', ')}` : 'free';
}

/** What becomes of a semaphore that a task is about to release, or to hold for reading only. */
export function semTextAfter(
  m: Machine,
  { writer, readers }: RwSem,
  task: number,
  downgrades: boolean,
): string {
  if (writer >= 0) return semText(m, { writer: NOBODY, readers: downgrades ? [task] : [] });
  const at = readers.lastIndexOf(task);
  return semText(m, { writer, readers: readers.filter((_, i) => i !== at) });
}

const contentText = (content: number): string => `#${content}`;

function fileText(m: Machine, id: number): string {
  const file = m.files[id];
  if (!file) return '';
  return listed(
    [
      ...[...file.cache].map(([index, frame]) => `${index}:${frame}`),
      ...[...file.disk].map(([index, content]) => `stored ${index}:${contentText(content)}`),
      ...[...file.dirtyTag].sort((a, b) => a - b).map((index) => `dirty ${index}`),
      ...(file.nrDirty > 0 ? [`NR_FILE_DIRTY ${file.nrDirty}`] : []),
    ],
    'empty',
  );
}

function swapSlotText({ swap }: Machine, slot: number): string {
  const count = swap.map[slot] ?? 0;
  if (count === 0) return swap.isOn ? 'free' : 'off';
  const cached = swap.cache.has(slot) ? ', cached' : '';
  return `count ${count}${cached}, ${contentText(swap.content[slot] ?? 0)}`;
}

function stableTreeText({ ksm }: Machine): string {
  const nodes = [...ksm.stable.values()].flat();
  return listed(
    nodes.map((node) => `${node} in ${ksm.items.get(node)?.length ?? 0} places`),
    'empty',
  );
}

function queueText(m: Machine, id: number): string {
  const ctx = m.ctxs[id];
  if (!ctx) return '';
  const counts = [
    [ctx.fault_pending.length, 'unread'],
    [ctx.fault.length, 'read'],
    [ctx.events.length, 'events'],
  ] as const;
  return listed(
    counts.flatMap(([n, word]) => (n > 0 ? [`${n} ${word}`] : [])),
    'empty',
  );
}

function userfaultfdText(m: Machine, id: number): string {
  const ctx = m.ctxs[id];
  if (!ctx) return '';
  return ctx.released ? 'released' : ctx.mmap_changing ? 'mmap_changing' : 'open';
}

const descriptorsText = ({ user }: Machine): string =>
  listed(
    user.descriptors.map(({ ctx, mm, number }) => `${mm.name} ${number} (f_count ${ctx.f_count})`),
    'none',
  );

const states: Record<Kind, (m: Machine, id: number) => string> = {
  entry(m, id) {
    const table = m.tables[Math.floor(id / TABLE_STRIDE)];
    return table ? show_pte((table.entries[id % TABLE_STRIDE] ?? 0) as Pte) : 'gone';
  },
  spinlock: (m, id) => ownerText(m, m.tables[id]?.lock.owner ?? -1),
  mmap_sem: (m, id) => semText(m, m.mm(id).mmap_sem),
  pageLock: (m, id) => ownerText(m, m.pages.lockOwner[id] ?? -1),
  pageRef: showRefcount,
  pageMap: showMapcount,
  pageFlags: showFlags,
  content: ({ pages }, id) => (pages.exists(pfn(id)) ? contentText(pages.contentOf(pfn(id))) : 'device'),
  tlb: (m, id) => showTlb(m, cpuOfTlb(id)),
  mmCounters: (m, id) => String(m.mm(id).tlb_flush_pending),
  tlbBatched: (m, id) => String(Number(m.mm(id).tlb_flush_batched)),
  userfaultfd: queueText,
  uffdState: userfaultfdText,
  file: fileText,
  swapSlot: swapSlotText,
  ksm: stableTreeText,
  process: (m, id) =>
    id < CHILDREN ? m.mms.map(({ name }) => name).join(', ') : (m.tasks[id - CHILDREN]?.mm.name ?? ''),
  semaphore: (m, id) => String(m.semaphores[id] ?? 0),
  // Whoever wakes somebody says so in a line of its own.
  sleeper: () => '',
  pagevec: (m, id) => listed((m.tasks[id]?.lruPvec ?? []).map(String), 'empty'),
  descriptors: descriptorsText,
  rmapLock: (m) => semText(m, m.rmapLock),
};

/** The state of an object, for both sides of a change. */
export const stateOf = (m: Machine, object: number): string => states[kindOf(object)](m, idOf(object));

function showTlb(m: Machine, cpu: number): string {
  const tlb = m.tlbs[cpu];
  if (!tlb || tlb.isEmpty) return 'empty';
  const show = ([vpn, entry]: readonly [number, Pte]): string =>
    `${nameOfAddress(m.config, vpn * 4096)} ${show_pte(entry)}`;
  return listed([...[...tlb.huge, ...tlb.small].map(show), ...lingering(tlb, show)], 'empty');
}

/** What the CPU may have fetched ahead and go on using, and what it is about to use. */
function lingering({ lingering: ahead }: Tlb, show: (one: readonly [number, Pte]) => string): string[] {
  if (ahead === null) return [];
  const found: string[] = [];
  for (const { vpn } of ahead.reach) {
    for (const one of ahead.of(vpn)) found.push(`perhaps still ${show([vpn, one])}`);
  }
  const { chosen } = ahead;
  if (chosen === null) return found;
  return [...found, chosen === 0 ? 'asks memory' : `uses ${show_pte(chosen)}`];
}
