/** mm/mmap.c: merging and splitting VMAs. */
import { VM_DONTEXPAND, VM_IO, VM_MIXEDMAP, VM_PFNMAP, VM_SOFTDIRTY, withoutFlags } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { File, Mm, UserfaultfdCtx, Vma } from '../mm';
import type { Vaddr } from '../units';
import { assertWriteLocked, linkVma, pagesIn, pgoffAt, unlinkVma, vmaAfter } from '../vma_list';

export const VM_SPECIAL = VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP;

/** What two neighbours must have in common to become one VMA. */
export interface VmaIdentity {
  readonly vm_flags: number;
  readonly anon_vma_chain: readonly number[];
  readonly file: File | null;
  /** Of the first page. */
  readonly pgoff: number;
  readonly ctx: UserfaultfdCtx | null;
}

/**
 * mm/mmap.c:is_mergeable_vma(). Simplified: no vm_ops->close, which no file here has.
 * Enters with mmap_sem held; returns with it held.
 */
export function is_mergeable_vma(k: Kernel, vma: Vma, area: VmaIdentity): boolean {
  // VM_SOFTDIRTY should not prevent merging: the caller sets it on the result where it matters.
  if (withoutFlags(vma.vm_flags ^ area.vm_flags, VM_SOFTDIRTY) !== 0) return false;
  return vma.vm_file === area.file && vma.vm_userfaultfd_ctx === area.ctx;
}

/** The anon_vma of new pages, which is the last of the chain. */
export const ownAnonVma = (chain: readonly number[]): number => chain.at(-1) ?? 0;

/**
 * mm/mmap.c:is_mergeable_anon_vma(). Faithful; that a neighbour without an anon_vma does not merge with an area that
 * has one was not intended, and holds until 6.15.
 * Enters with mmap_sem held; returns with it held.
 *
 * @param neighbour the VMA that is to grow; null where the area lies between two that are asked about each other
 */
export function is_mergeable_anon_vma(
  k: Kernel,
  one: readonly number[],
  other: readonly number[],
  neighbour: Vma | null,
): boolean {
  const isFree = one.length === 0 || other.length === 0;
  // A VMA that a fork has made stays apart, so that not ever more of them hang on the lock of one root.
  if (isFree && (neighbour === null || neighbour.anon_vma_chain.length === 1)) return true;
  return ownAnonVma(one) === ownAnonVma(other);
}

/**
 * mm/mmap.c:can_vma_merge_after(). Faithful.
 * Enters with mmap_sem held; returns with it held.
 */
export function can_vma_merge_after(k: Kernel, vma: Vma, area: VmaIdentity): boolean {
  return (
    k.is_mergeable_vma(vma, area) &&
    k.is_mergeable_anon_vma(area.anon_vma_chain, vma.anon_vma_chain, vma) &&
    vma.vm_pgoff + pagesIn(vma.vm_start, vma.vm_end) === area.pgoff
  );
}

/**
 * mm/mmap.c:can_vma_merge_before(). Faithful.
 * Enters with mmap_sem held; returns with it held.
 */
export function can_vma_merge_before(k: Kernel, vma: Vma, area: VmaIdentity, pglen: number): boolean {
  return (
    k.is_mergeable_vma(vma, area) &&
    k.is_mergeable_anon_vma(area.anon_vma_chain, vma.anon_vma_chain, vma) &&
    vma.vm_pgoff === area.pgoff + pglen
  );
}

/**
 * mm/mmap.c:vma_merge(). Simplified: no memory policies.
 * Enters with mmap_sem held for write; returns with it held. Only the bounds change, not the flags.
 *
 * @param prev the VMA before [addr, end), or the one that contains it
 * @returns the VMA that now covers [addr, end), or null where nothing merges
 */
export function* vma_merge(
  k: Kernel,
  mm: Mm,
  prev: Vma | null,
  addr: Vaddr,
  end: Vaddr,
  area: VmaIdentity,
): KRun<Vma | null> {
  assertWriteLocked(k.task, mm, 'vma_merge()');
  if (area.vm_flags & VM_SPECIAL) return null;
  const pglen = pagesIn(addr, end);
  const covered = prev ? vmaAfter(prev) : (mm.mmap[0] ?? null);
  const next = covered && covered.vm_end === end ? vmaAfter(covered) : covered;
  const mergesNext = next !== null && next.vm_start === end && k.can_vma_merge_before(next, area, pglen);

  if (prev && prev.vm_end === addr && k.can_vma_merge_after(prev, area)) {
    const all = mergesNext && k.is_mergeable_anon_vma(prev.anon_vma_chain, next.anon_vma_chain, null);
    yield* k.__vma_adjust(prev, prev.vm_start, all ? next.vm_end : end, prev.vm_pgoff, null, prev);
    return prev;
  }
  if (!mergesNext) return null;
  if (prev && addr < prev.vm_end) {
    yield* k.__vma_adjust(prev, prev.vm_start, addr, prev.vm_pgoff, null, next);
  } else {
    yield* k.__vma_adjust(covered!, addr, next.vm_end, next.vm_pgoff - pglen, null, next);
  }
  return next;
}

/**
 * mm/mmap.c:__vma_adjust(). Simplified: never out of memory; no interval trees.
 * Enters with mmap_sem held for write; returns with it held.
 *
 * Gives `vma` new bounds. Following VMAs that it comes to cover go away, one that it covers in part or gives pages
 * to is moved.
 *
 * @param insert a VMA that takes the place which `vma` leaves
 * @param expand which VMA grows: `vma` itself, or the next one, which then survives
 */
export function* __vma_adjust(
  k: Kernel,
  vma: Vma,
  start: Vaddr,
  end: Vaddr,
  pgoff: number,
  insert: Vma | null,
  expand: Vma | null,
): KRun<number> {
  assertWriteLocked(k.task, vma.vm_mm, '__vma_adjust()');
  const next = insert ? null : vmaAfter(vma);
  let removed: Vma | null = null;
  let kept = vma;
  let movesNext = false;
  if (next && end >= next.vm_end) {
    // The one that grows survives; the other is covered by it.
    removed = next === expand ? vma : next;
    kept = next === expand ? next : vma;
    importAnonVma(kept, removed);
  } else if (next && end > next.vm_start) {
    movesNext = true;
    importAnonVma(vma, next);
  } else if (next && expand === next && end < vma.vm_end) {
    movesNext = true;
    importAnonVma(next, vma);
  }
  const farther = removed === next && next !== null && end > next.vm_end ? end : null;

  yield* k.vma_adjust_trans_huge(vma, start, farther ? next!.vm_end : end);
  if (movesNext && end > next!.vm_start) yield* k.vma_adjust_trans_huge(next!, end, next!.vm_end);
  if (removed) unlinkVma(k.task, removed);
  kept.vm_start = start;
  kept.vm_end = farther ? next!.vm_end : end;
  kept.vm_pgoff = pgoff;
  if (movesNext) {
    next!.vm_pgoff += pagesIn(next!.vm_start, end);
    next!.vm_start = end;
  }
  if (insert) linkVma(k.task, insert);
  // Up to two VMAs may be covered, one after the other.
  if (farther) yield* k.__vma_adjust(kept, start, farther, pgoff, null, expand);
  return 0;
}

/** A VMA that takes pages over has to be found from them. */
function importAnonVma(importer: Vma, exporter: Vma): void {
  if (importer.anon_vma !== 0) return;
  importer.anon_vma = exporter.anon_vma;
  importer.anon_vma_chain = exporter.anon_vma_chain;
}

/**
 * mm/mmap.c:__split_vma(). Simplified: never out of memory, no limit on VMAs.
 * Enters with mmap_sem held for write; returns with it held.
 *
 * @param new_below whether the new VMA is the part below `addr`; `vma` stays the other part
 */
export function* __split_vma(k: Kernel, vma: Vma, addr: Vaddr, new_below: boolean): KRun<number> {
  const fresh: Vma = { ...vma };
  const pgoff = pgoffAt(vma, addr);
  if (new_below) {
    fresh.vm_end = addr;
    return yield* k.__vma_adjust(vma, addr, vma.vm_end, pgoff, fresh, null);
  }
  fresh.vm_start = addr;
  fresh.vm_pgoff = pgoff;
  return yield* k.__vma_adjust(vma, vma.vm_start, addr, vma.vm_pgoff, fresh, null);
}

/**
 * mm/mmap.c:split_vma(). Simplified: no limit on VMAs, hence the same as __split_vma().
 * Enters with mmap_sem held for write; returns with it held.
 */
export function* split_vma(k: Kernel, vma: Vma, addr: Vaddr, new_below: boolean): KRun<number> {
  return yield* k.__split_vma(vma, addr, new_below);
}
