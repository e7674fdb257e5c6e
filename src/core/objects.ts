/**
 * Identities of everything that two CPUs can touch at once. A step names the objects that it reads and writes;
 * steps with nothing in common commute.
 */
import type { Pfn } from './units';

const Kind = {
  spinlock: 0,
  entry: 1,
  pageLock: 2,
  pageRef: 3,
  pageMap: 4,
  pageFlags: 5,
  content: 6,
  mmap_sem: 7,
  mmCounters: 8,
  tlb: 9,
  userfaultfd: 10,
  file: 11,
  swapSlot: 12,
  ksm: 13,
  process: 14,
  semaphore: 15,
  sleeper: 16,
  uffdState: 17,
  tlbBatched: 18,
  pagevec: 19,
  descriptors: 20,
  rmapLock: 21,
} as const;
type Kind = (typeof Kind)[keyof typeof Kind];

export const kindNames = Object.keys(Kind) as (keyof typeof Kind)[];
const KINDS = 32;
/** Entries of one table lie this far apart from those of the next; tables have at most 512. */
export const TABLE_STRIDE = 512;

const object = (kind: Kind, id: number): number => id * KINDS + kind;
export const kindOf = (o: number): keyof typeof Kind => kindNames[o % KINDS] as keyof typeof Kind;
export const idOf = (o: number): number => Math.floor(o / KINDS);

export const spinlockObject = (lockId: number): number => object(Kind.spinlock, lockId);
export const entryObject = (tableId: number, index: number): number =>
  object(Kind.entry, tableId * TABLE_STRIDE + index);
export const pageLockObject = (page: Pfn): number => object(Kind.pageLock, page);
export const pageRefObject = (page: Pfn): number => object(Kind.pageRef, page);
export const pageMapObject = (page: Pfn): number => object(Kind.pageMap, page);
export const pageFlagsObject = (page: Pfn): number => object(Kind.pageFlags, page);
export const contentObject = (page: Pfn): number => object(Kind.content, page);
export const mmapSemObject = (mmId: number): number => object(Kind.mmap_sem, mmId);
export const mmCountersObject = (mmId: number): number => object(Kind.mmCounters, mmId);
/** tlb_flush_batched of an mm. */
export const tlbBatchedObject = (mmId: number): number => object(Kind.tlbBatched, mmId);
/** Parts of the TLB of one CPU lie this far apart, so that the first ones of all have the numbers of the CPUs. */
const TLB_STRIDE = 64;
/** One part of the TLB of a CPU, see tlb_parts.ts. */
export const tlbObject = (cpu: number, part: number): number => object(Kind.tlb, part * TLB_STRIDE + cpu);
/** The CPU of a part, by its id. */
export const cpuOfTlb = (id: number): number => id % TLB_STRIDE;
export const userfaultfdObject = (ctxId: number): number => object(Kind.userfaultfd, ctxId);
/** What a sleeping task looks at to see whether it was woken. */
export const sleeperObject = (taskId: number): number => object(Kind.sleeper, taskId);
/** `released` and `mmap_changing` of a userfaultfd, which many ask and few change. */
export const uffdStateObject = (ctxId: number): number => object(Kind.uffdState, ctxId);
export const fileObject = (fileId: number): number => object(Kind.file, fileId);
export const swapSlotObject = (slot: number): number => object(Kind.swapSlot, slot);
export const ksmObject = object(Kind.ksm, 0);
/** Pages that one CPU has gathered for the LRU. */
export const pagevecObject = (taskId: number): number => object(Kind.pagevec, taskId);
/** Which userfaultfd is open under which name. */
export const descriptorsObject = object(Kind.descriptors, 0);
export const processObject = (mmId: number): number => object(Kind.process, mmId);
/** Processes that a fork is still to make have numbers from here on, by the task that each is for. */
export const CHILDREN = 0x10000;
/** What a child waits for and its fork changes; apart from the processes that the kernel knows. */
export const childObject = (taskId: number): number => processObject(CHILDREN + taskId);
export const semaphoreObject = (id: number): number => object(Kind.semaphore, id);

/** The locks of all reverse maps, as one. */
export const rmapLockObject = object(Kind.rmapLock, 0);

/** For a step that writes all that it touches, however much that is. */
export const WRITES_ALL = -1;
