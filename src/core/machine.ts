/**
 * All state of one run: hardware and kernel. Plain data without functions in it, so that it can be copied (clone.ts)
 * and compared. What guards what is said beside the fields in mm.ts, table.ts and pages.ts.
 */
import { assert, must } from './assert';
import type { KsmState } from './ksm_state';
import { newKsmState } from './ksm_state';
import { beginToLinger, type Reach } from './lingering';
import { NOBODY, RwSem } from './locks';
import { type File, type Mm, newMm, type UserfaultfdCtx } from './mm';
import { Numbers } from './numbers';
import { rmapLockObject } from './objects';
import { Pages, PG_head, PG_swapbacked, PG_uptodate } from './pages';
import { newSwapState, type SwapState } from './swap_state';
import { Level, Slot, spansOf, Table } from './table';
import { newTask, type Task } from './task';
import { Tlb } from './tlb';
import { tlbBordersOf } from './tlb_parts';
import { hex, PAGE_SIZE, type Pfn, pfn, type Vaddr, vaddr } from './units';
import { newUserState, type UserState } from './user_state';
import { type Cost, noCost, type Watch } from './watch';

/** What a kernel is configured as, and how big the machine is. */
export interface MachineConfig {
  /** Entries per page table: 512 on x86-64; fewer make a search smaller. HPAGE_PMD_NR is the same number. */
  entries: number;
  /** CONFIG_MEM_SOFT_DIRTY. */
  softDirty: boolean;
  /** CONFIG_DEBUG_VM: VM_BUG_ON and the handle_userfault() message. */
  debugVm: boolean;
  /** /sys/kernel/mm/transparent_hugepage/enabled. */
  thp: 'always' | 'madvise' | 'never';
  nodes: number;
  /** Whether anybody may pin pages. Where nobody does, whoever asks for pins need not look, which would be a step. */
  pins: boolean;
  /** Whether mremap() moves pages beside others who walk a reverse map. Where it does not, nobody need lock the map. */
  moves: boolean;
  /** A step `migrate` without a node goes to another node and comes back, as a program has to that asks for it. */
  migratesBack?: boolean;
  /** What people call memory, for what they are told. */
  regions: readonly { readonly name: string; readonly start: number; readonly pages: number }[];
  /** And the semaphores of its program. */
  semaphores: readonly string[];
  /** Null: a CPU does nothing unasked. Otherwise, by task, the pages that its program accesses itself. */
  hardware: readonly (readonly Reach[])[] | null;
}

export const defaultConfig: MachineConfig = {
  entries: 512,
  softDirty: true,
  debugVm: true,
  thp: 'always',
  nodes: 1,
  pins: true,
  moves: false,
  regions: [],
  semaphores: [],
  hardware: null,
};

/** Where an address lies, by the names that people gave: `guest[5]`; else in hexadecimal. */
export function nameOfAddress({ regions }: MachineConfig, va: number): string {
  for (const { name, start, pages } of regions) {
    const index = Math.floor((va - start) / PAGE_SIZE);
    if (index >= 0 && index < pages) return `${name}[${index}]`;
  }
  return hex(va);
}

/** struct mmu_gather batches and the rest of a CPU that is not a lock. */
export class Machine {
  readonly pages = new Pages();
  readonly mms: Mm[] = [];
  readonly tasks: Task[] = [];
  /** By CPU, which is the task's id. */
  readonly tlbs: Tlb[] = [];
  /** Where the parts begin of which every TLB consists, see tlb_parts.ts. */
  tlbBorders: readonly number[] = [];
  readonly files: File[] = [];
  readonly ctxs: UserfaultfdCtx[] = [];
  /** anon_vma->rwsem and i_mmap_rwsem, as one for all pages. */
  readonly rmapLock = new RwSem(rmapLockObject, 'rmap lock');
  readonly swap: SwapState = newSwapState();
  readonly ksm: KsmState = newKsmState();
  readonly user: UserState = newUserState();
  /** User-space semaphores that a fixture's steps post and wait for, by number. */
  readonly semaphores: number[] = [];
  /** Kernel log, newest last. */
  readonly log: { task: number; text: string }[] = [];
  readonly cost: Cost = noCost();
  readonly spans: readonly number[];
  readonly zeroPage: Pfn;
  readonly hugeZeroPage: Pfn;
  readonly tableIds = new Numbers(0);
  /** By id, those that were taken out included. */
  readonly tables: Table[] = [];
  readonly anonVmaIds = new Numbers(1);
  /**
   * Nobody else can run, so steps need no announcement. Set by whoever drives the machine.
   */
  solo = true;
  /** Not part of the state: copied as null. */
  watch: Watch | null = null;

  constructor(readonly config: MachineConfig) {
    assert(config.entries >= 2 && config.entries <= 512, 'Machine: 2 to 512 entries per table');
    this.spans = spansOf(config.entries);
    this.zeroPage = this.pages.alloc(1, 0);
    this.hugeZeroPage = this.pages.alloc(config.entries, 0);
    this.pages.firstOrdinary = this.pages.count;
    for (const page of [this.zeroPage, this.hugeZeroPage]) this.pages.flags[page]! |= PG_uptodate;
  }

  get HPAGE_PMD_NR(): number {
    return this.config.entries;
  }
  /** Bytes of a huge page. */
  get HPAGE_PMD_SIZE(): number {
    return this.spans[Level.pmd]!;
  }

  /** From now on tasks run beside one another. */
  beginRace(): void {
    this.solo = false;
    const { length } = this.tasks;
    for (const numbers of [this.tableIds, this.anonVmaIds]) numbers.share(length);
    this.pages.share(length, this.config.entries);
    this.tlbBorders = Object.freeze(tlbBordersOf(this.config, this.HPAGE_PMD_SIZE, length));
    if (this.config.hardware !== null) beginToLinger(this);
  }

  /** @param task who makes it; upper tables, which appear without a step, all count as made by the first */
  newTable(mmId: number, level: Level, base: Vaddr, task = 0): Table {
    const id = this.tableIds.take(task);
    const table = new Table(id, mmId, level, base, this.spans[level]!, this.config.entries);
    this.tables[id] = table;
    return table;
  }

  newMm(name: string): Mm {
    const id = this.mms.length;
    // A real process has its mappings just below 128 TiB; with small tables the top is wherever the pgd ends.
    const top = Math.min(0x7f0000000000, this.spans[Level.pgd]! * this.config.entries);
    const mm = newMm(id, name, this.newTable(id, Level.pgd, vaddr(0)), top - (top % this.HPAGE_PMD_SIZE));
    this.mms.push(mm);
    return mm;
  }

  newTask(name: string, mm: Mm): Task {
    const task = newTask(this.tasks.length, name, mm);
    this.tasks.push(task);
    this.tlbs.push(new Tlb());
    return task;
  }

  task(id: number): Task {
    return must(this.tasks[id], `task(): no task ${id}`);
  }
  mm(id: number): Mm {
    return must(this.mms[id], `mm(): no mm ${id}`);
  }

  /** The table of `level` that translates `va`, if it exists. */
  tableAt(mm: Mm, va: Vaddr, level: Level): Table | undefined {
    let table: Table | undefined = mm.pgd;
    while (table !== undefined && table.level > level) table = table.child.get(table.indexOf(va));
    return table;
  }
  /** pgd to pmd in one go: the slot of the PMD entry, if the tables above it exist. */
  mm_find_pmd_slot(mm: Mm, va: Vaddr): Slot | null {
    const table = this.tableAt(mm, va, Level.pmd);
    return table ? new Slot(table, table.indexOf(va)) : null;
  }
  /** Makes the tables above the PMD entry. Nobody else can see them differently, so this takes no step. */
  pmd_alloc(mm: Mm, va: Vaddr): Slot {
    let table = mm.pgd;
    while (table.level > Level.pmd) {
      const index = table.indexOf(va);
      const level = (table.level - 1) as Level;
      let next = table.child.get(index);
      if (!next) {
        next = this.newTable(mm.id, level, table.addressOf(index));
        table.child.set(index, next);
      }
      table = next;
    }
    return new Slot(table, table.indexOf(va));
  }
  /** Gives `to` the PMD tables that `from` has, all empty. */
  copyUpperTables(from: Mm, to: Mm): void {
    const below = (table: Table): void => {
      if (table.level === Level.pmd) this.pmd_alloc(to, table.base);
      else for (const child of table.tables()) below(child);
    };
    below(from.pgd);
  }
  /** The PTE slot below a PMD slot that has a table. */
  pte_offset(pmd: Slot, va: Vaddr): Slot {
    const table = must(pmd.table.child.get(pmd.index), 'pte_offset(): the PMD entry has no table');
    return new Slot(table, table.indexOf(va));
  }

  /** struct page exists and is not with a device (pfn_valid()). */
  pfn_valid(page: Pfn): boolean {
    return this.pages.exists(page);
  }

  isHead(page: Pfn): boolean {
    return (this.pages.flags[page]! & PG_head) !== 0;
  }
  compound_head(page: Pfn): Pfn {
    return this.pages.compound_head(page);
  }
  /** The base pages of a page: itself, or all subpages of a compound page. */
  subpages(head: Pfn): Pfn[] {
    const pages = [head];
    if (this.isHead(head)) for (let i = 1; i < this.HPAGE_PMD_NR; i++) pages.push(pfn(head + i));
    return pages;
  }
  isSwapBacked(page: Pfn): boolean {
    return (this.pages.flags[this.compound_head(page)]! & PG_swapbacked) !== 0;
  }
  lockedBy(page: Pfn): number {
    return this.pages.lockOwner[this.compound_head(page)] ?? NOBODY;
  }
}
