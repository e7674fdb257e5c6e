/**
 * What the machine tells whoever watches it: facts that decide nothing in the machine itself. Invariants are
 * predicates over these and over the machine.
 */
import type { RwSem, SpinLock } from './locks';
import type { File, Mm, UffdMsg, UserfaultfdCtx } from './mm';
import type { Signal, Task } from './task';
import type { Content, Pfn, Pte, Vaddr } from './units';

export type Access = 'user' | 'kernel' | 'gup';

export type Happening =
  | {
      kind: 'store';
      task: Task;
      mm: Mm;
      va: Vaddr;
      page: Pfn;
      content: Content;
      access: Access;
      stale: boolean;
    }
  | {
      kind: 'load';
      task: Task;
      mm: Mm;
      va: Vaddr;
      page: Pfn;
      content: Content;
      access: Access;
      stale: boolean;
    }
  /** An entry of `mm` changed in memory. `huge`: at PMD level. */
  | { kind: 'entry'; task: Task; mmId: number; va: Vaddr; huge: boolean; before: Pte; after: Pte }
  /** A spinlock is about to be released. */
  | { kind: 'unlock'; task: Task; lock: SpinLock }
  /** An mmap_sem, or the rmap lock, is about to be released, or from now on to be held for reading only. */
  | { kind: 'up'; task: Task; sem: RwSem; downgrades: boolean }
  /** A CPU took a page fault. */
  | { kind: 'fault'; task: Task; va: Vaddr; flags: number }
  /** A thread was put on a userfaultfd queue, or an event was. */
  | { kind: 'event'; task: Task; ctx: UserfaultfdCtx; msg: UffdMsg }
  | { kind: 'wake'; task: Task; ctx: UserfaultfdCtx; woken: Task }
  | { kind: 'signal'; task: Task; signal: Signal; va: Vaddr; why: string }
  /** Anything the kernel prints as a bug: BUG, VM_BUG_ON, Bad page state, lock misuse, sleeping while atomic. */
  | { kind: 'bug'; task: Task; bug: BugKind; text: string }
  | { kind: 'call'; task: Task; name: string; mm: Mm; start: Vaddr; end: Vaddr; args: Record<string, number> }
  | {
      kind: 'return';
      task: Task;
      name: string;
      mm: Mm;
      start: Vaddr;
      end: Vaddr;
      args: Record<string, number>;
      result: number;
    }
  | { kind: 'page_mkwrite'; task: Task; file: File; index: number }
  | { kind: 'page_mkclean'; task: Task; file: File; index: number }
  /** Content of a page was copied; whoever may still write the source loses. */
  | { kind: 'copy'; task: Task; from: Pfn; to: Pfn; mm: Mm; va: Vaddr }
  | { kind: 'discard'; task: Task; page: Pfn; why: string }
  | { kind: 'free'; task: Task; page: Pfn }
  /** pagemap was read: bit 55. */
  | { kind: 'pagemap'; task: Task; mm: Mm; va: Vaddr; softDirty: boolean; present: boolean }
  /** A kernel function that somebody wants to know of was entered. */
  | { kind: 'enter'; task: Task; name: string }
  | { kind: 'leave'; task: Task; name: string }
  /** A step of the fixture begins, in the fixture's words. */
  | { kind: 'begin'; task: Task; text: string }
  /** A line of the kernel log. */
  | { kind: 'log'; task: Task; text: string }
  /** A task waits for something that nobody will give it. */
  | { kind: 'stuck'; task: Task; waitsFor: string }
  /** The program has done all it does; its processes are about to exit. */
  | { kind: 'quiet' }
  /** The program is over and every process has exited. */
  | { kind: 'end' };

export type BugKind =
  | 'BUG'
  | 'VM_BUG_ON'
  | 'oops'
  | 'bad page'
  | 'sleep'
  | 'recursion'
  | 'unreleased lock'
  | 'wild page'
  | 'hang';

export type Watch = (happening: Happening) => void;

/** What a run cost. Plain counts, in the words of the comparison's `cost`. */
export interface Cost {
  faults: number;
  events: number;
  tlbFlushes: number;
  pageCopies: number;
  pmdSplits: number;
  entriesChanged: number;
}

export const noCost = (): Cost => ({
  faults: 0,
  events: 0,
  tlbFlushes: 0,
  pageCopies: 0,
  pmdSplits: 0,
  entriesChanged: 0,
});
