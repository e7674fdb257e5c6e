/** Entry accessors that need a kernel: those that lead from an entry to a page. */
import * as e from '../entry';
import type { Kernel } from '../kernel';
import { hex, type Pfn, type Pte } from '../units';

/**
 * arch/x86/include/asm/pgtable.h:pte_page(). Simplified: the oops comes here, not when the page is looked at.
 * Enters with any lock; returns the same.
 *
 * Asks nothing: an entry that maps a device leads to where no struct page is. vm_normal_page() is the careful one.
 */
export function pte_page(k: Kernel, pte: Pte): Pfn {
  const page = e.pte_pfn(pte);
  if (!k.m.pfn_valid(page)) {
    k.bug(
      'wild page',
      `BUG: unable to handle kernel paging request at the struct page of frame ${hex(page)}`,
    );
  }
  return page;
}
