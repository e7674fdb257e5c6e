/** What the programs of a run remember in user space: file descriptors, the last message read, who forked whom. */
import type { Mm, UffdMsg, UserfaultfdCtx } from './mm';

export interface UserState {
  /** Open userfaultfds by the name that the fixture gives them. */
  readonly uffds: Map<string, UserfaultfdCtx>;
  /** By task id: the message that the task read last. */
  readonly lastMessage: Map<number, UffdMsg>;
  /** By task id: programs that a SIGBUS has ended, since nobody expects one. A SIGSEGV is caught and jumped out of. */
  readonly ended: Set<number>;
  /** Processes by name. */
  readonly processes: Map<string, Mm>;
}

export const newUserState = (): UserState => ({
  uffds: new Map(),
  lastMessage: new Map(),
  ended: new Set(),
  processes: new Map(),
});
