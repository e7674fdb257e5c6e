/**
 * x86-64 page-table entries. The predicates and constructors of this file are the only way to read or build one.
 *
 * A value is a plain number that is laid out so that JavaScript's 32-bit operators reach every flag:
 *
 *     bits 0..11   the architecture's own low bits, under their own numbers
 *     bit  12      DEVMAP (bit 58 of the real entry)
 *     bit  13      executable, i.e. the inverse of NX (bit 63), so that data pages stay small integers
 *     bits 14..    page frame number, or the offset of a swap-type entry
 *
 * `pte_val()` gives the real 64-bit value. A swap-type entry (P, PROTNONE and PSE clear) keeps soft-dirty in bit 1
 * and uffd-wp in bit 2 as x86 does, and its type in bits 9..11; a migration entry may keep D and A in bits 4 and 5.
 *
 * Source: arch/x86/include/asm/pgtable.h, pgtable_types.h, pgtable_64.h; include/linux/swapops.h.
 */
import type { Pfn, Pgprot, Pte } from './units';

export const _PAGE_PRESENT = 1 << 0;
export const _PAGE_RW = 1 << 1;
export const _PAGE_USER = 1 << 2;
export const _PAGE_PWT = 1 << 3;
export const _PAGE_PCD = 1 << 4;
export const _PAGE_ACCESSED = 1 << 5;
export const _PAGE_DIRTY = 1 << 6;
/** Huge leaf at PMD level. */
export const _PAGE_PSE = 1 << 7;
/** Bit 8 is G in a present entry and PROTNONE in one that the hardware does not see. */
export const _PAGE_PROTNONE = 1 << 8;
export const _PAGE_SPECIAL = 1 << 9;
/** sw2: unused in 4.19, the uffd-wp mark from 5.7 on. */
export const _PAGE_UFFD_WP = 1 << 10;
export const _PAGE_SOFT_DIRTY = 1 << 11;
export const _PAGE_DEVMAP = 1 << 12;
const EXECUTABLE = 1 << 13;
const FRAME = 1 << 14;

const SWP_SOFT_DIRTY = 1 << 1;
const SWP_UFFD_WP = 1 << 2;
const SWP_EXCLUSIVE = 1 << 3;
/** Of a migration entry of 6.1 and later, which has them among the bits of its offset. */
const SWP_MIG_DIRTY = 1 << 4;
const SWP_MIG_YOUNG = 1 << 5;
const SWP_TYPE_SHIFT = 9;

/** Kept by pte_modify(): everything else is rewritten from the protection. */
const _PAGE_CHG_MASK =
  _PAGE_PCD |
  _PAGE_PWT |
  _PAGE_SPECIAL |
  _PAGE_ACCESSED |
  _PAGE_DIRTY |
  _PAGE_SOFT_DIRTY |
  _PAGE_DEVMAP |
  _PAGE_UFFD_WP;
const _HPAGE_CHG_MASK = _PAGE_CHG_MASK | _PAGE_PSE;
const LOW = FRAME - 1;

export const NONE = 0 as Pte;

const low = (e: number): number => e & LOW;
const withLow = (e: number, flags: number): Pte => (e - (e & LOW) + flags) as Pte;
const set = (e: Pte, bits: number): Pte => withLow(e, (e & LOW) | bits);
const clear = (e: Pte, bits: number): Pte => withLow(e, e & LOW & ~bits);

// Predicates.
/** A and D are ignored: some CPUs set them in an entry that was cleared. */
export const pte_none = (e: Pte): boolean => e < FRAME && (e & LOW & ~(_PAGE_ACCESSED | _PAGE_DIRTY)) === 0;
export const pte_present = (e: Pte): boolean => (e & (_PAGE_PRESENT | _PAGE_PROTNONE)) !== 0;
/** What the CPU sees, as opposed to the kernel. */
export const pte_hw_present = (e: Pte): boolean => (e & _PAGE_PRESENT) !== 0;
export const pte_write = (e: Pte): boolean => (e & _PAGE_RW) !== 0;
export const pte_dirty = (e: Pte): boolean => (e & _PAGE_DIRTY) !== 0;
export const pte_young = (e: Pte): boolean => (e & _PAGE_ACCESSED) !== 0;
export const pte_soft_dirty = (e: Pte): boolean => (e & _PAGE_SOFT_DIRTY) !== 0;
export const pte_special = (e: Pte): boolean => (e & _PAGE_SPECIAL) !== 0;
export const pte_uffd_wp = (e: Pte): boolean => (e & _PAGE_UFFD_WP) !== 0;
export const pte_protnone = (e: Pte): boolean => (e & (_PAGE_PROTNONE | _PAGE_PRESENT)) === _PAGE_PROTNONE;
export const pte_exec = (e: Pte): boolean => (e & EXECUTABLE) !== 0;
export const pte_same = (a: Pte, b: Pte): boolean => a === b;
export const pte_pfn = (e: Pte): Pfn => Math.floor(e / FRAME) as Pfn;
/** PSE stays set while a split has P cleared, so such an entry is present. */
export const pmd_present = (e: Pte): boolean => (e & (_PAGE_PRESENT | _PAGE_PROTNONE | _PAGE_PSE)) !== 0;
export const pmd_trans_huge = (e: Pte): boolean => (e & (_PAGE_PSE | _PAGE_DEVMAP)) === _PAGE_PSE;
export const pmd_devmap = (e: Pte): boolean => (e & _PAGE_DEVMAP) !== 0;
export const is_swap_pmd = (e: Pte): boolean => !pte_none(e) && !pmd_present(e);
/** A non-present entry that still says something: swap, migration, marker. */
export const is_swap_pte = (e: Pte): boolean => !pte_none(e) && !pte_present(e);

/** What a PMD entry holds that points to a table of PTEs; the table itself is in Table.child. */
export const PMD_TABLE = (_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED | _PAGE_DIRTY) as Pte;
export const pmd_is_table = (e: Pte): boolean =>
  (e & (_PAGE_PRESENT | _PAGE_PSE | _PAGE_DEVMAP)) === _PAGE_PRESENT;

// Constructors.
export const pte_mkwrite = (e: Pte): Pte => set(e, _PAGE_RW);
export const pte_wrprotect = (e: Pte): Pte => clear(e, _PAGE_RW);
/** Sets soft-dirty with it. */
export const pte_mkdirty = (e: Pte): Pte => set(e, _PAGE_DIRTY | _PAGE_SOFT_DIRTY);
/** What the CPU does on a write: D alone. */
export const pte_hw_mkdirty = (e: Pte): Pte => set(e, _PAGE_DIRTY | _PAGE_ACCESSED);
/** Soft-dirty stays. */
export const pte_mkclean = (e: Pte): Pte => clear(e, _PAGE_DIRTY);
export const pte_mkyoung = (e: Pte): Pte => set(e, _PAGE_ACCESSED);
export const pte_mkold = (e: Pte): Pte => clear(e, _PAGE_ACCESSED);
export const pte_mksoft_dirty = (e: Pte): Pte => set(e, _PAGE_SOFT_DIRTY);
export const pte_clear_soft_dirty = (e: Pte): Pte => clear(e, _PAGE_SOFT_DIRTY);
export const pte_mkspecial = (e: Pte): Pte => set(e, _PAGE_SPECIAL);
export const pte_mkuffd_wp = (e: Pte): Pte => set(e, _PAGE_UFFD_WP);
export const pte_clear_uffd_wp = (e: Pte): Pte => clear(e, _PAGE_UFFD_WP);
export const pte_mkdevmap = (e: Pte): Pte => set(e, _PAGE_DEVMAP | _PAGE_SPECIAL);
export const pmd_mkhuge = (e: Pte): Pte => set(e, _PAGE_PSE);
/** P and PROTNONE cleared, PSE kept: what pmdp_invalidate() leaves in the slot. */
export const pmd_mknotpresent = (e: Pte): Pte => clear(e, _PAGE_PRESENT | _PAGE_PROTNONE);

export const pfn_pte = (page: Pfn, prot: Pgprot): Pte => (page * FRAME + (prot & LOW)) as Pte;
export const mk_pte = pfn_pte;
export const pte_advance_pfn = (e: Pte, nr: number): Pte => (e + nr * FRAME) as Pte;
export const mk_huge_pmd = (page: Pfn, prot: Pgprot): Pte => pmd_mkhuge(pfn_pte(page, prot));
export const pte_modify = (e: Pte, prot: Pgprot): Pte =>
  withLow(e, (e & LOW & _PAGE_CHG_MASK) | (low(prot) & ~_PAGE_CHG_MASK));
export const pmd_modify = (e: Pte, prot: Pgprot): Pte =>
  withLow(e, (e & LOW & _HPAGE_CHG_MASK) | (low(prot) & ~_HPAGE_CHG_MASK));
/** Takes what pte_modify() would take from `prot`, keeps the rest of `old`. */
export const pgprot_modify = (old: Pgprot, prot: Pgprot): Pgprot =>
  ((low(old) & _PAGE_CHG_MASK) | (low(prot) & ~_PAGE_CHG_MASK)) as Pgprot;
/** NUMA hinting keeps RW in place, because the CPU ignores it while P is clear. */
export const pte_mk_savedwrite = pte_mkwrite;
export const pte_savedwrite = pte_write;
export const pte_clear_savedwrite = pte_wrprotect;

// pmd_t forms of what is the same on both levels.
export const pmd_none = pte_none;
export const pmd_write = pte_write;
export const pmd_dirty = pte_dirty;
export const pmd_young = pte_young;
export const pmd_soft_dirty = pte_soft_dirty;
export const pmd_protnone = pte_protnone;
export const pmd_same = pte_same;
export const pmd_pfn = pte_pfn;
export const pmd_uffd_wp = pte_uffd_wp;
export const pmd_mkwrite = pte_mkwrite;
export const pmd_wrprotect = pte_wrprotect;
export const pmd_mkdirty = pte_mkdirty;
export const pmd_mkclean = pte_mkclean;
export const pmd_mkyoung = pte_mkyoung;
export const pmd_mkold = pte_mkold;
export const pmd_mksoft_dirty = pte_mksoft_dirty;
export const pmd_clear_soft_dirty = pte_clear_soft_dirty;
export const pmd_mkuffd_wp = pte_mkuffd_wp;
export const pmd_clear_uffd_wp = pte_clear_uffd_wp;
export const pmd_mk_savedwrite = pte_mk_savedwrite;
export const pmd_savedwrite = pte_savedwrite;

// Swap-type entries.
export const SwapType = {
  swap: 1,
  migrationRead: 2,
  migrationWrite: 3,
  migrationReadExclusive: 4,
  hwpoison: 5,
  marker: 6,
} as const;
export type SwapType = (typeof SwapType)[keyof typeof SwapType];

/** @param offset the swap slot, or the frame number of a migration entry */
export const swp_entry = (type: SwapType, offset: number): Pte =>
  (offset * FRAME + (type << SWP_TYPE_SHIFT)) as Pte;
export const swp_type = (e: Pte): SwapType => ((e >> SWP_TYPE_SHIFT) & 7) as SwapType;
export const swp_offset = (e: Pte): number => Math.floor(e / FRAME);
export const is_migration_entry = (e: Pte): boolean => {
  const type = swp_type(e);
  return is_swap_pte(e) && type >= SwapType.migrationRead && type <= SwapType.migrationReadExclusive;
};
export const is_write_migration_entry = (e: Pte): boolean =>
  is_swap_pte(e) && swp_type(e) === SwapType.migrationWrite;
export const is_pmd_migration_entry = (e: Pte): boolean => is_swap_pmd(e) && is_migration_entry(e);
/** The same entry as migration-read; the markers stay. */
export const make_migration_entry_read = (e: Pte): Pte =>
  (e - (swp_type(e) << SWP_TYPE_SHIFT) + (SwapType.migrationRead << SWP_TYPE_SHIFT)) as Pte;
/** The same entry as another kind of migration entry; the markers stay. */
export const with_migration_type = (e: Pte, type: SwapType): Pte =>
  (e - (swp_type(e) << SWP_TYPE_SHIFT) + (type << SWP_TYPE_SHIFT)) as Pte;
export const is_migration_entry_young = (e: Pte): boolean => (e & SWP_MIG_YOUNG) !== 0;
export const is_migration_entry_dirty = (e: Pte): boolean => (e & SWP_MIG_DIRTY) !== 0;
export const make_migration_entry_young = (e: Pte): Pte => set(e, SWP_MIG_YOUNG);
export const make_migration_entry_dirty = (e: Pte): Pte => set(e, SWP_MIG_DIRTY);
export const pte_swp_soft_dirty = (e: Pte): boolean => (e & SWP_SOFT_DIRTY) !== 0;
export const pte_swp_mksoft_dirty = (e: Pte): Pte => set(e, SWP_SOFT_DIRTY);
export const pte_swp_clear_soft_dirty = (e: Pte): Pte => clear(e, SWP_SOFT_DIRTY);
export const pte_swp_uffd_wp = (e: Pte): boolean => (e & SWP_UFFD_WP) !== 0;
export const pte_swp_mkuffd_wp = (e: Pte): Pte => set(e, SWP_UFFD_WP);
export const pte_swp_clear_uffd_wp = (e: Pte): Pte => clear(e, SWP_UFFD_WP);
export const pte_swp_exclusive = (e: Pte): boolean => (e & SWP_EXCLUSIVE) !== 0;
export const pte_swp_mkexclusive = (e: Pte): Pte => set(e, SWP_EXCLUSIVE);
export const pte_swp_clear_exclusive = (e: Pte): Pte => clear(e, SWP_EXCLUSIVE);

/** From 5.19 on: what is left where a page of a file was write-protected and is gone, or has not come yet. */
export const make_pte_marker = (): Pte => pte_swp_mkuffd_wp(swp_entry(SwapType.marker, 0));
export const is_pte_marker = (e: Pte): boolean => is_swap_pte(e) && swp_type(e) === SwapType.marker;
/** Nothing, or a marker. */
export const pte_none_mostly = (e: Pte): boolean => pte_none(e) || is_pte_marker(e);
