/** One step of a fixture in the kernel: which function each verb is. */
import {
  assert,
  childObject,
  type File,
  flags,
  type Kernel,
  type KRun,
  type Mm,
  mainline,
  mmu,
  must,
  type Run,
  type Signal,
  semaphoreObject,
  type Task,
  type Vaddr,
} from '../core/index';
import { type Act, actOf, call, contentOf, lengthOf, pagesOf, protectionBits, regionOf } from './act';
import type { UserStep } from './fixture';
import { uffdDeeds } from './perform_uffd';
import { workDeeds } from './perform_work';
import { closeAll, copyAll, fput } from './uffd_descriptors';
import type { Region, Workload } from './workload';

/** What a verb does. A number is the result of the system call, negative for an error. */
export type Deed = (act: Act) => KRun<number | Signal>;

/** Performs one step as the task of `k`. */
export function* perform(k: Kernel, workload: Workload, step: UserStep): KRun<number | Signal> {
  const act = actOf(k, workload, step);
  if (act === null) return -flags.EAGAIN;
  return yield* must(deeds[step.verb], `perform(): no verb ${step.verb}`)(act);
}

function* write(act: Act): KRun<number | Signal> {
  for (const va of pagesOf(act)) {
    const result = yield* act.k.user_store(va, contentOf(act));
    if (result !== 'ok') return result;
  }
  return 0;
}

function* read(act: Act): KRun<number | Signal> {
  for (const va of pagesOf(act)) {
    const result = yield* act.k.user_load(va);
    if (typeof result === 'string') return result;
  }
  return 0;
}

/** The process that has the region; the one of the actor where that is its relative. */
function targetOf(act: Act): Mm {
  const { on } = act.step;
  const owner = act.k.m.user.processes.get(regionOf(act, on!.region).spec.process);
  return owner ?? act.k.task.mm;
}

/** A whole region with what is advised at once, before anybody runs. @returns 0, or the error of the first that failed */
export function* mapRegion(k: Kernel, region: Region): KRun<number> {
  const error = yield* mapPages(k, region);
  if (error !== 0) return error;
  for (const advice of adviceOf(k, region)) {
    const result = yield* k.do_madvise(region.start, region.pages * 4096, advice);
    if (result !== 0) return result;
  }
  return 0;
}

const fileOf = (k: Kernel, { spec }: Region): File | undefined =>
  spec.file === null
    ? undefined
    : must(
        k.m.files.find((f) => f.name === spec.file),
        'fileOf(): no file',
      );

/** mmap(2). */
function* mapPages(k: Kernel, region: Region): KRun<number> {
  const { spec, start } = region;
  const file = fileOf(k, region);
  const addr = yield* k.vm_mmap_pgoff(k.task.mm, {
    addr: start,
    len: region.pages * 4096,
    prot: protectionBits(spec.prot),
    shared: spec.shared,
    flags: mainline.MAP_FIXED,
    ...(file ? { file } : {}),
  });
  return addr === start ? 0 : addr;
}

function adviceOf(k: Kernel, region: Region): readonly string[] {
  const { thp, advice } = region.spec;
  const isDevice = fileOf(k, region)?.kind === 'device';
  return isDevice || thp === 'default' ? advice : [thp ? 'hugepage' : 'nohugepage', ...advice];
}

/** The system calls of mapRegion(), each told of: another thread may come between them. */
function* mmap(act: Act): KRun<number> {
  const { k, step, start } = act;
  const region = regionOf(act, step.on!.region);
  const prot = protectionBits(region.spec.prot);
  const error = yield* call(act, { prot }, () => mapPages(k, region));
  if (error !== 0) return error;
  for (const advice of adviceOf(k, region)) {
    const advise = (): KRun<number> => k.do_madvise(start, lengthOf(act), advice);
    const result = yield* call(act, { [advice]: 1 }, advise, 'madvise');
    if (result !== 0) return result;
  }
  return 0;
}

function* mremap(act: Act): KRun<number> {
  const to: Vaddr = regionOf(act, act.step.to!).start;
  const { k, start } = act;
  const len = lengthOf(act);
  return yield* call(act, { to }, function* () {
    const result = yield* k.do_mremap(k.task.mm, start, len, len, to);
    return result === to ? 0 : result;
  });
}

/** A child's program begins once the fork has returned; its task exists from the start. */
function* fork(act: Act): KRun<number> {
  const { k, step } = act;
  const name = step.name!;
  const child = must(
    k.m.tasks.find((task) => task.name === name),
    `fork(): no task for ${name}`,
  );
  const args: Record<string, number> = {};
  return yield* call(act, args, function* () {
    const copies = yield* copyAll(act);
    const mm = yield* k.copy_process(name);
    for (const ctx of copies) yield* fput(act, ctx);
    args.child = mm.id;
    yield* k.step('child runs', childObject(child.id), true, () => {
      child.mm = mm;
      k.m.user.processes.set(name, mm);
    });
    return 0;
  });
}

function* exit(act: Act): KRun<number> {
  const { k } = act;
  return yield* call(act, {}, function* () {
    yield* k.exit_mmap(k.task.mm);
    yield* closeAll(act);
    return 0;
  });
}

const semaphoreOf = (act: Act): number => {
  const at = act.workload.semaphores.indexOf(act.step.name!);
  assert(at >= 0, `semaphoreOf(): no semaphore ${act.step.name}`);
  return at;
};

function* post(act: Act): KRun<number> {
  const at = semaphoreOf(act);
  const { k } = act;
  return yield* k.step(`post ${act.step.name}`, semaphoreObject(at), true, () => {
    k.m.semaphores[at] = (k.m.semaphores[at] ?? 0) + 1;
    return 0;
  });
}

function* wait(act: Act): KRun<number> {
  const at = semaphoreOf(act);
  const { k } = act;
  const name = act.step.name!;
  const raised = (): boolean => (k.m.semaphores[at] ?? 0) > 0;
  return yield* k.wait(`wait ${name}`, semaphoreObject(at), raised, `semaphore ${name}`, () => {
    k.m.semaphores[at]!--;
    return 0;
  });
}

/** Does something to the translations of the CPU of another task. */
function* onTlb(act: Act, run: (cpu: Task, va: Vaddr) => Run<void>): KRun<number> {
  const { k, step } = act;
  const cpu = must(
    k.m.tasks.find((task) => task.name === step.name),
    `onTlb(): no task for ${step.name}`,
  );
  for (const va of pagesOf(act)) yield* run(cpu, va);
  return 0;
}

/** By verb; a test holds it against the table of verbs. */
export const deeds: Readonly<Record<string, Deed>> = {
  write,
  read,
  tlb_fill: (act) => onTlb(act, (cpu, va) => mmu.walk_ahead(act.k, act.k.as(cpu), va)),
  tlb_drop: (act) => onTlb(act, (cpu, va) => mmu.drop_translation(act.k, cpu, va)),
  sys_read: (act) => call(act, {}, () => act.k.copy_to_user(act.start, contentOf(act))),
  *sys_write(act) {
    return yield* call(act, {}, function* () {
      const got = yield* act.k.copy_from_user(act.start);
      return got === -flags.EFAULT ? got : 0;
    });
  },
  poke: (act) =>
    call(act, {}, () => act.k.access_remote_vm(targetOf(act), act.start, contentOf(act), flags.FOLL_FORCE)),
  *peek(act) {
    return yield* call(act, {}, function* () {
      const got = yield* act.k.access_remote_vm(targetOf(act), act.start, null, flags.FOLL_FORCE);
      return Math.min(got, 0);
    });
  },
  gup_write: (act) => {
    const mm = targetOf(act);
    const write = (): KRun<number> => act.k.process_vm_rw_single_vec(mm, act.start, contentOf(act));
    return call(act, {}, write, 'gup_write', mm);
  },
  mmap,
  munmap: (act) => call(act, {}, () => act.k.vm_munmap(act.k.task.mm, act.start, lengthOf(act))),
  mremap,
  mprotect: (act) => {
    const prot = protectionBits(act.step.word!);
    return call(act, { prot }, () => act.k.do_mprotect_pkey(act.start, lengthOf(act), prot));
  },
  madvise: (act) => {
    const advice = act.step.word!;
    return call(act, { [advice]: 1 }, () => act.k.do_madvise(act.start, lengthOf(act), advice));
  },
  fork,
  exit,
  post,
  wait,
  ...uffdDeeds,
  ...workDeeds,
};
