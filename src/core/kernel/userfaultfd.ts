/**
 * fs/userfaultfd.c: the faults that user space answers, from queueing to waking. The ioctls are in
 * userfaultfd_ioctl.ts and userfaultfd_register.ts, opening and reading in userfaultfd_file.ts, fork, mremap and the
 * like in userfaultfd_event.ts.
 */
import * as e from '../entry';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_KILLABLE,
  FAULT_FLAG_RETRY_NOWAIT,
  FAULT_FLAG_USER,
  FAULT_FLAG_WRITE,
  VM_FAULT_MAJOR,
  VM_FAULT_NOPAGE,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
} from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, UffdMsg, UffdWait, UserfaultfdCtx, VmFault } from '../mm';
import { sleeperObject, uffdStateObject, userfaultfdObject } from '../objects';
import type { Run } from '../run';
import { hex, type Vaddr } from '../units';

export const UFFD_PAGEFAULT_FLAG_WRITE = 1 << 0;
export const UFFD_PAGEFAULT_FLAG_WP = 1 << 1;

export const UFFD_FEATURE_PAGEFAULT_FLAG_WP = 1 << 0;
export const UFFD_FEATURE_EVENT_FORK = 1 << 1;
export const UFFD_FEATURE_EVENT_REMAP = 1 << 2;
export const UFFD_FEATURE_EVENT_REMOVE = 1 << 3;
export const UFFD_FEATURE_MISSING_HUGETLBFS = 1 << 4;
export const UFFD_FEATURE_MISSING_SHMEM = 1 << 5;
export const UFFD_FEATURE_EVENT_UNMAP = 1 << 6;
export const UFFD_FEATURE_SIGBUS = 1 << 7;
export const UFFD_FEATURE_THREAD_ID = 1 << 8;
/** Of later kernels: protecting what is not mapped yet, and tracking writes without events. */
export const UFFD_FEATURE_WP_UNPOPULATED = 1 << 13;
export const UFFD_FEATURE_WP_ASYNC = 1 << 15;

/**
 * fs/userfaultfd.c:userfault_msg(). Faithful.
 * Enters with mmap_sem held; returns with it held.
 */
export function userfault_msg(k: Kernel, address: Vaddr, flags: number, reason: number): UffdMsg {
  const write = flags & FAULT_FLAG_WRITE ? UFFD_PAGEFAULT_FLAG_WRITE : 0;
  const wp = reason & VM_UFFD_WP ? UFFD_PAGEFAULT_FLAG_WP : 0;
  return { event: 'pagefault', address, flags: write | wp, to: 0, len: 0 };
}

/** Puts a message where readers find it, within the step that is running. */
export function queueMessage(k: Kernel, ctx: UserfaultfdCtx, queue: UffdWait[], msg: UffdMsg): UffdWait {
  const wait: UffdWait = { task: k.task.id, msg, waken: false };
  queue.push(wait);
  k.m.cost.events++;
  k.m.watch?.({ kind: 'event', task: k.task, ctx, msg });
  return wait;
}

const without = (queue: readonly UffdWait[], wait: UffdWait): UffdWait[] =>
  queue.filter((one) => one !== wait);

/** Takes a waiter off the queues. Those who are left keep their order, so several may do so in any order. */
const withdraw = (k: Kernel, ctx: UserfaultfdCtx, wait: UffdWait): Run<void> =>
  k.stepOn(
    'withdraw userfault',
    () => [userfaultfdObject(ctx.id)],
    1,
    () => dequeue(ctx, wait),
    () => 1,
  );

function dequeue(ctx: UserfaultfdCtx, wait: UffdWait): void {
  ctx.fault_pending = without(ctx.fault_pending, wait);
  ctx.fault = without(ctx.fault, wait);
}

/**
 * fs/userfaultfd.c:handle_userfault(). Simplified: no exiting or core-dumping task, no fatal signals, and the
 * message about a missing retry is not rate-limited.
 * Enters with mmap_sem held for reading and no page table lock; returns with mmap_sem released on VM_FAULT_RETRY,
 * held otherwise.
 *
 * @param reason VM_UFFD_MISSING or VM_UFFD_WP
 */
export function* handle_userfault(k: Kernel, vmf: VmFault, reason: number): KRun<number> {
  const { vma, flags } = vmf;
  const mm = vma.vm_mm;
  const ctx = vma.vm_userfaultfd_ctx;
  if (ctx === null) return VM_FAULT_SIGBUS;
  k.BUG_ON(ctx.mm !== mm, 'fs/userfaultfd.c:handle_userfault(): context of another mm');
  k.VM_BUG_ON(
    reason !== VM_UFFD_MISSING && reason !== VM_UFFD_WP,
    'fs/userfaultfd.c:handle_userfault(): reason',
  );
  if (ctx.features & UFFD_FEATURE_SIGBUS) return VM_FAULT_SIGBUS;
  // The context is going away: the access is tried again and finds a mapping without it.
  if (yield* userfaultfd_released(k, ctx)) return VM_FAULT_NOPAGE;
  if (!(flags & FAULT_FLAG_ALLOW_RETRY)) {
    k.BUG_ON(
      (flags & FAULT_FLAG_RETRY_NOWAIT) !== 0,
      'fs/userfaultfd.c:handle_userfault(): NOWAIT without ALLOW_RETRY',
    );
    if (k.m.config.debugVm) k.printk(`FAULT_FLAG_ALLOW_RETRY missing ${hex(flags)}`);
    return VM_FAULT_SIGBUS;
  }
  if (flags & FAULT_FLAG_RETRY_NOWAIT) return VM_FAULT_RETRY;

  const msg = k.userfault_msg(vmf.address, flags, reason);
  const wait = yield* k.step('queue userfault', userfaultfdObject(ctx.id), true, () =>
    queueMessage(k, ctx, ctx.fault_pending, msg),
  );
  const must_wait = yield* k.userfaultfd_must_wait(ctx, vmf.address, flags, reason);
  yield* k.up_read(mm.mmap_sem);
  const interrupted = k.userfault_interrupted(flags);
  if (!must_wait || interrupted() || (yield* userfaultfd_released(k, ctx))) {
    yield* withdraw(k, ctx, wait);
    return yield* k.userfault_result(mm, flags, VM_FAULT_RETRY);
  }
  yield* sleep_on_userfault(k, ctx, wait, interrupted);
  return yield* k.userfault_result(mm, flags, VM_FAULT_RETRY | VM_FAULT_MAJOR);
}

/**
 * fs/userfaultfd.c:handle_userfault(), the sleep. Faithful.
 * Enters with nothing held; returns with nothing held and the waiter off the queues.
 */
function* sleep_on_userfault(
  k: Kernel,
  ctx: UserfaultfdCtx,
  wait: UffdWait,
  interrupted: () => boolean,
): KRun<void> {
  const { task } = k;
  k.might_sleep('schedule() in handle_userfault()');
  const was = task.inKernel;
  task.inKernel = false;
  yield* k.wait(
    'userfaultfd wake-up',
    sleeperObject(task.id),
    () => wait.waken || interrupted(),
    `an answer on userfaultfd ${ctx.id} for ${hex(wait.msg.address)}`,
    () => {
      task.inKernel = was;
      // Whoever was woken is off the queues by then; only a signal leaves that to the sleeper.
      if (!wait.waken) dequeue(ctx, wait);
    },
  );
}

function* userfaultfd_released(k: Kernel, ctx: UserfaultfdCtx): KRun<boolean> {
  return yield* k.step('released?', uffdStateObject(ctx.id), false, () => ctx.released);
}

/**
 * fs/userfaultfd.c:handle_userfault(), which signals end the sleep. Faithful; all signals of the model are non-fatal.
 * Enters with nothing held; returns with nothing held.
 */
export function userfault_interrupted(k: Kernel, flags: number): () => boolean {
  const { task } = k;
  const wanted = FAULT_FLAG_USER | FAULT_FLAG_KILLABLE;
  const return_to_userland = (flags & wanted) === wanted;
  return () => return_to_userland && task.signalPending;
}

/**
 * fs/userfaultfd.c:handle_userfault(), what a pending signal makes of the result, woken or not. Faithful.
 * Enters with mmap_sem released; returns with it held for reading on VM_FAULT_NOPAGE, released otherwise.
 */
export function* userfault_result(k: Kernel, mm: Mm, flags: number, result: number): KRun<number> {
  if (!k.userfault_interrupted(flags)()) return result;
  yield* k.down_read(mm.mmap_sem);
  return VM_FAULT_NOPAGE;
}

/**
 * fs/userfaultfd.c:userfaultfd_must_wait(). Faithful.
 * Enters with mmap_sem held and no page table lock; returns so.
 *
 * @returns false where the entry has been filled in the meantime, so that nobody would wake us
 */
export function* userfaultfd_must_wait(
  k: Kernel,
  ctx: UserfaultfdCtx,
  address: Vaddr,
  flags: number,
  reason: number,
): KRun<boolean> {
  const pmd = k.m.mm_find_pmd_slot(ctx.mm, address);
  if (pmd === null) return true;
  const value = yield* k.pmd_get(pmd);
  if (e.pmd_none(value)) return true;
  // Huge, or under migration.
  if (!e.pmd_is_table(value)) return false;
  return e.pte_none(yield* k.pte_get(k.m.pte_offset(pmd, address)));
}

/**
 * fs/userfaultfd.c:userfaultfd_wake_function(). Simplified: every woken waiter leaves its queue at once.
 * Enters with the queue locked; returns with it locked.
 *
 * @param len 0 for every address
 * @returns whether the waiter was woken
 */
export function userfaultfd_wake_function(
  k: Kernel,
  ctx: UserfaultfdCtx,
  wait: UffdWait,
  start: Vaddr,
  len: number,
): boolean {
  if (!isInRange(wait.msg.address, start, len)) return false;
  wait.waken = true;
  k.m.watch?.({ kind: 'wake', task: k.task, ctx, woken: k.m.task(wait.task) });
  return true;
}

/** @param len 0 for every address */
const isInRange = (address: Vaddr, start: Vaddr, len: number): boolean =>
  len === 0 || (address >= start && address < start + len);

/**
 * fs/userfaultfd.c:wake_userfault(). Faithful; both queues under the one lock of the pending queue.
 * Enters with nothing or mmap_sem held; returns so.
 */
export function* wake_userfault(k: Kernel, ctx: UserfaultfdCtx, start: Vaddr, len: number): KRun<void> {
  const stays = (wait: UffdWait): boolean => !k.userfaultfd_wake_function(ctx, wait, start, len);
  const woken = (): UffdWait[] =>
    [...ctx.fault_pending, ...ctx.fault].filter(({ msg }) => isInRange(msg.address, start, len));
  const touched = (): number[] => [
    userfaultfdObject(ctx.id),
    ...woken().map(({ task }) => sleeperObject(task)),
  ];
  yield* k.stepOn(
    'wake userfaults',
    touched,
    () => (woken().length === 0 ? 0 : 2 ** touched().length - 1),
    () => {
      ctx.fault_pending = ctx.fault_pending.filter(stays);
      ctx.fault = ctx.fault.filter(stays);
    },
  );
}
