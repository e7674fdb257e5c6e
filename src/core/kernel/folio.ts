/** Pages of later kernels that are large and mapped by PTEs: include/linux/mm.h, mm/internal.h of 6.12. */
import * as e from '../entry';
import type { Kernel, KRun } from '../kernel';
import type { Mm } from '../mm';
import type { Slot } from '../table';
import type { Pfn, Pte } from '../units';

/**
 * include/linux/mm.h:folio_maybe_mapped_shared(). Faithful. In 6.12 it is folio_likely_mapped_shared(): a guess by the
 * first page of what is mapped in part.
 * Enters with the ptl of one of its mappings held; returns so.
 *
 * @param mm of that mapping; 6.18 asks whether there are others
 */
export function* folio_maybe_mapped_shared(k: Kernel, head: Pfn, mm: Mm): KRun<boolean> {
  const mapcount = yield* k.changelessMapcount('folio_mapcount', head, () => k.mappingsOf(head));
  if (mapcount <= 1) return false;
  if (k.m.pages.compound_mapcount[head]! >= 0 || mapcount > k.m.HPAGE_PMD_NR) return true;
  return k.m.pages.mapcount[head]! > 0;
}

/** What entries of one batch need not have in common. */
const ignored = (pte: Pte): Pte => e.pte_clear_soft_dirty(e.pte_mkclean(e.pte_wrprotect(e.pte_mkold(pte))));

/**
 * mm/internal.h:folio_pte_batch(). Faithful.
 * Enters with the ptl held; returns with it held.
 *
 * @returns how many entries from this one on map page after page of a huge page alike, at most `max_nr`
 */
export function* folio_pte_batch(k: Kernel, pte: Slot, ptent: Pte, max_nr: number): KRun<number> {
  const first = e.pte_pfn(ptent);
  const last = k.m.compound_head(first) + k.m.HPAGE_PMD_NR - 1;
  const most = Math.min(max_nr, last - first + 1);
  for (let nr = 1; nr < most; nr++) {
    const next = yield* k.pte_get(pte.at(pte.index + nr));
    if (!e.pte_present(next) || e.pte_pfn(next) !== first + nr) return nr;
    if (!e.pte_same(ignored(next), e.pte_advance_pfn(ignored(ptent), nr))) return nr;
  }
  return most;
}
