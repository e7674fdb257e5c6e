/** Lock state. Who may take what, and what is noticed, is in lock_steps.ts. */

export const NOBODY = -1;

export class SpinLock {
  /** Task id, or NOBODY. */
  owner: number = NOBODY;
  constructor(
    readonly id: number,
    readonly name: string,
  ) {}
}

/** mmap_sem, or the lock of reverse maps. Waiting writers do not hold off new readers, unlike the kernel's fair rwsem. */
export class RwSem {
  writer: number = NOBODY;
  /** Task ids, in their order, because nobody can tell who came first; one that took it twice is in it twice. */
  readers: number[] = [];
  /** @param object as which steps name it */
  constructor(
    readonly object: number,
    readonly name: string,
  ) {}
}

export const isHeldBy = ({ writer, readers }: RwSem, task: number): boolean =>
  writer === task || readers.includes(task);

export function addReader({ readers }: RwSem, task: number): void {
  let at = readers.length;
  while (at > 0 && readers[at - 1]! > task) at--;
  if (at === readers.length) readers.push(task);
  else readers.splice(at, 0, task);
}
