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

/** mmap_sem. Waiting writers do not hold off new readers, unlike the kernel's fair rwsem. */
export class RwSem {
  writer: number = NOBODY;
  /** Task ids; one that took it twice is in it twice. */
  readers: number[] = [];
  constructor(readonly id: number) {}
}
