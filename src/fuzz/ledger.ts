/** The findings of a campaign in the order of its runs, where one that repeats an earlier one is told apart. */
import type { Finding } from './finding';

export interface Found extends Finding {
  /** Number of the run among all of the campaign, from 0. */
  readonly run: number;
  /** Name of an earlier finding that is the same fixture and breaks on the same variants. */
  readonly repeats: string | null;
}

export class Ledger {
  readonly all: Found[] = [];
  /** Findings that repeat no other. */
  count = 0;
  private readonly names = new Map<string, string>();

  add(run: number, finding: Finding): Found {
    const { text, failure, breaksOn, name } = finding;
    const body = text.slice(text.indexOf('\n', text.indexOf('\nsource: ') + 1));
    const key = JSON.stringify([failure.invariant, breaksOn, body]);
    const found = { ...finding, run, repeats: this.names.get(key) ?? null };
    if (found.repeats === null) {
      this.names.set(key, name);
      this.count++;
    }
    this.all.push(found);
    return found;
  }
}
