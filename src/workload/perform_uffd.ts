/** The steps on a userfaultfd: messages, and the ioctls that answer them. */
import {
  flags,
  type KRun,
  mainline,
  namedContent,
  type Signal,
  type UffdMsg,
  type UffdWait,
  type UserfaultfdCtx,
  userfaultfdObject,
  vaddr,
} from '../core/index';
import { type Act, call, lengthOf } from './act';
import type { Deed } from './perform';
import {
  changesDescriptors,
  closeNamed,
  DEFAULT,
  fget,
  fgetNamed,
  fput,
  type Held,
  hold,
  letGo,
  nameForked,
  nameNew,
  openUffd,
} from './uffd_descriptors';

const EBADF = 9;
const PAGE = 4096;

const featureBits: Readonly<Record<string, number>> = {
  fork: mainline.UFFD_FEATURE_EVENT_FORK,
  remap: mainline.UFFD_FEATURE_EVENT_REMAP,
  remove: mainline.UFFD_FEATURE_EVENT_REMOVE,
  unmap: mainline.UFFD_FEATURE_EVENT_UNMAP,
  sigbus: mainline.UFFD_FEATURE_SIGBUS,
  wp_unpopulated: mainline.UFFD_FEATURE_WP_UNPOPULATED,
  wp_async: mainline.UFFD_FEATURE_WP_ASYNC,
};

const has = (act: Act, flag: string): boolean => act.step.flags.includes(flag);

/** userfaultfd(2) and UFFDIO_API. */
function* open(act: Act, name: string, features: number): KRun<number> {
  const { k } = act;
  const ctx = k.sys_userfaultfd();
  const result = yield* k.userfaultfd_api(ctx, features);
  // Others may use it from here on; before, the kernel would refuse them.
  if (result === 0) yield* nameNew(act, name, ctx);
  return result;
}

/** A call on the descriptor that the step names, or on the one that it works with since before. */
function* onUffd(
  act: Act,
  args: Record<string, number>,
  run: (ctx: UserfaultfdCtx) => KRun<number>,
  name: string = act.step.verb,
): KRun<number> {
  const ctx = yield* act.held ? fget(act, act.held) : fgetNamed(act);
  if (!ctx) return -EBADF;
  const result = yield* call(act, args, () => run(ctx), name, ctx.mm);
  yield* fput(act, ctx);
  return result;
}

function* register(act: Act): KRun<number> {
  if (act.step.uffd === null && !(yield* openUffd(act))) yield* open(act, DEFAULT, 0);
  const missing = has(act, 'missing');
  const wp = has(act, 'wp') || !missing;
  const args = { missing: Number(missing), wp: Number(wp) };
  return yield* onUffd(act, args, (ctx) =>
    act.k.userfaultfd_register(ctx, act.start, lengthOf(act), { missing, wp }),
  );
}

function* writeProtect(act: Act, wp: boolean, dontwake: boolean): KRun<number> {
  const args = { wp: Number(wp), dontwake: Number(dontwake) };
  const name = wp ? 'uffd_protect' : 'uffd_unprotect';
  const run = (ctx: UserfaultfdCtx): KRun<number> =>
    act.k.userfaultfd_writeprotect(ctx, act.start, lengthOf(act), { wp, dontwake });
  return yield* onUffd(act, args, run, name);
}

function* copy(act: Act, wp: boolean, dontwake: boolean): KRun<number> {
  const source = namedContent(act.step.value ?? 0);
  const args = { wp: Number(wp), dontwake: Number(dontwake), content: source };
  const run = (ctx: UserfaultfdCtx): KRun<number> =>
    act.k.userfaultfd_copy(ctx, act.start, lengthOf(act), source, { wp, dontwake });
  return yield* onUffd(act, args, run, 'uffd_copy');
}

function* zeropage(act: Act, dontwake: boolean): KRun<number> {
  const run = (ctx: UserfaultfdCtx): KRun<number> =>
    act.k.userfaultfd_zeropage(ctx, act.start, lengthOf(act), dontwake);
  return yield* onUffd(act, { dontwake: Number(dontwake) }, run, 'uffd_zeropage');
}

/** close(2), which unlike other calls does not hold the file: whoever closes it last releases it before that returns. */
function* close(act: Act): KRun<number> {
  const ctx = yield* openUffd(act);
  if (!ctx) return -EBADF;
  const run = function* (): KRun<number> {
    yield* closeNamed(act);
    return 0;
  };
  return yield* call(act, {}, run, act.step.verb, ctx.mm);
}

/** Remembers a message; the one of a fork brings a descriptor. */
function* received(act: Act, msg: UffdMsg): KRun<number> {
  const { user, ctxs } = act.k.m;
  user.lastMessage.set(act.k.task.id, msg);
  const child = ctxs[msg.len];
  if (msg.event === 'fork' && child) yield* nameForked(act, child);
  return 0;
}

/** The next message, by poll(2) and read(2). Nothing is held while it waits, so the task does not count as in the kernel. */
function* readMessage(act: Act, held: Held): KRun<number> {
  if (!changesDescriptors(act.workload))
    return yield* received(act, yield* act.k.userfaultfd_read(held.descriptor.ctx));
  for (;;) {
    yield* poll(act, held);
    const ctx = yield* fget(act, held);
    if (!ctx) return -EBADF;
    const msg = yield* act.k.userfaultfd_read_nonblock(ctx);
    yield* fput(act, ctx);
    if (typeof msg !== 'number') return yield* received(act, msg);
    if (msg !== -flags.EAGAIN) return msg;
  }
}

/** poll(2) sleeps on the file that it found, and when it is woken asks the one that the number stands for by then. */
function* poll(act: Act, held: Held): KRun<void> {
  const { k } = act;
  const polled = yield* fget(act, held);
  let known: readonly UffdWait[] = [];
  for (let isReadable = polled === null; polled && !isReadable; ) {
    known = yield* k.userfaultfd_poll(polled, known);
    const now = yield* fget(act, held);
    isReadable = now === null || now === polled;
    if (now === null) break;
    if (now !== polled) {
      const object = userfaultfdObject(now.id);
      isReadable = yield* k.step(
        'poll userfaultfd',
        object,
        false,
        () => now.fault_pending.length + now.events.length > 0,
      );
    }
    yield* fput(act, now);
  }
  if (polled) yield* fput(act, polled);
}

/** Works with what the step names. */
function* holding(act: Act, work: (held: Held) => KRun<number | Signal>): KRun<number | Signal> {
  const held = yield* hold(act);
  if (!held) return -EBADF;
  const result = yield* work(held);
  yield* letGo(act, held);
  return result;
}

function* pollMessage(act: Act): KRun<number> {
  const ctx = yield* openUffd(act);
  if (!ctx) return -EBADF;
  const msg = yield* act.k.userfaultfd_read_nonblock(ctx);
  return typeof msg === 'number' ? msg : yield* received(act, msg);
}

/** Answers messages until there can be no more, or until it stumbles over what it looks at. */
function* serve(act: Act, held: Held): KRun<number | Signal> {
  for (;;) {
    const result = yield* readMessage(act, held);
    if (result < 0) return result;
    const signal = yield* answer(act, held, act.k.m.user.lastMessage.get(act.k.task.id)!);
    if (signal) return signal;
  }
}

/** One message. While the memory map changes, answers are refused and the message of the change has to be read first. */
function* answer(act: Act, held: Held, msg: UffdMsg): KRun<Signal | null> {
  const { k } = act;
  const { ctx } = held.descriptor;
  const unanswered = [msg];
  for (let next = unanswered.shift(); next; next = unanswered.shift()) {
    const result = yield* answerOnce(act, next);
    if (typeof result === 'string') return result;
    if (result !== -flags.EAGAIN) continue;
    unanswered.unshift(next);
    const settled = (): boolean =>
      !ctx.mmap_changing || ctx.events.length > 0 || ctx.fault_pending.length > 0;
    yield* k.wait('try again', userfaultfdObject(ctx.id), settled, 'the memory map to settle', () => {});
    if (!ctx.mmap_changing) continue;
    if ((yield* readMessage(act, held)) < 0) continue;
    const other = k.m.user.lastMessage.get(k.task.id)!;
    if (other.event === 'pagefault') unanswered.push(other);
  }
  return null;
}

function* answerOnce(act: Act, msg: UffdMsg): KRun<number | Signal> {
  if (msg.event !== 'pagefault') return 0;
  const page: Act = { ...act, start: msg.address, end: vaddr(msg.address + PAGE) };
  if ((msg.flags & mainline.UFFD_PAGEFAULT_FLAG_WP) === 0) {
    return act.step.word === 'zeropage' ? yield* zeropage(page, false) : yield* copy(page, false, false);
  }
  if (act.step.word === 'snapshot') {
    const loaded = yield* act.k.user_load(msg.address);
    if (typeof loaded === 'string') return loaded;
  }
  return yield* writeProtect(act.step.on ? act : page, false, false);
}

export const uffdDeeds: Readonly<Record<string, Deed>> = {
  *uffd_open(act) {
    const { features, name } = act.step;
    const bits = features.reduce((sum, feature) => sum | featureBits[feature]!, 0);
    return yield* call(act, { features: bits }, () => open(act, name ?? DEFAULT, bits));
  },
  uffd_register: register,
  uffd_unregister: (act) =>
    onUffd(act, {}, (ctx) => act.k.userfaultfd_unregister(ctx, act.start, lengthOf(act))),
  uffd_protect: (act) => writeProtect(act, true, has(act, 'dontwake')),
  uffd_unprotect: (act) => writeProtect(act, false, has(act, 'dontwake')),
  uffd_copy: (act) => copy(act, has(act, 'wp'), has(act, 'dontwake')),
  uffd_zeropage: (act) => zeropage(act, has(act, 'dontwake')),
  uffd_wake: (act) => onUffd(act, {}, (ctx) => act.k.userfaultfd_wake(ctx, act.start, lengthOf(act))),
  uffd_close: close,
  uffd_wait: (act) => holding(act, (held) => readMessage(act, held)),
  uffd_poll: pollMessage,
  uffd_serve: (act) => holding(act, (held) => serve({ ...act, held }, held)),
};
