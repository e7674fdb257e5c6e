/**
 * Faults as threads are charged for them since 5.9: once for each that has come to an end without an error, on behalf
 * of whoever runs. mm/memory.c:mm_account_fault() has the rule, arch/x86/mm/fault.c what counts as another try.
 */
import {
  type AnyFunction,
  entry as e,
  type File,
  flags,
  type Kernel,
  type KRun,
  mainline,
  must,
  PAGE_SIZE,
  type Pfn,
  type Pte,
  type Vaddr,
  type VariantKernel,
  type Vma,
  vaddr,
} from '../core/index';
import { bytesOf, type Workload } from '../workload/index';
import { reclaimLayer } from './model_reclaim';
import type { Slot } from './model_slot';
import type { Outcome, StepEnd } from './observation';

const { FAULT_FLAG_ALLOW_RETRY, FAULT_FLAG_TRIED, FAULT_FLAG_USER } = flags;
const { VM_FAULT_ERROR, VM_FAULT_MAJOR, VM_FAULT_RETRY } = flags;

export interface Faults {
  /** Those that are surely minor, and those of which it cannot be told. */
  minor: number;
  major: number;
  /** Of the minor ones: of pages in swap, major unless the page is still in the swap cache. */
  ofSwap: number;
  /** Those that had to wait before they could end. */
  waited: number;
  /** The fault that is being handled was tried before, in the eyes of the kernel. */
  isTried: boolean;
  /** It has read from swap. */
  readSwap: boolean;
  /** It has found a page that says where to read ahead. */
  readAhead: boolean;
  /** It has made a page of a shared mapping dirty. */
  hasDirtied: boolean;
  /** The page at which the last fault of a system call has let go of mmap_lock, because whoever dirties is throttled. */
  letGoAt: number | null;
}

/** As a fault begins. */
const untried = { isTried: false, readSwap: false, readAhead: false, hasDirtied: false };

export const noFaults = (): Faults => ({
  minor: 0,
  major: 0,
  ofSwap: 0,
  waited: 0,
  letGoAt: null,
  ...untried,
});

/**
 * @param below the layers under this one
 * @param hasVmaLocks programs' faults are tried with the lock of the VMA first: from 6.6 on those that wait, too
 */
export function faultLayer(
  below: readonly VariantKernel[],
  slots: readonly Slot[],
  hasVmaLocks: boolean,
): Record<string, AnyFunction> {
  const slotOf = (k: Kernel): Slot | undefined => slots.find(({ task }) => task === k.task);
  const faultsOf = (k: Kernel): Faults | undefined => slotOf(k)?.faults;
  const note = (k: Kernel, what: 'readSwap' | 'readAhead' | 'hasDirtied'): void => {
    const faults = faultsOf(k);
    if (faults) faults[what] = true;
  };
  const reclaim = reclaimLayer(below, (k) => note(k, 'readAhead'));
  const functions = Object.assign({}, mainline, ...below, reclaim) as typeof mainline;
  return {
    ...reclaim,
    *handle_mm_fault(k: Kernel, ...[vma, address, fault_flags]: FaultArguments): KRun<number> {
      const faults = must(faultsOf(k), `handle_mm_fault(): no actor for ${k.task.name}`);
      if (!(fault_flags & FAULT_FLAG_TRIED)) Object.assign(faults, untried);
      const ret = yield* functions.handle_mm_fault(k, vma, address, fault_flags);
      const isAgain = faults.letGoAt === pageOf(address);
      account(faults, fault_flags, ret, { hasVmaLocks, isAgain, forgets: forgetsTries(k, slotOf(k)) });
      const mayLetGo = (fault_flags & (FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_USER)) === FAULT_FLAG_ALLOW_RETRY;
      const isOver = !(ret & (VM_FAULT_RETRY | VM_FAULT_ERROR));
      faults.letGoAt = mayLetGo && isOver && faults.hasDirtied ? pageOf(address) : null;
      return ret;
    },
    *fault_dirty_shared_page(k: Kernel, vma: Vma, page: Pfn): KRun<void> {
      if (!(yield* k.PageDirty(page))) note(k, 'hasDirtied');
      yield* functions.fault_dirty_shared_page(k, vma, page);
    },
    *swapin_readahead(k: Kernel, entry: Pte): KRun<Pfn> {
      note(k, 'readSwap');
      return yield* functions.swapin_readahead(k, entry);
    },
    *add_to_page_cache_lru(k: Kernel, file: File, index: number): KRun<Pfn> {
      if (file.kind === 'shmem' && file.disk.has(index)) note(k, 'readSwap');
      return yield* functions.add_to_page_cache_lru(k, file, index);
    },
  } as Record<string, AnyFunction>;
}

type FaultArguments = Parameters<typeof mainline.handle_mm_fault> extends [Kernel, ...infer R] ? R : never;

const pageOf = (address: number): number => Math.floor(address / PAGE_SIZE);

/** Before 6.9 populating does not tell a fault that it was tried before. */
const forgetsTries = (k: Kernel, slot: Slot | undefined): boolean =>
  slot?.step?.verb === 'madvise' &&
  (slot.step.word ?? '').startsWith('populate') &&
  k.populate_retry_flags() === 0;

interface Try {
  readonly hasVmaLocks: boolean;
  /** A system call tries once more after it has let go of mmap_lock. */
  readonly isAgain: boolean;
  /** And has forgotten that it was there. */
  readonly forgets: boolean;
}

function account(
  faults: Faults,
  fault_flags: number,
  ret: number,
  { hasVmaLocks, isAgain, forgets }: Try,
): void {
  const wasTried = (fault_flags & FAULT_FLAG_TRIED) !== 0;
  // Where the lock of the VMA had to be let go, the next try is the first one with mmap_lock, unless it waited for a disk:
  // for a page in swap that cannot be told.
  const isFirst = hasVmaLocks && (fault_flags & FAULT_FLAG_USER) !== 0 && !wasTried;
  const hasRead = (ret & VM_FAULT_MAJOR) !== 0 && !faults.readSwap;
  if (ret & VM_FAULT_RETRY) {
    faults.isTried = wasTried || !isFirst || hasRead;
    return;
  }
  if (ret & VM_FAULT_ERROR) return;
  if (wasTried) faults.waited++;
  // Reading ahead is not under the lock if that can be helped, and then the fault is tried again.
  const reads = faults.readAhead && !isFirst && (fault_flags & FAULT_FLAG_ALLOW_RETRY) !== 0;
  const isRetried = ((reads || isAgain) && !forgets) || (wasTried && faults.isTried);
  if (isRetried || hasRead) {
    faults.major++;
    return;
  }
  faults.minor++;
  if (faults.readSwap) faults.ofSwap++;
}

/** Stores that a CPU begins before those before them have ended: a bound, and a generous one. */
const AHEAD = 16;

/**
 * What is told of the faults of a step. A CPU keeps a translation that it has when the entry becomes writable in a fault
 * at another page of the same huge entry, or after another thread has read the page while the fault waited: then the
 * store faults once more, for nothing.
 */
export function countedFaults(slot: Slot, { kind }: Outcome, around: Surroundings): FaultsOfStep {
  const { step, faults, k } = slot;
  if (kind === 'skip') return { minorFaults: null, majorFaults: null };
  const { minor, major } = faults;
  const written = step?.verb === 'write' ? bytesOf(around.workload, step) : null;
  const pages = written ? (written.end - written.start) / PAGE_SIZE : 0;
  const isHuge =
    written !== null && (isHugeAt(k, written.start) || isHugeAt(k, vaddr(written.end - PAGE_SIZE)));
  const beside = isHuge ? Math.min(AHEAD, Math.max(0, pages - minor - major)) : 0;
  const come = beside + faults.waited + around.unflushed.after(slot);
  return { minorFaults: minor, majorFaults: major, faultsMay: { beMajor: faults.ofSwap, come } };
}

interface Surroundings {
  readonly workload: Workload;
  readonly unflushed: Unflushed;
}

/**
 * Pages that a system call has made writable after a wait, in which somebody may have read them: the CPU faults once more
 * not in that call, which stores by another way, but at the next write of a program.
 */
export class Unflushed {
  private readonly pages = new Set<string>();

  /** @returns how often the step that has ended may have faulted because of earlier ones */
  after({ step, faults, task }: Slot): number {
    if (!step?.on) return 0;
    const { region, first, last } = step.on;
    let found = 0;
    for (let at = first; at <= last; at++) {
      const page = `${task.mm.id} ${region} ${at}`;
      if (step.verb === 'write' && this.pages.delete(page)) found++;
      else if (faults.waited > 0) this.pages.add(page);
    }
    return found;
  }
}

function isHugeAt({ m, task }: Kernel, address: Vaddr): boolean {
  const slot = m.mm_find_pmd_slot(task.mm, address);
  return slot !== null && e.pmd_trans_huge(slot.peek());
}

type FaultsOfStep = Pick<StepEnd, 'minorFaults' | 'majorFaults' | 'faultsMay'>;
