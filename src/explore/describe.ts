/** The objects of a machine in words: what a trace shows before and after a step. */
import {
  cpuOfTlb,
  idOf,
  kindOf,
  Level,
  type Machine,
  Mapping,
  nameOfAddress,
  PG_active,
  PG_dirty,
  PG_double_map,
  PG_free,
  PG_lru,
  PG_swapbacked,
  PG_swapcache,
  PG_writeback,
  type Pte,
  pfn,
  Slot,
  show_pte,
  TABLE_STRIDE,
  type Table,
  type Tlb,
} from '../core/index';

function findTable(table: Table, id: number): Table | null {
  if (table.id === id) return table;
  for (const child of table.child.values()) {
    const found = child && findTable(child, id);
    if (found) return found;
  }
  return null;
}

/** Finds a table by its id in any process. */
export function tableById(m: Machine, id: number): { table: Table; process: string } | null {
  for (const mm of m.mms) {
    const table = findTable(mm.pgd, id);
    if (table) return { table, process: mm.name };
  }
  return null;
}

const flagLetters: readonly (readonly [number, string])[] = [
  [PG_dirty, 'dirty'],
  [PG_swapbacked, 'swapbacked'],
  [PG_swapcache, 'swapcache'],
  [PG_writeback, 'writeback'],
  [PG_active, 'active'],
  [PG_lru, 'lru'],
  [PG_double_map, 'doublemap'],
  [PG_free, 'FREE'],
];
const showFlags = (flags: number): string =>
  flagLetters.flatMap(([bit, name]) => (flags & bit ? [name] : [])).join(' ') || 'none';

const mappingWords: Record<number, string> = {
  [Mapping.none]: '',
  [Mapping.anon]: 'anon',
  [Mapping.ksm]: 'ksm',
  [Mapping.file]: 'file',
};

const owner = (m: Machine, id: number): string => (id < 0 ? 'free' : `held by ${m.tasks[id]?.name ?? id}`);

/** The name of an object, for the left side of a change. */
export function nameOf(m: Machine, object: number): string {
  const id = idOf(object);
  switch (kindOf(object)) {
    case 'entry': {
      const found = tableById(m, Math.floor(id / TABLE_STRIDE));
      if (!found) return 'entry';
      const { table, process } = found;
      const where = nameOfAddress(m.config, new Slot(table, id % TABLE_STRIDE).va);
      return `${process === m.mms[0]?.name ? '' : `${process}: `}${table.level === Level.pmd ? 'pmd' : 'pte'} ${where}`;
    }
    case 'spinlock':
      return tableById(m, id)?.table.lock.name ?? 'lock';
    case 'mmap_sem':
      return `mmap_sem${m.mms.length > 2 ? ` of ${m.mms[id]?.name}` : ''}`;
    case 'pageLock':
      return `page ${id} lock`;
    case 'pageRef':
      return `page ${id} refcount`;
    case 'pageMap':
      return `page ${id} mapcount`;
    case 'pageFlags':
      return `page ${id} flags`;
    case 'content':
      return `page ${id} contents`;
    case 'tlb':
      return `tlb of ${m.tasks[cpuOfTlb(id)]?.name}`;
    case 'mmCounters':
      return 'tlb_flush_pending';
    case 'userfaultfd':
      return 'userfaultfd queue';
    default:
      return `${kindOf(object)} ${id}`;
  }
}

/** The state of an object, for both sides of a change. */
export function stateOf(m: Machine, object: number): string {
  const id = idOf(object);
  const { pages } = m;
  switch (kindOf(object)) {
    case 'entry': {
      const found = tableById(m, Math.floor(id / TABLE_STRIDE));
      return found ? show_pte(new Slot(found.table, id % TABLE_STRIDE).peek()) : 'gone';
    }
    case 'spinlock':
      return owner(m, tableById(m, id)?.table.lock.owner ?? -1);
    case 'mmap_sem': {
      const sem = m.mm(id).mmap_sem;
      if (sem.writer >= 0) return `written by ${m.task(sem.writer).name}`;
      return sem.readers.length > 0 ? `read by ${sem.readers.map((r) => m.task(r).name).join(', ')}` : 'free';
    }
    case 'pageLock':
      return owner(m, pages.lockOwner[id] ?? -1);
    case 'pageRef':
      return String(pages.refcount[id] ?? '');
    case 'pageMap':
      return `${(pages.mapcount[id] ?? -1) + 1}${m.pages.exists(pfn(id)) && m.isHead(pfn(id)) ? `+${pages.compound_mapcount[id]! + 1} pmd` : ''}`;
    case 'pageFlags':
      return `${mappingWords[pages.mapping[id] ?? 0]} ${showFlags(pages.flags[id] ?? 0)}`.trim();
    case 'content':
      return pages.exists(pfn(id)) ? `#${pages.contentOf(pfn(id))}` : 'device';
    case 'tlb':
      return showTlb(m, cpuOfTlb(id));
    case 'mmCounters':
      return String(m.mm(id).tlb_flush_pending);
    case 'userfaultfd': {
      const ctx = m.ctxs[id];
      return ctx
        ? `${ctx.fault_pending.length} unread, ${ctx.fault.length} read, ${ctx.events.length} events`
        : '';
    }
    default:
      return '';
  }
}

function showTlb(m: Machine, cpu: number): string {
  const tlb = m.tlbs[cpu];
  if (!tlb || tlb.isEmpty) return 'empty';
  const show = ([vpn, entry]: readonly [number, Pte]): string =>
    `${nameOfAddress(m.config, vpn * 4096)} ${show_pte(entry)}`;
  const entries = [...tlb.huge, ...tlb.small];
  const held = entries.length > 4 ? [`${entries.length} entries`] : entries.map(show);
  return [...held, ...lingering(tlb, show)].join('; ');
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
