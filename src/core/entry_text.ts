/** How entries are written in traces and logs. */
import * as e from './entry';
import type { Pgprot, Pte } from './units';

const swapWord: Record<e.SwapType, string> = {
  [e.SwapType.swap]: 'swap',
  [e.SwapType.migrationRead]: 'migr-r',
  [e.SwapType.migrationWrite]: 'migr-w',
  [e.SwapType.migrationReadExclusive]: 'migr-x',
  [e.SwapType.hwpoison]: 'poison',
  [e.SwapType.marker]: 'marker',
};

const flag = (on: boolean, letter: string): string => (on ? letter : '-');

/**
 * An entry in fixed width: frame, then `P`resent or `N`umahint, `H`uge, `W`rite, `D`irty, `A`ccessed, `S`oft-dirty,
 * `U`ffd-wp, `Z` for special; `none` for an empty slot, the type of a swap-type entry by name.
 */
export function show_pte(pte: Pte): string {
  if (e.pte_none(pte)) return 'none';
  if (pte === e.PMD_TABLE) return 'table';
  if (!e.pte_present(pte) && !e.pmd_present(pte)) return show_swap_pte(pte);
  const present = e.pte_hw_present(pte) ? 'P' : e.pte_protnone(pte) ? 'N' : '-';
  return [
    e.pte_pfn(pte),
    ' ',
    present,
    flag(e.pmd_trans_huge(pte), 'H'),
    flag(e.pte_write(pte), 'W'),
    flag(e.pte_dirty(pte), 'D'),
    flag(e.pte_young(pte), 'A'),
    flag(e.pte_soft_dirty(pte), 'S'),
    flag(e.pte_uffd_wp(pte), 'U'),
    flag(e.pte_special(pte), 'Z'),
  ].join('');
}

function show_swap_pte(pte: Pte): string {
  const marks = flag(e.pte_swp_soft_dirty(pte), 'S') + flag(e.pte_swp_uffd_wp(pte), 'U');
  return `${swapWord[e.swp_type(pte)] ?? 'bad'} ${e.swp_offset(pte)} ${marks}`;
}

/** The 64-bit value as the architecture has it, in 16 hex digits. NX and DEVMAP go back to bits 63 and 58. */
export function pte_val(pte: Pte | Pgprot): string {
  const low = BigInt(pte & 0xfff);
  const frame = BigInt(e.pte_pfn(pte as Pte)) << 12n;
  const nx = e.pte_hw_present(pte as Pte) && !e.pte_exec(pte as Pte) ? 1n << 63n : 0n;
  const devmap = e.pmd_devmap(pte as Pte) ? 1n << 58n : 0n;
  return (low | frame | nx | devmap).toString(16).padStart(16, '0');
}
