import {
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_READ,
  VM_SHARED,
  VM_SOFTDIRTY,
  VM_WRITE,
  vm_get_page_prot,
} from '../../src/core/flags';
import { buildKernel, type Kernel } from '../../src/core/kernel';
import { defaultConfig, Machine } from '../../src/core/machine';
import { type File, type Mm, newFile, type Vma } from '../../src/core/mm';
import type { Run } from '../../src/core/run';
import type { Slot } from '../../src/core/table';
import { content, type Pfn, type Pte, plus, type Vaddr, vaddr } from '../../src/core/units';
import type { Happening } from '../../src/core/watch';

export const PRIVATE = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_SOFTDIRTY;
export const SHARED = PRIVATE | VM_SHARED | VM_MAYSHARE;
export const BASE = vaddr(0x40000);
export const page = (n: number): Vaddr => plus(BASE, n * 4096);

/** Runs a kernel function to its end; alone on the machine it must never wait. */
export function run<T>(kernelFunction: Run<T>): T {
  const { done, value } = kernelFunction[Symbol.iterator]().next();
  if (!done) throw new Error(`waits for ${value.waitsFor || value.label}`);
  return value;
}

/** One process with one mapping of eight pages at BASE, on a machine whose tables have eight entries. */
export class Process {
  readonly m: Machine;
  readonly mm: Mm;
  readonly vma: Vma;
  readonly k: Kernel;
  readonly seen: Happening[] = [];

  constructor(vm_flags = PRIVATE, file: File | null = null, beside: Process | null = null) {
    this.m = beside?.m ?? new Machine({ ...defaultConfig, entries: 8, thp: 'never' });
    this.m.watch = (happening) => this.seen.push(happening);
    this.mm = this.m.newMm('test');
    this.vma = {
      vm_mm: this.mm,
      vm_start: BASE,
      vm_end: page(8),
      vm_flags: vm_flags >>> 0,
      vm_page_prot: vm_get_page_prot(vm_flags),
      vm_pgoff: file ? 0 : BASE / 4096,
      vm_file: file,
      anon_vma: 0,
      anon_vma_chain: [],
      vm_userfaultfd_ctx: null,
    };
    if (file && vm_flags & VM_SHARED) this.vma.vm_page_prot = vm_get_page_prot(vm_flags & ~VM_SHARED);
    this.mm.mmap.push(this.vma);
    if (file && !this.m.files.includes(file)) this.m.files.push(file);
    this.k = new (buildKernel([]))(this.m, this.m.newTask('cpu', this.mm));
  }

  static ofFile(): Process {
    return new Process(SHARED, newFile(0, 'data', 'fs'));
  }

  /** The slot of page `n`, whose table is made if need be. */
  slot(n: number): Slot {
    const pmd = this.m.pmd_alloc(this.mm, page(n));
    run(this.k.pte_alloc(this.mm, pmd));
    return this.m.pte_offset(pmd, page(n));
  }
  pte(n: number): Pte {
    return this.slot(n).peek();
  }
  store(n: number, value: number): void {
    this.slot(n);
    const result = run(this.k.user_store(page(n), content(value)));
    if (result !== 'ok') throw new Error(`store: ${result}`);
  }
  load(n: number): number | string {
    this.slot(n);
    return run(this.k.user_load(page(n)));
  }
  drain(): void {
    run(this.k.lru_add_drain());
  }
  counts(p: Pfn): { ref: number; map: number } {
    return { ref: this.m.pages.refcount[p]!, map: this.k.mappingsOf(p) };
  }
  hasFlag(p: Pfn, flag: number): boolean {
    return (this.m.pages.flags[p]! & flag) !== 0;
  }
  happened(kind: Happening['kind']): number {
    return this.seen.filter((happening) => happening.kind === kind).length;
  }
  bugs(): string[] {
    return this.seen.flatMap((happening) => (happening.kind === 'bug' ? [happening.text] : []));
  }
}
