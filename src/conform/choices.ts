/** Where the scheduler may let one actor or another go on: what a run chose, and which run comes next. */

interface Choice {
  readonly of: number;
  readonly chosen: number;
}

export class Choices {
  private readonly made: Choice[] = [];

  /** @param prefix what to choose first; after it, always what comes first */
  constructor(private readonly prefix: readonly number[] = []) {}

  /** @returns one of 0 .. of-1 */
  choose(of: number): number {
    if (of < 2) return 0;
    const chosen = this.prefix[this.made.length] ?? 0;
    this.made.push({ of, chosen });
    return chosen;
  }

  get count(): number {
    return this.made.length;
  }

  /** The next run: the last choice that can be made otherwise is. Null where all runs have been. */
  next(): Choices | null {
    let at = this.made.length - 1;
    while (at >= 0 && this.made[at]!.chosen + 1 >= this.made[at]!.of) at--;
    if (at < 0) return null;
    const before = this.made.slice(0, at).map(({ chosen }) => chosen);
    return new Choices([...before, this.made[at]!.chosen + 1]);
  }
}
