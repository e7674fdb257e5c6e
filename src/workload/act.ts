/** What a step of a program needs while it runs, and how a system call is told to whoever watches. */
import {
  type Content,
  content,
  flags,
  type Kernel,
  type KRun,
  type Mm,
  namedContent,
  type Vaddr,
  vaddr,
} from '../core/index';
import type { UserStep } from './fixture';
import type { Held } from './uffd_descriptors';
import { bytesOf, type Region, type Workload } from './workload';

/** One step at work. */
export interface Act {
  readonly k: Kernel;
  readonly workload: Workload;
  readonly step: UserStep;
  /** The pages that it is about: [start, end); both 0 for a step without pages. */
  readonly start: Vaddr;
  readonly end: Vaddr;
  /** The userfaultfd that an answer goes to: whoever serves has had it open since before, closed by its name or not. */
  readonly held?: Held;
}

const PAGE = 4096;
const MOST_TASKS = 16;

/** Null where a step is about the last message and there is none. */
export function actOf(k: Kernel, workload: Workload, step: UserStep): Act | null {
  if (step.onFault) {
    const msg = k.m.user.lastMessage.get(k.task.id);
    if (!msg) return null;
    return { k, workload, step, start: msg.address, end: vaddr(msg.address + PAGE) };
  }
  const bytes = bytesOf(workload, step);
  return { k, workload, step, start: bytes?.start ?? vaddr(0), end: bytes?.end ?? vaddr(0) };
}

export const lengthOf = (act: Act): number => act.end - act.start;

/** The addresses of the pages of a step. */
export function* pagesOf(act: Act): Generator<Vaddr> {
  for (let va: number = act.start; va < act.end; va += PAGE) yield vaddr(va);
}

export function regionOf(act: Act, name: string): Region {
  return act.workload.regions.get(name)!;
}

/** What a store of this step stores: what it names, or something that nobody has stored before. */
export function contentOf(act: Act): Content {
  const { value } = act.step;
  const { task } = act.k;
  // By task, so that the order of two tasks does not change the names.
  if (value === null) return content(1 + task.id + MOST_TASKS * task.stores++);
  return namedContent(value);
}

/** PROT_* bits of the fixture's word, which are those of vm_flags. */
export function protectionBits(word: string): number {
  const bit = (letter: string, value: number): number =>
    word !== 'none' && word.includes(letter) ? value : 0;
  return bit('r', flags.VM_READ) | bit('w', flags.VM_WRITE) | bit('x', flags.VM_EXEC);
}

/** Runs a system call and tells of it. `args` are the words of the step, as numbers. */
export function* call(
  act: Act,
  args: Record<string, number>,
  run: () => KRun<number>,
  name: string = act.step.verb,
  mm: Mm = act.k.task.mm,
): KRun<number> {
  const { k, start, end } = act;
  k.m.watch?.({ kind: 'call', task: k.task, name, mm, start, end, args });
  k.task.inKernel = true;
  const result = yield* run();
  k.task.inKernel = false;
  k.m.watch?.({ kind: 'return', task: k.task, name, mm, start, end, args, result });
  return result;
}
