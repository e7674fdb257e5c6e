/** Descriptors of userfaultfds: by name in the fixture, by number in the process, and what keeps a file open. */
import { type Descriptor, descriptorsObject, type KRun, must, type UserfaultfdCtx } from '../core/index';
import type { Act } from './act';
import { isRepeat, stepsOf, type UserStep } from './fixture';
import type { Workload } from './workload';

/** Name of the descriptor that a fork message brings. */
export const FORKED = 'forked';
export const DEFAULT = 'uffd';

export const nameOf = (act: Act): string => act.step.uffd ?? DEFAULT;

const mayChange = new WeakMap<Workload, boolean>();

/**
 * Whether actors open or close what others use. Where nobody does, a look at the table of descriptors is no step, and
 * nobody counts who uses a file.
 */
export function changesDescriptors(workload: Workload): boolean {
  const known = mayChange.get(workload);
  if (known !== undefined) return known;
  const opened = workload.start.some(
    ({ step }) => !isRepeat(step) && step.uffd === null && ['uffd_open', 'uffd_register'].includes(step.verb),
  );
  const changing = ({ verb, uffd }: UserStep): boolean =>
    uffd === FORKED || verb === 'uffd_open' || verb === 'uffd_close' || (verb === 'uffd_register' && !opened);
  const inOrder = [...workload.start, ...workload.finally].flatMap(({ step }) => [...stepsOf([step])]);
  const changes =
    [...workload.tasks.values()].some((items) => [...stepsOf(items)].some(changing)) ||
    inOrder.some(({ verb }) => verb === 'uffd_close');
  mayChange.set(workload, changes);
  return changes;
}

function* onDescriptors<T>(act: Act, write: boolean, action: () => T): KRun<T> {
  if (!changesDescriptors(act.workload)) return action();
  return yield* act.k.step(write ? 'change descriptors' : 'descriptor', descriptorsObject, write, action);
}

function install({ k }: Act, ctx: UserfaultfdCtx): Descriptor {
  const { user } = k.m;
  const { mm } = k.task;
  const taken = user.descriptors.filter((one) => one.mm === mm).map(({ number }) => number);
  let number = 0;
  while (taken.includes(number)) number++;
  const descriptor = { ctx, mm, number };
  user.descriptors = [...user.descriptors, descriptor];
  return descriptor;
}

/** Takes a descriptor out of its table. @returns whether nothing else keeps the file open */
function remove({ k }: Act, descriptor: Descriptor): boolean {
  const { user } = k.m;
  user.descriptors = user.descriptors.filter((one) => one !== descriptor);
  return --descriptor.ctx.f_count === 0;
}

/** What closing a file comes to, also where the system call that closed it has its result already. */
function* release({ k }: Act, ctx: UserfaultfdCtx): KRun<void> {
  const was = k.task.inKernel;
  k.task.inKernel = true;
  yield* k.userfaultfd_release(ctx);
  k.task.inKernel = was;
}

/** What a fork copies and the child closes before anything else. Until then the copies keep files open. */
export const copyAll = (act: Act): KRun<readonly UserfaultfdCtx[]> =>
  onDescriptors(act, true, () => {
    const own = act.k.m.user.descriptors.filter(({ mm }) => mm === act.k.task.mm);
    if (changesDescriptors(act.workload)) for (const { ctx } of own) ctx.f_count++;
    return own.map(({ ctx }) => ctx);
  });

/** Gives a new file a descriptor and a name. */
export const nameNew = (act: Act, name: string, ctx: UserfaultfdCtx): KRun<void> =>
  onDescriptors(act, true, () => {
    act.k.m.user.uffds.set(name, install(act, ctx));
  });

/** The one that a message of a fork brings. The one before it, of the same process, is closed. */
export function* nameForked(act: Act, ctx: UserfaultfdCtx): KRun<void> {
  const { user } = act.k.m;
  const before = user.uffds.get(FORKED);
  yield* nameNew(act, FORKED, ctx);
  if (before?.mm === act.k.task.mm) yield* closeDescriptor(act, before);
}

export const openUffd = (act: Act): KRun<UserfaultfdCtx | undefined> =>
  onDescriptors(act, false, () => act.k.m.user.uffds.get(nameOf(act))?.ctx);

/** close(2). */
export function* closeDescriptor(act: Act, descriptor: Descriptor): KRun<void> {
  if (yield* onDescriptors(act, true, () => remove(act, descriptor))) yield* release(act, descriptor.ctx);
}

export function* closeNamed(act: Act): KRun<void> {
  const { uffds } = act.k.m.user;
  const descriptor = must(uffds.get(nameOf(act)), 'closeNamed(): no descriptor');
  const isLast = yield* onDescriptors(act, true, () => {
    uffds.delete(nameOf(act));
    return remove(act, descriptor);
  });
  if (isLast) yield* release(act, descriptor.ctx);
}

/** A process that ends closes all that it has open. */
export function* closeAll(act: Act): KRun<void> {
  const { k } = act;
  for (const descriptor of k.m.user.descriptors)
    if (descriptor.mm === k.task.mm) yield* closeDescriptor(act, descriptor);
}

/** What a step works with. */
export interface Held {
  readonly descriptor: Descriptor;
  /** A copy for as long as the step takes, because another process has the one that is named. */
  readonly borrowed: boolean;
}

export function hold(act: Act): KRun<Held | null> {
  const { m, task } = act.k;
  return onDescriptors(act, true, () => {
    const named = m.user.uffds.get(nameOf(act));
    if (!named) return null;
    const borrowed = named.mm !== task.mm && changesDescriptors(act.workload);
    if (!borrowed) return { descriptor: named, borrowed };
    named.ctx.f_count++;
    return { descriptor: install(act, named.ctx), borrowed };
  });
}

export function* letGo(act: Act, { descriptor, borrowed }: Held): KRun<void> {
  if (borrowed) yield* closeDescriptor(act, descriptor);
}

/** The file that a number of the process stands for now. */
const fileOf = ({ k }: Act, { mm, number }: Descriptor): UserfaultfdCtx | null =>
  k.m.user.descriptors.find((one) => one.mm === mm && one.number === number)?.ctx ?? null;

/** What a number stands for, held so that closing it releases nothing. Null where it stands for nothing. */
export const fget = (act: Act, { descriptor }: Held): KRun<UserfaultfdCtx | null> =>
  onDescriptors(act, true, () => {
    const ctx = fileOf(act, descriptor);
    if (ctx && changesDescriptors(act.workload)) ctx.f_count++;
    return ctx;
  });

/** The same for the descriptor that the step names, which a call works on while others may close it. */
export const fgetNamed = (act: Act): KRun<UserfaultfdCtx | null> =>
  onDescriptors(act, true, () => {
    const ctx = act.k.m.user.uffds.get(nameOf(act))?.ctx ?? null;
    if (ctx && changesDescriptors(act.workload)) ctx.f_count++;
    return ctx;
  });

/** fs/file_table.c:fput(). Whoever lets go last releases the context. */
export function* fput(act: Act, ctx: UserfaultfdCtx): KRun<void> {
  if (!changesDescriptors(act.workload)) return;
  if (yield* onDescriptors(act, true, () => --ctx.f_count === 0)) yield* release(act, ctx);
}
