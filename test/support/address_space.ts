import { NONE } from '../../src/core/entry';
import { buildKernel, type Kernel } from '../../src/core/kernel';
import { defaultConfig, Machine, type MachineConfig } from '../../src/core/machine';
import type { File, Mm, Vma } from '../../src/core/mm';
import { leafOf } from '../../src/core/mmu';
import type { Run } from '../../src/core/run';
import { type Content, content, type Pte, type Vaddr, vaddr } from '../../src/core/units';
import type { Happening } from '../../src/core/watch';

export const PAGE = 4096;
/** Start of a huge page on a machine with eight entries per table, with room below. */
export const BASE = vaddr(0x400000);

const Linux419 = buildKernel([]);

/** Runs to the end; nobody else is there, so whoever waits waits for ever. */
export function drain<T>(run: Run<T>): T {
  const result = run[Symbol.iterator]().next();
  if (!result.done) throw new Error(`waits for ${result.value.waitsFor}`);
  return result.value;
}

/** One process with one thread, alone on its machine. */
export class AddressSpace {
  readonly m: Machine;
  readonly mm: Mm;
  readonly k: Kernel;
  readonly seen: Happening[] = [];

  constructor(config: Partial<MachineConfig> = {}) {
    this.m = new Machine({ ...defaultConfig, entries: 8, thp: 'never', ...config });
    this.m.watch = (happening) => this.seen.push(happening);
    this.mm = this.m.newMm('parent');
    this.k = this.thread('vcpu', this.mm);
  }
  thread(name: string, mm: Mm): Kernel {
    return new Linux419(this.m, this.m.newTask(name, mm));
  }
  file(of: Partial<File> = {}): File {
    const file: File = {
      id: this.m.files.length,
      name: 'file',
      kind: 'fs',
      page_mkwrite: false,
      accountsDirty: true,
      firstPfn: 0,
      pages: 0,
      cache: new Map(),
      disk: new Map(),
      dirtyTag: new Set(),
      nrDirty: 0,
      ...of,
    };
    this.m.files.push(file);
    return file;
  }
  /** Maps `pages` pages at BASE + `at` pages. */
  map(at: number, pages: number, more: { prot?: number; shared?: boolean; file?: File } = {}): Vma {
    const { prot = 3, shared = false, file } = more;
    const addr = this.at(at);
    const request = { addr, len: pages * PAGE, prot, shared, flags: 0x10, ...(file ? { file } : {}) };
    const result = drain(this.k.vm_mmap_pgoff(this.mm, request));
    if (result !== addr) throw new Error(`mmap: ${result}`);
    return this.vmaAt(at);
  }
  at(page: number): Vaddr {
    return vaddr(BASE + page * PAGE);
  }
  vmaAt(page: number): Vma {
    const vma = this.k.find_vma(this.mm, this.at(page));
    if (!vma || vma.vm_start > this.at(page)) throw new Error(`page ${page} is not mapped`);
    return vma;
  }
  munmap(at: number, pages: number): number {
    return drain(this.k.vm_munmap(this.mm, this.at(at), pages * PAGE));
  }
  mprotect(at: number, pages: number, prot: number): number {
    return drain(this.k.do_mprotect_pkey(this.at(at), pages * PAGE, prot));
  }
  madvise(at: number, pages: number, advice: string): number {
    return drain(this.k.do_madvise(this.at(at), pages * PAGE, advice));
  }
  write(page: number, value: number, k: Kernel = this.k): string {
    return drain(k.user_store(this.at(page), content(value)));
  }
  read(page: number, k: Kernel = this.k): Content | string {
    return drain(k.user_load(this.at(page)));
  }
  entry(page: number, k: Kernel = this.k): Pte {
    return leafOf(k, this.at(page))?.peek() ?? NONE;
  }
  /** VMAs as pages from BASE: first, one past the last. */
  ranges(mm: Mm = this.mm): [number, number][] {
    return mm.mmap.map((vma) => [(vma.vm_start - BASE) / PAGE, (vma.vm_end - BASE) / PAGE]);
  }
  /** What the kernel complained of. */
  bugs(): string[] {
    return this.seen.flatMap((happening) => (happening.kind === 'bug' ? [happening.text] : []));
  }
  /** References of pages that are neither free nor the zero pages, by frame. */
  leaked(): number[] {
    const { pages } = this.m;
    const first = 1 + 1 + this.m.HPAGE_PMD_NR;
    const held: number[] = [];
    for (let page = first; page < pages.count; page++) {
      if (pages.head[page] === page && pages.refcount[page]! > 0) held.push(page);
    }
    return held;
  }
}
