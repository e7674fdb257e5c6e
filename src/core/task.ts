/** A thread, or a kernel thread at work. Each has a CPU of its own. */
import type { SpinLock } from './locks';
import type { Mm } from './mm';
import type { Step } from './run';
import type { Pfn } from './units';

export type Signal = 'SIGBUS' | 'SIGSEGV';

export interface Task {
  readonly id: number;
  readonly name: string;
  mm: Mm;
  /** Spinlocks held, innermost last. */
  readonly spinlocks: SpinLock[];
  /** Pages locked, by head frame. */
  readonly pageLocks: Pfn[];
  /** Inside lazy MMU mode. */
  lazyMmu: boolean;
  /** Killed by a BUG or an oops; what it holds stays held. */
  dead: boolean;
  /** Finished its steps. */
  done: boolean;
  /** In user mode, or asleep in handle_userfault() with nothing held: the counts of pages must add up. */
  inKernel: boolean;
  /** Faults in a row at one page, without an access in between. Counts for whoever looks for rounds, not for the kernel. */
  refaults: number;
  refaultVpn: number;
  /** Of a task that runs alone: hashes of the machine at these faults. */
  readonly refaultStates: number[];
  /** Steps of the fixture that it has begun: where its program stands. */
  position: number;
  /** The address that it accesses, or accessed last. */
  at: number;
  /** Stores that it has made, which names what they store. */
  stores: number;
  /** A signal that interrupts waiting is pending. */
  signalPending: boolean;
  /** Address spaces that try_to_unmap() owes a flush (struct tlbflush_unmap_batch). Replaced, never changed in place. */
  tlb_ubc: { readonly mms: readonly Mm[]; readonly writable: boolean };
  /** Pages waiting in this CPU's pagevec for the LRU; each holds a reference. */
  lruPvec: Pfn[];
  /** It has put pages there since it last took them out itself; others may have done so meanwhile. */
  hasGathered: boolean;
  /** The announced next step. */
  readonly pending: Step;
}

export function newTask(id: number, name: string, mm: Mm): Task {
  return {
    id,
    name,
    mm,
    spinlocks: [],
    pageLocks: [],
    lazyMmu: false,
    dead: false,
    done: false,
    inKernel: false,
    refaults: 0,
    refaultVpn: -1,
    refaultStates: [],
    position: 0,
    at: 0,
    stores: 0,
    signalPending: false,
    lruPvec: [],
    hasGathered: false,
    tlb_ubc: { mms: [], writable: false },
    pending: {
      label: '',
      objects: [],
      writes: 0,
      footprint: null,
      writesNow: null,
      commutes: null,
      acquires: false,
      released: [],
      sharedReleases: 0,
      ready: null,
      waitsFor: '',
    },
  };
}
