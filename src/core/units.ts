/**
 * One sort of number, one type. The brands cost nothing at run time and make it a compile error to pass a
 * frame number where an address is wanted.
 */
declare const unit: unique symbol;
type Unit<Name extends string> = number & { readonly [unit]: Name };

/** A virtual address in bytes. */
export type Vaddr = Unit<'Vaddr'>;
/** A page frame number, which also stands for its `struct page`. */
export type Pfn = Unit<'Pfn'>;
/** The value of a page-table entry (pte_t and pmd_t alike), see entry.ts. */
export type Pte = Unit<'Pte'>;
/** The protection bits that a VMA hands to its entries (pgprot_t). */
export type Pgprot = Unit<'Pgprot'>;
/** Which store a byte range holds: the model's stand-in for page contents. 0 is "zeroes". */
export type Content = Unit<'Content'>;

/** From here on contents are what a fixture says is stored, and two stores may store the same. */
const NAMED_CONTENT = 1_000_000;

export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;

export const vaddr = (n: number): Vaddr => n as Vaddr;
export const pfn = (n: number): Pfn => n as Pfn;
export const content = (n: number): Content => n as Content;
/** What a step stores with `= value`. */
export const namedContent = (value: number): Content => content(value === 0 ? 0 : NAMED_CONTENT + value);
/** Whether somebody else may have stored the same. */
export const isNamed = (stored: Content): boolean => stored === 0 || stored >= NAMED_CONTENT;

/** Virtual page number of an address. Addresses exceed 32 bits, so no shifts. */
export const vpnOf = (va: Vaddr): number => Math.floor(va / PAGE_SIZE);
export const addressOf = (vpn: number): Vaddr => (vpn * PAGE_SIZE) as Vaddr;
export const pageAlign = (va: Vaddr): Vaddr => (va - (va % PAGE_SIZE)) as Vaddr;
export const plus = (va: Vaddr, bytes: number): Vaddr => (va + bytes) as Vaddr;
export const hex = (n: number): string => n.toString(16);
