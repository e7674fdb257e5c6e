/**
 * mm/rmap.c and mm/page_vma_mapped.c, the walking half: from a page to the entries that map it.
 *
 * Of the anon_vma lock and i_mmap_rwsem only what mremap() needs is modelled: the list of VMAs is taken in one step,
 * whoever walks it locks each entry and looks again, and where entries move from VMA to VMA nobody walks meanwhile.
 */
import * as e from '../entry';
import type { Kernel, KRun } from '../kernel';
import type { SpinLock } from '../locks';
import type { Mm, Vma } from '../mm';
import { mmapSemObject } from '../objects';
import { Mapping } from '../pages';
import type { Slot } from '../table';
import { PAGE_SIZE, type Pfn, plus, type Vaddr } from '../units';
import { linearPageIndex } from './rmap';

/** A VMA that could map a page, and where its first base page would be; that may lie before vm_start. */
export interface MappedIn {
  readonly vma: Vma;
  readonly va: Vaddr;
}

/** An entry that maps a page, with its lock held. */
export interface MappedAt {
  readonly slot: Slot;
  readonly lock: SpinLock;
  /** A PMD entry. */
  readonly huge: boolean;
}

/** The VMAs that could map a page (any part of it, for a head), by its mapping and index. Takes no step. */
export function vmasOf(k: Kernel, page: Pfn): MappedIn[] {
  const { pages } = k.m;
  const head = k.m.compound_head(page);
  const id = pages.mappingId[head]!;
  const first = pages.index[head]! + (page - head);
  const last = first + (k.m.isHead(page) ? k.m.HPAGE_PMD_NR : 1) - 1;
  switch (pages.mapping[head]) {
    case Mapping.ksm:
      return k.ksmVmasOf(page);
    case Mapping.anon:
      return vmasWhere(k, (vma) => vma.anon_vma === id, first, last);
    case Mapping.file:
      return vmasWhere(k, (vma) => vma.vm_file?.id === id, first, last);
    default:
      return [];
  }
}

function vmasWhere(k: Kernel, belongs: (vma: Vma) => boolean, first: number, last: number): MappedIn[] {
  return k.m.mms.flatMap((mm) =>
    mm.mmap
      .filter((vma) => belongs(vma) && last >= vma.vm_pgoff && first < linearPageIndex(vma, vma.vm_end))
      .map((vma) => ({ vma, va: plus(vma.vm_start, (first - vma.vm_pgoff) * PAGE_SIZE) })),
  );
}

/** vmasOf() as one step, which the anon_vma lock or i_mmap_rwsem would make atomic towards mmap() and munmap(). */
export function* lookUpVmas(k: Kernel, page: Pfn): KRun<MappedIn[]> {
  const lists = () => k.m.mms.map((mm) => mmapSemObject(mm.id));
  return yield* k.stepOn('rmap: look up VMAs', lists, 0, () => k.vmasOf(page));
}

/** The base pages of `page` that lie inside the VMA, with their addresses. */
export function partsWithin(k: Kernel, page: Pfn, { vma, va }: MappedIn): { part: Pfn; address: Vaddr }[] {
  return k.m
    .subpages(page)
    .map((part, i) => ({ part, address: plus(va, i * PAGE_SIZE) }))
    .filter(({ address }) => address >= vma.vm_start && address < vma.vm_end);
}

/**
 * mm/rmap.c:rmap_walk(). Simplified: a list instead of callbacks, and migration entries are in it too.
 * Enters with the page locked; returns with it locked. Takes no step: the caller locks each leaf and looks again.
 */
export function rmap_walk(
  k: Kernel,
  page: Pfn,
): { mm: Mm; vma: Vma; va: Vaddr; slot: Slot; huge: boolean }[] {
  const leaves: { mm: Mm; vma: Vma; va: Vaddr; slot: Slot; huge: boolean }[] = [];
  for (const where of k.vmasOf(page)) {
    const { vma } = where;
    const mm = vma.vm_mm;
    for (const { address } of k.partsWithin(page, where)) {
      const pmd = k.m.mm_find_pmd_slot(mm, address);
      if (!pmd || e.pmd_none(pmd.peek())) continue;
      const huge = !e.pmd_is_table(pmd.peek());
      const slot = huge ? pmd : k.m.pte_offset(pmd, address);
      leaves.push({ mm, vma, va: huge ? pmd.va : address, slot, huge });
      if (huge) break;
    }
  }
  return leaves;
}

/**
 * mm/page_vma_mapped.c:page_vma_mapped_walk(). Simplified: one base page at one address; present entries only.
 * Enters with nothing held; returns with the lock of the entry held if it maps `part`, else null with nothing held.
 *
 * @param sync take the ptl before looking (PVMW_SYNC)
 */
export function* page_vma_mapped_walk(
  k: Kernel,
  mm: Mm,
  part: Pfn,
  address: Vaddr,
  sync: boolean,
): KRun<MappedAt | null> {
  const pmd = k.m.mm_find_pmd_slot(mm, address);
  if (!pmd) return null;
  const pmde = yield* k.pmd_get(pmd);
  if (e.pmd_trans_huge(pmde) || e.is_pmd_migration_entry(pmde)) {
    const lock = k.pmd_lockptr(pmd);
    yield* k.spin_lock(lock);
    const now = yield* k.pmd_get(pmd);
    if (e.pmd_trans_huge(now) && e.pmd_pfn(now) === k.m.compound_head(part))
      return { slot: pmd, lock, huge: true };
    yield* k.spin_unlock(lock);
    // Split under us: the PTEs are looked at instead.
    if (!e.pmd_is_table(now)) return null;
  } else if (!e.pmd_is_table(pmde)) {
    return null;
  }
  const slot = k.m.pte_offset(pmd, address);
  if (!sync && !e.pte_present(yield* k.pte_get(slot))) return null;
  const lock = k.pte_lockptr(slot);
  yield* k.spin_lock(lock);
  const entry = yield* k.pte_get(slot);
  if (e.pte_present(entry) && e.pte_pfn(entry) === part) return { slot, lock, huge: false };
  yield* k.spin_unlock(lock);
  return null;
}
