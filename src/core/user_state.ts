/** What the programs of a run remember in user space: file descriptors, the last message read, who forked whom. */
import type { Mm, UffdMsg, UserfaultfdCtx } from './mm';

/** An entry of a process's table of descriptors that stands for a userfaultfd. */
export interface Descriptor {
  readonly ctx: UserfaultfdCtx;
  readonly mm: Mm;
  /** The lowest that was free in its process, among those of userfaultfds. */
  readonly number: number;
}

export interface UserState {
  /** Open userfaultfds by the name that the fixture gives them. */
  readonly uffds: Map<string, Descriptor>;
  /** All that are open, those without a name included. */
  descriptors: readonly Descriptor[];
  /** By task id: the message that the task read last. */
  readonly lastMessage: Map<number, UffdMsg>;
  /** By task id: programs that a SIGBUS has ended, since nobody expects one. A SIGSEGV is caught and jumped out of. */
  readonly ended: Set<number>;
  /** Processes by name. */
  readonly processes: Map<string, Mm>;
}

export const newUserState = (): UserState => ({
  uffds: new Map(),
  descriptors: [],
  lastMessage: new Map(),
  ended: new Set(),
  processes: new Map(),
});
