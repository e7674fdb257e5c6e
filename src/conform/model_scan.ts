/** What PAGEMAP_SCAN of 6.7 and later would say of a page of the model: the same letters as conform/agent/scan.c. */
import { entry as e, flags, mainline, type Pte, type Vma } from '../core/index';
import type { KernelFeatures } from './observation';

const PAGE_IS_WPALLOWED = 1 << 0;
const PAGE_IS_WRITTEN = 1 << 1;
const PAGE_IS_FILE = 1 << 2;
const PAGE_IS_PRESENT = 1 << 3;
const PAGE_IS_SWAPPED = 1 << 4;
const PAGE_IS_PFNZERO = 1 << 5;
const PAGE_IS_HUGE = 1 << 6;
const PAGE_IS_SOFT_DIRTY = 1 << 7;

/** Categories in the order of their bits, a letter and a name each. No fixture can make a guard region. */
export const scanCategories = [
  ['a', 'WPALLOWED'],
  ['w', 'WRITTEN'],
  ['f', 'FILE'],
  ['p', 'PRESENT'],
  ['s', 'SWAPPED'],
  ['z', 'PFNZERO'],
  ['h', 'HUGE'],
  ['d', 'SOFT_DIRTY'],
  ['g', 'GUARD'],
] as const;

export type ScanFeatures = Pick<
  KernelFeatures,
  'softDirty' | 'scanCategories' | 'emptyWritten' | 'holesWritten'
>;

/** An entry as it is found. */
export interface Leaf {
  readonly entry: Pte;
  /** It is that of a huge page. */
  readonly huge: boolean;
  /** There is no table for it. */
  readonly hole: boolean;
}

/** What an entry maps; null where it is not present. */
export type Maps = 'file' | 'zero' | 'other' | null;

/** A letter for each category, `-` for no, and `?` for one that the kernel under test does not have. */
export function scanText(vma: Vma, leaf: Leaf, maps: Maps, features: ScanFeatures): string {
  const own = categoriesOf(vma, leaf, maps, features);
  let text = '';
  for (const [bit, [letter]] of scanCategories.entries()) {
    const isKnown = (features.scanCategories & (1 << bit)) !== 0;
    text += !isKnown ? '?' : (own & (1 << bit)) !== 0 ? letter : '-';
  }
  return text;
}

/** As pagemap_scan_test_walk(), pagemap_page_category(), pagemap_thp_category() and pagemap_scan_pte_hole() tell them. */
function categoriesOf(vma: Vma, leaf: Leaf, maps: Maps, features: ScanFeatures): number {
  // The walk passes over mappings of devices.
  if (vma.vm_flags & flags.VM_PFNMAP) return 0;
  const own = e.pte_none(leaf.entry) ? ofNothing(vma, leaf, features) : ofEntry(leaf, maps);
  const ofVma =
    (isAsync(vma) ? PAGE_IS_WPALLOWED : 0) | (vma.vm_flags & flags.VM_SOFTDIRTY ? PAGE_IS_SOFT_DIRTY : 0);
  const all = own | ofVma;
  return features.softDirty ? all : all & ~PAGE_IS_SOFT_DIRTY;
}

/** Where a monitor lets writes resolve their own faults; what is empty can be protected there as well, by markers. */
const isAsync = ({ vm_flags, vm_userfaultfd_ctx }: Vma): boolean =>
  (vm_flags & flags.VM_UFFD_WP) !== 0 &&
  ((vm_userfaultfd_ctx?.features ?? 0) & mainline.UFFD_FEATURE_WP_ASYNC) !== 0;

function ofNothing(vma: Vma, { hole }: Leaf, { emptyWritten, holesWritten }: ScanFeatures): number {
  const isArmed = (vma.vm_flags & flags.VM_UFFD_WP) !== 0;
  return (hole ? isArmed && holesWritten : emptyWritten) ? PAGE_IS_WRITTEN : 0;
}

function ofEntry({ entry, huge }: Leaf, maps: Maps): number {
  const isPresent = maps !== null;
  const isProtected = isPresent ? e.pte_uffd_wp(entry) : e.pte_swp_uffd_wp(entry);
  const isSoftDirty = isPresent ? e.pte_soft_dirty(entry) : e.pte_swp_soft_dirty(entry);
  let all = isPresent ? PAGE_IS_PRESENT : PAGE_IS_SWAPPED;
  if (huge) all |= PAGE_IS_HUGE;
  if (!isProtected) all |= PAGE_IS_WRITTEN;
  if (isSoftDirty) all |= PAGE_IS_SOFT_DIRTY;
  if (maps === 'file') all |= PAGE_IS_FILE;
  if (maps === 'zero') all |= PAGE_IS_PFNZERO;
  return all;
}

/** The categories of a page for people. */
export function scanWords(scan: string): string {
  const names = scanCategories.filter(([letter], bit) => scan[bit] === letter).map(([, name]) => name);
  return names.length === 0 ? 'none' : names.join(' ');
}
