/**
 * fs/userfaultfd.c: opening, reading and closing a context.
 *
 * Left out: reference counts of the context, which exists until the run ends; those of its file are f_count.
 */
import { assert } from '../assert';
import { EAGAIN, EINVAL } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, UffdMsg, UffdWait, UserfaultfdCtx } from '../mm';
import { uffdStateObject, userfaultfdObject } from '../objects';
import { vaddr } from '../units';
import { taskSize } from './mmap';
import { disarmedVma } from './userfaultfd_register';

/** A context of its own, not in any mapping yet. */
export function newUserfaultfdCtx(k: Kernel, mm: Mm, features: number, ready: boolean): UserfaultfdCtx {
  const ctx: UserfaultfdCtx = {
    id: k.m.ctxs.length,
    mm,
    features,
    ready,
    released: false,
    f_count: 1,
    mmap_changing: false,
    fault_pending: [],
    fault: [],
    events: [],
  };
  k.m.ctxs.push(ctx);
  return ctx;
}

/**
 * fs/userfaultfd.c:sys_userfaultfd(). Simplified: no flags, never out of memory or descriptors.
 * Enters with nothing held; returns with nothing held.
 */
export function sys_userfaultfd(k: Kernel): UserfaultfdCtx {
  return newUserfaultfdCtx(k, k.task.mm, 0, false);
}

/** The next message for a reader, faults before events, or null. Within the step that is running. */
function takeMessage(k: Kernel, ctx: UserfaultfdCtx): UffdMsg | null {
  const fault = ctx.fault_pending.shift();
  if (fault) {
    ctx.fault.push(fault);
    return fault.msg;
  }
  const event = ctx.events.shift();
  if (!event) return null;
  event.waken = true;
  k.m.watch?.({ kind: 'wake', task: k.task, ctx, woken: k.m.task(event.task) });
  return event.msg;
}

/**
 * fs/userfaultfd.c:userfaultfd_read(). Simplified: one message; a fork's new context is `len` of its message.
 * Enters with nothing held; returns with nothing held. Waits for a message.
 */
export function* userfaultfd_read(k: Kernel, ctx: UserfaultfdCtx): KRun<UffdMsg> {
  assert(ctx.ready, 'userfaultfd_read(): before UFFDIO_API');
  let msg: UffdMsg | null = null;
  while (msg === null) {
    msg = yield* k.wait(
      'read userfaultfd',
      userfaultfdObject(ctx.id),
      () => ctx.fault_pending.length > 0 || ctx.events.length > 0,
      `a message on userfaultfd ${ctx.id}`,
      () => takeMessage(k, ctx),
    );
  }
  return msg;
}

/** What a reader would find. */
const unread = (ctx: UserfaultfdCtx): UffdWait[] => [...ctx.fault_pending, ...ctx.events];

/**
 * fs/userfaultfd.c:userfaultfd_poll(), as poll(2) of one file sleeps on it. Faithful.
 * Enters with nothing held but the file; returns so.
 *
 * @param known messages that have woken the caller before
 */
export function* userfaultfd_poll(
  k: Kernel,
  ctx: UserfaultfdCtx,
  known: readonly UffdWait[],
): KRun<readonly UffdWait[]> {
  return yield* k.wait(
    'poll userfaultfd',
    userfaultfdObject(ctx.id),
    () => unread(ctx).some((one) => !known.includes(one)),
    `a message on userfaultfd ${ctx.id}`,
    () => unread(ctx),
  );
}

/**
 * fs/userfaultfd.c:userfaultfd_read(), with O_NONBLOCK. Faithful; one message.
 * Enters with nothing held; returns with nothing held.
 */
export function* userfaultfd_read_nonblock(k: Kernel, ctx: UserfaultfdCtx): KRun<UffdMsg | number> {
  if (!ctx.ready) return -EINVAL;
  const msg = yield* k.step('read userfaultfd', userfaultfdObject(ctx.id), true, () => takeMessage(k, ctx));
  return msg ?? -EAGAIN;
}

/**
 * fs/userfaultfd.c:userfaultfd_release(). Faithful.
 * Enters with nothing held; returns with nothing held and everybody woken.
 */
export function* userfaultfd_release(k: Kernel, ctx: UserfaultfdCtx): KRun<void> {
  const object = userfaultfdObject(ctx.id);
  yield* k.stepOn(
    'release userfaultfd',
    () => [object, uffdStateObject(ctx.id)],
    3,
    () => {
      ctx.released = true;
    },
  );
  const { mm } = ctx;
  if (!mm.exited) {
    yield* k.down_write(mm.mmap_sem);
    for (const vma of mm.mmap.filter((one) => one.vm_userfaultfd_ctx === ctx))
      yield* k.uffd_reset_marks(vma, vma.vm_start, vma.vm_end);
    yield* k.rearmVmas(mm, vaddr(0), vaddr(taskSize(k)), (vma) =>
      vma.vm_userfaultfd_ctx === ctx ? disarmedVma(vma) : null,
    );
    yield* k.up_write(mm.mmap_sem);
  }
  yield* k.wake_userfault(ctx, vaddr(0), 0);
}
