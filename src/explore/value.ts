/** What an actor learns when it touches an object, as one number. */
import { cpuOfTlb, idOf, kindOf, type Machine, PG_head, pfn, TABLE_STRIDE } from '../core/index';
import { fingerprint } from './fingerprint';

const PRIME = 0x01000193;
const mix = (hash: number, value: number): number =>
  Math.imul(hash ^ (value | 0) ^ ((value / 0x100000000) | 0), PRIME);

export function observedValue(m: Machine, object: number): number {
  const id = idOf(object);
  switch (kindOf(object)) {
    case 'entry':
      return m.tables[Math.floor(id / TABLE_STRIDE)]?.entries[id % TABLE_STRIDE] ?? 0;
    case 'pageRef':
    case 'pageMap':
    case 'pageFlags':
    case 'pageLock':
    case 'content':
      return pageValue(m, id);
    case 'mmCounters': {
      const mm = m.mm(id);
      return mm.tlb_flush_pending;
    }
    case 'tlbBatched':
      return Number(m.mm(id).tlb_flush_batched);
    case 'spinlock':
      // Whoever takes a lock has found it free.
      return 0;
    case 'mmap_sem': {
      const mm = m.mms[id];
      // Whoever holds it reads the mappings, which change only under it.
      return mm ? fingerprint(mm.mmap.map((v) => [v.vm_start, v.vm_end, v.vm_flags, v.vm_page_prot])) : 0;
    }
    case 'tlb':
      return fingerprint(m.tlbs[cpuOfTlb(id)]);
    case 'userfaultfd':
      return fingerprint(
        m.ctxs[id]?.fault_pending,
        m.ctxs[id]?.fault,
        m.ctxs[id]?.events,
        m.ctxs[id]?.released,
        m.ctxs[id]?.mmap_changing,
      );
    case 'swapSlot':
      return fingerprint(m.swap);
    case 'file':
      return fingerprint(m.files[id]);
    case 'ksm':
      return fingerprint(m.ksm);
    case 'uffdState':
      return Number(m.ctxs[id]?.released) * 2 + Number(m.ctxs[id]?.mmap_changing);
    case 'sleeper':
      return 0;
    case 'pagevec':
      return fingerprint(m.tasks[id]?.lruPvec);
    case 'rmapLock':
      return 0;
    case 'descriptors':
      return fingerprint(
        [...m.user.uffds].map(([name, { ctx, number }]) => [name, ctx.id, number]),
        m.user.descriptors.map(({ ctx, mm, number }) => [ctx.id, mm.id, number]),
        m.ctxs.map(({ f_count }) => f_count),
      );
    case 'process':
    case 'semaphore':
      return m.semaphores[id] ?? 0;
  }
}

function pageValue(m: Machine, page: number): number {
  const { pages } = m;
  if (!pages.exists(pfn(page))) return 0;
  let hash = mix(pages.refcount[page]!, pages.flags[page]!);
  const last = pages.flags[page]! & PG_head ? page + m.HPAGE_PMD_NR : page + 1;
  for (let p = page; p < last; p++) hash = mix(mix(hash, pages.mapcount[p]!), pages.content[p]!);
  for (const column of [
    pages.compound_mapcount,
    pages.mapping,
    pages.mappingId,
    pages.private,
    pages.lockOwner,
  ]) {
    hash = mix(hash, column[page]!);
  }
  hash = mix(hash, pages.pincount.get(pfn(page)) ?? 0);
  return hash;
}
