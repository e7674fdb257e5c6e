/**
 * Numbers that name things. Before anything runs beside anything they are given out one after another; after that
 * every task has numbers of its own, so that two orders in which tasks ask lead to one state and not to two that
 * differ in names.
 */
export class Numbers {
  /** Tasks that ask from now on; 0 while nothing runs beside. */
  private tasks = 0;
  /** How many each of them was given. */
  private readonly given: number[] = [];

  /** @param next the first number, and from then on the first that nobody was given */
  constructor(public next: number) {}

  /** From now on by task. */
  share(tasks: number): void {
    this.tasks = tasks;
    for (let task = 0; task < tasks; task++) this.given.push(0);
  }

  take(task: number): number {
    if (this.tasks === 0) return this.next++;
    return this.next + task + this.tasks * this.given[task]!++;
  }
}
