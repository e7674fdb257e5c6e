/** mm/memory.c and mm/filemap.c: a read fault on a file maps the pages around it, too, as far as they are cached. */
import * as e from '../entry';
import { VM_FAULT_NOPAGE } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { File, VmFault } from '../mm';
import { fileObject, pageRefObject } from '../objects';
import { NO_PAGE } from '../pages';
import type { Slot } from '../table';
import { PAGE_SIZE, type Pfn, type Vaddr, vaddr } from '../units';

/** fault_around_bytes, as it is unless somebody changes it in debugfs. */
const FAULT_AROUND_BYTES = 64 * 1024;

/**
 * mm/memory.c:should_fault_around(). Simplified: 4.19 asks in do_read_fault(); every file has ->map_pages().
 * Enters with mmap_sem held; returns with it held.
 */
export function should_fault_around(k: Kernel, vmf: VmFault): boolean {
  return FAULT_AROUND_BYTES > PAGE_SIZE;
}

/**
 * mm/memory.c:do_fault_around(). Faithful; the table of PTEs comes when there is a page to map.
 * Enters with mmap_sem held for reading and no ptl; returns with the same.
 *
 * @returns VM_FAULT_NOPAGE where the fault is done with
 */
export function* do_fault_around(k: Kernel, vmf: VmFault): KRun<number> {
  const { vma, address, pmd } = vmf;
  const table = address - (address % k.m.HPAGE_PMD_SIZE);
  // The table is what may be the smaller one, where a huge page has fewer entries than 16.
  const first = Math.max(table, address - (address % FAULT_AROUND_BYTES), vma.vm_start);
  const end = Math.min(table + k.m.HPAGE_PMD_SIZE, vma.vm_end, first + FAULT_AROUND_BYTES);
  const held = yield* k.filemap_map_pages(vmf, vaddr(first), vaddr(end));
  // A huge page that somebody else has mapped meanwhile will do, too.
  if (held === null) return e.pmd_trans_huge(yield* k.pmd_get(pmd)) ? VM_FAULT_NOPAGE : 0;
  const isDone = !e.pte_none(yield* k.pte_get(k.m.pte_offset(pmd, address)));
  yield* k.pte_unmap_unlock(held);
  return isDone ? VM_FAULT_NOPAGE : 0;
}

/**
 * mm/filemap.c:filemap_map_pages(). Faithful; as alloc_set_pte() leaves it, the entries are as after a read of each.
 * Enters with mmap_sem held for reading; returns with the ptl of the returned slot held, or with null and no ptl.
 */
export function* filemap_map_pages(k: Kernel, vmf: VmFault, start: Vaddr, end: Vaddr): KRun<Slot | null> {
  const { vma } = vmf;
  const file = vma.vm_file!;
  const last = k.linear_page_index(vma, vaddr(end - PAGE_SIZE));
  let held: Slot | null = null;
  for (let index = k.linear_page_index(vma, start); index <= last; index++) {
    const page = yield* k.find_get_next(file, index, last);
    if (page === NO_PAGE) break;
    index = k.m.pages.index[page]!;
    if (!(yield* k.trylock_page(page))) {
      yield* k.put_page(page);
      continue;
    }
    const address = vaddr(vma.vm_start + (index - vma.vm_pgoff) * PAGE_SIZE);
    const pte: Slot | null = held && k.m.pte_offset(vmf.pmd, address);
    const one: VmFault = { ...vmf, address, pte, orig_pte: e.NONE };
    const isMapped = k.fileOf(page) === file && (yield* k.alloc_set_pte(one, page)) === 0;
    held = one.pte;
    yield* k.unlock_page(page);
    if (!isMapped) yield* k.put_page(page);
    if (e.pmd_trans_huge(yield* k.pmd_get(vmf.pmd))) break;
  }
  return held;
}

/**
 * mm/filemap.c:filemap_map_pages(), the walk through the cache. Faithful; finding a page and getting it are one step.
 * Enters with mmap_sem held for reading, perhaps the ptl; returns the next page with a reference, or NO_PAGE.
 */
export function* find_get_next(k: Kernel, file: File, index: number, last: number): KRun<Pfn> {
  const next = (): Pfn => {
    for (let at = index; at <= last; at++) {
      const page = file.cache.get(at);
      if (page !== undefined) return page;
    }
    return NO_PAGE;
  };
  return yield* k.stepOn(
    'find_get_next',
    () => [fileObject(file.id), pageRefObject(next())],
    2,
    () => {
      const page = next();
      if (page !== NO_PAGE) k.m.pages.refcount[page]!++;
      return page;
    },
  );
}
