/** What the next access of a CPU may use beside what it would, by what memory has said and says now. */
import { defaultConfig, entry as e, Level, Machine, type Pte, Slot, vaddr } from '../../src/core/index';
import { lose, lossesBy, nextChoice } from '../../src/core/lingering';
import { pfn } from '../../src/core/units';

const VPN = 5;
const va = vaddr(VPN * 4096);

/** `7 RWDA`: frame and bits; `none`. */
function entryOf(text: string): Pte {
  const [frame = '', bits = ''] = text.split(' ');
  if (frame === 'none') return e.NONE;
  const flags =
    e._PAGE_PRESENT |
    e._PAGE_USER |
    (bits.includes('W') ? e._PAGE_RW : 0) |
    (bits.includes('D') ? e._PAGE_DIRTY : 0) |
    (bits.includes('A') ? e._PAGE_ACCESSED : 0);
  return e.pfn_pte(pfn(Number(frame)), flags as never);
}

function told(choice: Pte): string {
  if (choice === e.NONE) return 'memory';
  return `${e.pte_pfn(choice)} ${e.pte_write(choice) ? 'W' : ''}${e.pte_dirty(choice) ? 'D' : ''}A`;
}

/** A machine of one page, whose entry is one after another what the texts say; `flush` reaches the CPU. */
function choices(
  history: readonly string[],
  cached: string | null,
  write: boolean,
  stores: boolean,
): string[] {
  const reach = { vpn: VPN, lastLoad: 1, lastStore: stores ? 1 : 0 };
  const m = new Machine({ ...defaultConfig, entries: 4, hardware: [[reach]] });
  const mm = m.newMm('program');
  const task = m.newTask('vcpu', mm);
  const pmd = m.pmd_alloc(mm, va);
  const table = m.newTable(mm.id, Level.pte, pmd.va);
  pmd.table.child.set(pmd.index, table);
  pmd.table.entries[pmd.index] = e.PMD_TABLE;
  const slot = new Slot(table, table.indexOf(va));
  m.beginRace();
  if (cached !== null) m.tlbs[task.id]!.fill(va, entryOf(cached), false, m.HPAGE_PMD_SIZE);
  for (const text of history) {
    if (text === 'flush') {
      m.tlbs[task.id]!.flush(va, vaddr(va + 4096), m.HPAGE_PMD_SIZE);
      continue;
    }
    lose(m, lossesBy(m, slot, entryOf(text)));
    table.entries[slot.index] = entryOf(text);
  }
  const found: string[] = [];
  const { lingering } = m.tlbs[task.id]!;
  for (;;) {
    const next = nextChoice(m, task, va, write);
    if (next === null) return found;
    found.push(told(next));
    lingering!.chosen = next;
  }
}

interface Row {
  shows: string;
  history: string[];
  /** What the CPU has by an access of its own; nothing unless given. */
  cached?: string;
  load: string[];
  store: string[];
}

const rows: Row[] = [
  { shows: 'nothing but memory, at first', history: ['7 WDA'], load: [], store: [] },
  {
    shows: 'a page that was taken away',
    history: ['7 WDA', 'none'],
    load: ['7 WDA'],
    store: ['7 WDA'],
  },
  { shows: 'nothing after a flush', history: ['7 WDA', 'none', 'flush'], load: [], store: [] },
  {
    shows: 'what was taken away after the flush',
    history: ['7 WDA', 'none', 'flush', '8 WDA', 'none'],
    load: ['8 WDA'],
    store: ['8 WDA'],
  },
  { shows: 'nothing that had no A', history: ['7 WD', 'none'], load: [], store: [] },
  {
    shows: 'write access that was taken away',
    history: ['7 WDA', '7 DA'],
    load: [],
    store: ['7 WDA'],
  },
  {
    shows: 'no write access without D, which a store has to set in memory',
    history: ['7 WA', 'none'],
    load: ['7 WA'],
    store: [],
  },
  {
    shows: 'a store that does not set D again',
    history: ['7 WDA', '7 WA'],
    load: [],
    store: ['7 WDA'],
  },
  {
    shows: 'a load that does not set A again',
    history: ['7 WDA', '7 WD'],
    load: ['7 WDA'],
    store: [],
  },
  {
    shows: 'a fault at an entry that has become writable',
    history: ['7 A', '7 WA'],
    load: [],
    store: ['7 A'],
  },
  {
    shows: 'each of several pages',
    history: ['7 WDA', '8 WDA', '9 WDA'],
    load: ['7 WDA', '8 WDA'],
    store: ['7 WDA', '8 WDA'],
  },
  {
    shows: 'memory in place of what the CPU has',
    history: ['7 WDA', '8 WDA'],
    cached: '7 WDA',
    load: ['memory'],
    store: ['memory'],
  },
  {
    shows: 'not what leads to the same',
    history: ['7 WDA', '8 WDA', '7 WDA'],
    load: ['8 WDA'],
    store: ['8 WDA'],
  },
];

test.each(rows)('$shows', ({ history, cached = null, load, store }) => {
  expect(choices(history, cached, false, true)).toEqual(load);
  expect(choices(history, cached, true, true)).toEqual(store);
});

test('of a page that is only read, the frame alone matters', () => {
  expect(choices(['7 WDA', '7 A', 'none'], null, false, false)).toEqual(['7 A']);
});
