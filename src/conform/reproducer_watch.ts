/** What the programs of a run of the model see, step by step, as numbers that a C program can check. */
import type { AnyFunction, Happening, Kernel, KRun, Machine, UffdMsg, Watch } from '../core/index';
import { mainline, type ResolvedVariant } from '../core/index';
import type { Observer } from '../explore/index';
import { showItem, type UserStep, type Workload } from '../workload/index';
import { look } from './model_look';
import { unroll } from './rounds';
import { listSteps } from './steps';

/** What a step comes to that gets a SIGSEGV; errors are negative. */
export const SEGV = 1000;
/** Of a store without `= N`: whose it is, and to which page of the step. */
export const storedBy = (step: number, page: number): number => (step + 1) * 2 ** 20 + page;
const UNKNOWN = -1;
const NAMED = 1_000_000;
const MOST_TASKS = 16;
const PAGE = 4096;
/** What a program cannot see in the end without rights of its own is not looked at. */
const unasked = {
  ...{ softDirty: false, ksmFlag: false, scanCategories: 0 },
  ...{ emptyWritten: false, holesWritten: false },
};

/** Plain data, copied together with the machine. Steps are numbered as in listSteps(). */
export interface Seen {
  /** By task: its step, and how far it has come in its list; -1 before the first. */
  readonly at: Map<number, number>;
  readonly cursor: Map<number, number>;
  /** By task: whether its step has come to something that was noted. */
  readonly told: Set<number>;
  /** By step: the task and its number of stores before. */
  readonly stores: Map<number, readonly [number, number]>;
  /** `step result` */
  readonly outcomes: Set<string>;
  /** `step page value` */
  readonly reads: Set<string>;
  /** By `wp ADDRESS` or `missing ADDRESS`: how many messages were read. */
  readonly heard: Map<string, number>;
  /** `process region page value` of every page that is present when all is done. */
  readonly left: Set<string>;
  /** Steps that never ended. */
  readonly stuck: Set<number>;
  isOver: boolean;
}

const READ = 'message: ';

/** The functions that hand a message to a program, telling so. */
export function messageLayer(variant: ResolvedVariant): Record<string, AnyFunction> {
  const functions = Object.assign({}, mainline, ...variant.layers) as Record<string, AnyFunction>;
  const told = (name: string): AnyFunction =>
    function* (k: Kernel, ...args: unknown[]): KRun<unknown> {
      const result = yield* functions[name]!(k, ...args) as KRun<UffdMsg | number>;
      if (typeof result === 'number' || result.event !== 'pagefault') return result;
      const kind = result.flags & mainline.UFFD_PAGEFAULT_FLAG_WP ? 'wp' : 'missing';
      const page = result.address - (result.address % PAGE);
      k.m.watch?.({ kind: 'log', task: k.task, text: `${READ}${kind} ${page}` });
      return result;
    };
  return {
    userfaultfd_read: told('userfaultfd_read'),
    userfaultfd_read_nonblock: told('userfaultfd_read_nonblock'),
  };
}

/** Notes what every program sees. */
export class Onlooker implements Observer<Seen> {
  private readonly lists = new Map<string, { id: number; text: string }[]>();
  private readonly steps: readonly UserStep[];

  constructor(private readonly workload: Workload) {
    const { ids } = listSteps(workload);
    this.steps = [...ids.keys()];
    const { start, tasks, finally: last } = workload;
    const add = (actor: string, step: UserStep): void => {
      const list = this.lists.get(actor) ?? [];
      this.lists.set(actor, list);
      list.push({ id: ids.get(step)!, text: showItem(step) });
    };
    for (const { actor, step } of start) for (const turn of unroll([step])) add(actor, turn.step);
    for (const [actor, items] of tasks) for (const turn of unroll(items)) add(actor, turn.step);
    for (const { actor, step } of last) for (const turn of unroll([step])) add(actor, turn.step);
  }

  begin(): Seen {
    return {
      at: new Map(),
      cursor: new Map(),
      told: new Set(),
      stores: new Map(),
      outcomes: new Set(),
      reads: new Set(),
      heard: new Map(),
      left: new Set(),
      stuck: new Set(),
      isOver: false,
    };
  }

  watch(machine: Machine, seen: Seen): Watch {
    return (happening) => {
      if (happening.kind === 'quiet') this.over(machine, seen);
      else this.hear(seen, happening);
    };
  }

  private over(machine: Machine, seen: Seen): void {
    for (const task of seen.at.keys()) this.close(seen, task);
    const contentOf = (content: number): number => this.valueOf(seen, content);
    const views = look(machine, this.workload, {
      features: unasked,
      countsHidden: true,
      asksEachPart: false,
      contentOf,
    });
    for (const { process, region, pages } of views) {
      for (const { first, last, content, stride } of pages) {
        for (let page = first; content !== null && page <= last; page++) {
          const value = content === UNKNOWN ? UNKNOWN : content + stride * (page - first);
          seen.left.add(`${process} ${region} ${page} ${value}`);
        }
      }
    }
    seen.isOver = true;
  }

  private hear(seen: Seen, h: Happening): void {
    if (seen.isOver || !('task' in h)) return;
    const step = seen.at.get(h.task.id) ?? -1;
    if (h.kind === 'begin') this.next(seen, h.task.id, h.task.name, h.task.stores, h.text);
    else if (step < 0) return;
    else if (h.kind === 'stuck') {
      seen.told.add(h.task.id);
      seen.stuck.add(step);
    } else if (h.kind === 'signal' && h.signal === 'SIGBUS') seen.told.add(h.task.id);
    else if (h.kind === 'signal') this.came(seen, h.task.id, step, SEGV);
    else if (h.kind === 'return' && h.name === this.steps[step]!.verb)
      this.came(seen, h.task.id, step, Math.min(h.result, 0));
    else if (h.kind === 'load') this.read(seen, step, h.va, this.valueOf(seen, h.content));
    else if (h.kind === 'pagemap') this.read(seen, step, h.va, h.softDirty ? 1 : 0);
    else if (h.kind === 'log' && h.text.startsWith(READ)) {
      const place = h.text.slice(READ.length);
      seen.heard.set(place, (seen.heard.get(place) ?? 0) + 1);
    }
  }

  private next(seen: Seen, task: number, actor: string, stores: number, text: string): void {
    this.close(seen, task);
    const list = this.lists.get(actor) ?? [];
    let cursor = (seen.cursor.get(task) ?? -1) + 1;
    while (cursor < list.length && list[cursor]!.text !== text) cursor++;
    seen.cursor.set(task, cursor);
    const step = list[cursor]?.id ?? -1;
    seen.at.set(task, step);
    seen.told.delete(task);
    seen.stores.set(step, [task, stores]);
  }

  /** A step that nobody told of has ended as it should. */
  private close(seen: Seen, task: number): void {
    const step = seen.at.get(task) ?? -1;
    const verb = this.steps[step]?.verb;
    if (step >= 0 && !seen.told.has(task) && verb !== 'uffd_poll' && verb !== 'uffd_serve') {
      this.came(seen, task, step, 0);
    }
  }

  private came(seen: Seen, task: number, step: number, result: number): void {
    seen.told.add(task);
    seen.outcomes.add(`${step} ${result}`);
  }

  private read(seen: Seen, step: number, va: number, value: number): void {
    const { on, verb } = this.steps[step]!;
    if (on === null || !['read', 'sys_write', 'peek', 'pagemap'].includes(verb)) return;
    const page = Math.floor((va - this.workload.regions.get(on.region)!.start) / PAGE) - on.first;
    if (page >= 0 && page <= on.last - on.first) seen.reads.add(`${step} ${page} ${value}`);
  }

  private valueOf(seen: Seen, content: number): number {
    if (content === 0) return 0;
    if (content >= NAMED) return content - NAMED;
    const task = (content - 1) % MOST_TASKS;
    const number = (content - 1 - task) / MOST_TASKS;
    let found = UNKNOWN;
    for (const [step, [by, before]] of seen.stores) {
      const { on } = this.steps[step]!;
      const pages = on ? on.last - on.first + 1 : 1;
      if (by === task && number >= before && number < before + pages) found = storedBy(step, number - before);
    }
    return found;
  }
}
