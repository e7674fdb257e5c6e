/**
 * The machine at the end of the tasks as text, without frame numbers and names of stores: those say only in which order
 * pages and stores came.
 */
import {
  type Content,
  entry as e,
  isNamed,
  Level,
  type Machine,
  type Mm,
  show_pte,
  type Table,
} from '../../src/core/index';

export function endState(m: Machine): string {
  const seen = new Map<number, number>();
  const lines: string[] = [];
  for (const mm of m.mms) lines.push(...space(m, mm, seen));
  for (const file of m.files) {
    const cached = [...file.cache]
      .sort(([a], [b]) => a - b)
      .map(([i, page]) => `${i}=${frame(m, page, seen)}`);
    lines.push(
      `file ${file.name} ${file.nrDirty} dirty: ${cached}; disk ${sorted(file.disk)}; ${sorted(file.dirtyTag)}`,
    );
  }
  for (const { id, dead, done, stores, position } of m.tasks) {
    lines.push(`task ${id} ${dead} ${done} ${stores} stores, at ${position}`);
  }
  for (const { fault_pending, fault, events } of m.ctxs) {
    const waiting = [...fault_pending, ...fault, ...events].map((w) => `${w.task}${w.msg.event}${w.waken}`);
    lines.push(`userfaultfd ${waiting.sort()}`);
  }
  lines.push(`ended by SIGBUS: ${sorted(m.user.ended)}`);
  return lines.join('\n');
}

const sorted = (items: Iterable<unknown>): string => [...items].map(String).sort().join(' ');

function* space(m: Machine, mm: Mm, seen: Map<number, number>): Generator<string> {
  yield `${mm.name} ${mm.tlb_flush_pending} ${mm.exited} ${mm.mmap_sem.writer} ${sorted(mm.mmap_sem.readers)}`;
  for (const v of mm.mmap) {
    yield `${v.vm_start}-${v.vm_end} ${v.vm_flags} ${v.vm_page_prot} ${v.vm_userfaultfd_ctx?.id ?? 'none'}`;
  }
  yield* table(m, mm.pgd, seen);
}

function* table(m: Machine, t: Table, seen: Map<number, number>): Generator<string> {
  for (const child of t.tables()) yield* table(m, child, seen);
  if (t.level > Level.pmd) return;
  for (let i = 0; i < t.size; i++) {
    const value = t.entries[i]! as Parameters<typeof e.pte_none>[0];
    if (value === 0 || t.child.has(i)) continue;
    const bits = show_pte(value).replace(/^\S+ /, '');
    const page = e.pte_present(value)
      ? frame(m, e.pte_pfn(value), seen)
      : e.is_migration_entry(value)
        ? ''
        : value;
    yield `${t.addressOf(i)} ${bits} ${page}`;
  }
}

/** A frame by the order in which it is met, and all that the kernel knows of it. */
function frame(m: Machine, page: number, seen: Map<number, number>): string {
  const { pages } = m;
  if (!pages.exists(page as never)) return `device ${page}`;
  const known = seen.get(page);
  if (known !== undefined) return `page ${known}`;
  seen.set(page, seen.size);
  const head = pages.head[page]!;
  const rest = [
    pages.refcount,
    pages.mapcount,
    pages.compound_mapcount,
    pages.flags,
    pages.mapping,
    pages.index,
    pages.lockOwner,
    pages.nid,
  ].map((column) => column[page]);
  const content = store(pages.contentOf(page as never), seen);
  return `page ${seen.get(page)}[${rest} ${content}${head === page ? '' : ` in ${frame(m, head, seen)}`}]`;
}

/** A store by the order in which it is met; those that the workload names keep their names. */
function store(content: Content, seen: Map<number, number>): string {
  if (isNamed(content)) return `= ${content}`;
  // Apart from the frames, of which the same map tells.
  const key = -content;
  if (!seen.has(key)) seen.set(key, seen.size);
  return `store ${seen.get(key)}`;
}
