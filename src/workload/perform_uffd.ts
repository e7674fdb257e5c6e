/** The steps on a userfaultfd: descriptors by name, messages, and the ioctls that answer them. */
import {
  descriptorsObject,
  flags,
  type KRun,
  mainline,
  type UffdMsg,
  type UserfaultfdCtx,
  type UserState,
  userfaultfdObject,
  vaddr,
} from '../core/index';
import { type Act, call, lengthOf, namedContent } from './act';
import { isRepeat, stepsOf, type UserStep } from './fixture';
import type { Deed } from './perform';
import type { Workload } from './workload';

const EBADF = 9;
const PAGE = 4096;
/** Name of the descriptor that a fork message brings. */
const FORKED = 'forked';
const DEFAULT = 'uffd';

const featureBits: Readonly<Record<string, number>> = {
  fork: mainline.UFFD_FEATURE_EVENT_FORK,
  remap: mainline.UFFD_FEATURE_EVENT_REMAP,
  remove: mainline.UFFD_FEATURE_EVENT_REMOVE,
  unmap: mainline.UFFD_FEATURE_EVENT_UNMAP,
  sigbus: mainline.UFFD_FEATURE_SIGBUS,
  wp_unpopulated: mainline.UFFD_FEATURE_WP_UNPOPULATED,
  wp_async: mainline.UFFD_FEATURE_WP_ASYNC,
};

const nameOf = (act: Act): string => act.step.uffd ?? DEFAULT;

const mayChange = new WeakMap<Workload, boolean>();

/** Whether actors open or close what others use. Where nobody does, a look at the table of descriptors is no step. */
function changesDescriptors(workload: Workload): boolean {
  const known = mayChange.get(workload);
  if (known !== undefined) return known;
  const opened = workload.start.some(
    ({ step }) => !isRepeat(step) && step.uffd === null && ['uffd_open', 'uffd_register'].includes(step.verb),
  );
  const changing = ({ verb, uffd }: UserStep): boolean =>
    uffd === FORKED || verb === 'uffd_open' || verb === 'uffd_close' || (verb === 'uffd_register' && !opened);
  const changes = [...workload.tasks.values()].some((items) => [...stepsOf(items)].some(changing));
  mayChange.set(workload, changes);
  return changes;
}

function* onDescriptors<T>(act: Act, write: boolean, action: (uffds: UserState['uffds']) => T): KRun<T> {
  const { k } = act;
  const { uffds } = k.m.user;
  if (!changesDescriptors(act.workload)) return action(uffds);
  return yield* k.step(write ? 'change descriptors' : 'descriptor', descriptorsObject, write, () =>
    action(uffds),
  );
}

const openUffd = (act: Act): KRun<UserfaultfdCtx | undefined> =>
  onDescriptors(act, false, (uffds) => uffds.get(nameOf(act)));
const has = (act: Act, flag: string): boolean => act.step.flags.includes(flag);

/** userfaultfd(2) and UFFDIO_API. */
function* open(act: Act, name: string, features: number): KRun<number> {
  const { k } = act;
  const ctx = k.sys_userfaultfd();
  const result = yield* k.userfaultfd_api(ctx, features);
  // Others may use it from here on; before, the kernel would refuse them.
  if (result === 0) yield* onDescriptors(act, true, (uffds) => uffds.set(name, ctx));
  return result;
}

/** A call on the descriptor that the step names. */
function* onUffd(
  act: Act,
  args: Record<string, number>,
  run: (ctx: UserfaultfdCtx) => KRun<number>,
  name: string = act.step.verb,
): KRun<number> {
  const ctx = yield* openUffd(act);
  if (!ctx) return -EBADF;
  return yield* call(act, args, () => run(ctx), name, ctx.mm);
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

function* close(act: Act): KRun<number> {
  const { k } = act;
  return yield* onUffd(act, {}, function* (ctx) {
    yield* onDescriptors(act, true, (uffds) => uffds.delete(nameOf(act)));
    yield* k.userfaultfd_release(ctx);
    return 0;
  });
}

/** Remembers a message; the one of a fork brings a descriptor. */
function* received(act: Act, msg: UffdMsg): KRun<number> {
  const { user, ctxs } = act.k.m;
  user.lastMessage.set(act.k.task.id, msg);
  const child = ctxs[msg.len];
  if (msg.event === 'fork' && child) yield* onDescriptors(act, true, (uffds) => uffds.set(FORKED, child));
  return 0;
}

/** read(2). Nothing is held while it waits, so the task does not count as in the kernel. */
function* readMessage(act: Act): KRun<number> {
  const ctx = yield* openUffd(act);
  if (!ctx) return -EBADF;
  return yield* received(act, yield* act.k.userfaultfd_read(ctx));
}

function* pollMessage(act: Act): KRun<number> {
  const ctx = yield* openUffd(act);
  if (!ctx) return -EBADF;
  const msg = yield* act.k.userfaultfd_read_nonblock(ctx);
  return typeof msg === 'number' ? msg : yield* received(act, msg);
}

/** Answers messages for ever. */
function* serve(act: Act): KRun<number> {
  for (;;) {
    const ctx = yield* openUffd(act);
    if (!ctx) return -EBADF;
    yield* readMessage(act);
    yield* answer(act, ctx, act.k.m.user.lastMessage.get(act.k.task.id)!);
  }
}

/** One message. While the memory map changes, answers are refused and the message of the change has to be read first. */
function* answer(act: Act, ctx: UserfaultfdCtx, msg: UffdMsg): KRun<void> {
  const { k } = act;
  const unanswered = [msg];
  for (let next = unanswered.shift(); next; next = unanswered.shift()) {
    if ((yield* answerOnce(act, next)) !== -flags.EAGAIN) continue;
    unanswered.unshift(next);
    const settled = (): boolean =>
      !ctx.mmap_changing || ctx.events.length > 0 || ctx.fault_pending.length > 0;
    yield* k.wait('try again', userfaultfdObject(ctx.id), settled, 'the memory map to settle', () => {});
    if (!ctx.mmap_changing) continue;
    yield* readMessage(act);
    const other = k.m.user.lastMessage.get(k.task.id)!;
    if (other.event === 'pagefault') unanswered.push(other);
  }
}

function* answerOnce(act: Act, msg: UffdMsg): KRun<number> {
  if (msg.event !== 'pagefault') return 0;
  const page: Act = { ...act, start: msg.address, end: vaddr(msg.address + PAGE) };
  if ((msg.flags & mainline.UFFD_PAGEFAULT_FLAG_WP) === 0) {
    return act.step.word === 'zeropage' ? yield* zeropage(page, false) : yield* copy(page, false, false);
  }
  if (act.step.word === 'snapshot') yield* act.k.user_load(msg.address);
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
  uffd_wait: readMessage,
  uffd_poll: pollMessage,
  uffd_serve: serve,
};
