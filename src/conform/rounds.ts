/** The steps of an actor one after another, repetitions unrolled. */
import { type Item, isRepeat, type UserStep } from '../workload/index';

export interface Turn {
  readonly step: UserStep;
  /** Not in the last round of a repetition. */
  readonly repeats: boolean;
}

export function* unroll(items: readonly Item[], repeats = false): Generator<Turn> {
  for (const item of items) {
    if (!isRepeat(item)) {
      yield { step: item, repeats };
      continue;
    }
    for (let left = item.repeat; left > 0; left--) yield* unroll(item.steps, repeats || left > 1);
  }
}

/** A generator that can be asked whether there is more. */
export class Ahead {
  private next: IteratorResult<Turn>;
  constructor(private readonly source: Iterator<Turn>) {
    this.next = source.next();
  }
  get isEmpty(): boolean {
    return this.next.done === true;
  }
  take(): Turn {
    const { value } = this.next as IteratorYieldResult<Turn>;
    this.next = this.source.next();
    return value;
  }
}
