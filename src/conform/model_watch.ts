/** What the programs of the model's run see while they run: messages, values, signals. */
import {
  type AnyFunction,
  flags,
  type Happening,
  type Kernel,
  type KRun,
  mainline,
  must,
  type ResolvedVariant,
  type Task,
  type UffdMsg,
} from '../core/index';
import type { Workload } from '../workload/index';
import { addValue, type Slot } from './model_slot';
import type { Message } from './observation';

interface Told extends Omit<Message, 'answer'> {
  answer: number | null;
}

export class Watcher {
  messages: Told[] = [];

  constructor(
    private readonly workload: Workload,
    private readonly slots: readonly Slot[],
    private readonly contentOf: (model: number) => number,
  ) {}

  private slotOf(task: Task): Slot {
    return must(
      this.slots.find((slot) => slot.task === task),
      `slotOf(): no actor for ${task.name}`,
    );
  }

  /** The functions that hand something to a program, telling what. */
  layer(variant: ResolvedVariant): Record<string, AnyFunction> {
    const functions = Object.assign({}, mainline, ...variant.layers) as Record<string, AnyFunction>;
    const told = (name: string, tell: (task: Task, result: UffdMsg | number) => void): AnyFunction =>
      function* (k: Kernel, ...args: unknown[]): KRun<unknown> {
        const result = yield* functions[name]!(k, ...args) as KRun<UffdMsg | number>;
        tell(k.task, result);
        return result;
      };
    const message = (task: Task, msg: UffdMsg | number): void => {
      if (typeof msg !== 'number') this.received(task, msg);
    };
    const peeked = (task: Task, value: UffdMsg | number): void => {
      const slot = this.slotOf(task);
      if (slot.step?.verb === 'peek' && typeof value === 'number' && value >= 0)
        addValue(slot.reads, 0, this.contentOf(value));
    };
    return {
      userfaultfd_read: told('userfaultfd_read', message),
      userfaultfd_read_nonblock: told('userfaultfd_read_nonblock', message),
      access_remote_vm: told('access_remote_vm', peeked),
    };
  }

  private received(task: Task, { event, flags: bits, address, to, len }: UffdMsg): void {
    const message = { actor: task.name, event, flags: bits, address, to, length: event === 'fork' ? 0 : len };
    const isServing = this.slotOf(task).step?.verb === 'uffd_serve';
    this.messages.push({ ...message, answer: isServing && event !== 'pagefault' ? 0 : null });
  }

  watch(happening: Happening): void {
    const slot = this.slots.find(({ task }) => 'task' in happening && task === happening.task);
    if (!slot) return;
    const { kind } = happening;
    if (kind === 'event' && happening.msg.event === 'pagefault') slot.faulted = happening.msg.address;
    else if (kind === 'signal') {
      const code = happening.why.startsWith('SEGV_MAPERR')
        ? 1
        : happening.why.startsWith('BUS_MCEERR')
          ? 4
          : 2;
      slot.signal = { kind: 'signal', signal: happening.signal, code, address: happening.va };
    } else if (kind === 'load') this.loaded(slot, happening.va, happening.content);
    else if (kind === 'pagemap') this.read(slot, happening.va, happening.softDirty ? 1 : 0);
    else if (kind === 'return') this.answered(slot, happening.name, happening.result, happening.start);
  }

  private loaded(slot: Slot, va: number, content: number): void {
    if (slot.step?.verb === 'read' || slot.step?.verb === 'sys_write') {
      this.read(slot, va, this.contentOf(content));
    }
  }

  private read(slot: Slot, va: number, value: number): void {
    const { on } = slot.step!;
    if (on === null) return;
    const region = this.workload.regions.get(on.region)!;
    addValue(slot.reads, (va - region.start) / 4096 - on.first, value);
  }

  private answered(slot: Slot, name: string, result: number, start: number): void {
    if (slot.step?.verb !== 'uffd_serve' || !name.startsWith('uffd_') || result === -flags.EAGAIN) return;
    const own = this.messages.filter(
      ({ actor, event }) => actor === slot.actor.name && event === 'pagefault',
    );
    const message = own.find((one) => one.answer === null && one.address === start) ?? own.at(-1);
    if (message) message.answer = result;
  }
}
