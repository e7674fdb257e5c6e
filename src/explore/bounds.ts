/** Where a search gives up, and what it came to. */

export interface ExploreOptions {
  /** Executions after which the search stops and says so. */
  maxExecutions: number;
  /** Steps of one execution after which the search stops and says so. */
  maxSteps: number;
}

export const defaultBounds: ExploreOptions = { maxExecutions: 50_000, maxSteps: 1_000_000 };

/** Which bound it was, in words. */
export const boundOfRuns = (most: number): string => `the bound of ${most} run${most === 1 ? '' : 's'}`;

export interface Explored {
  /** Runs from the start, to the end or to a state that was seen before. */
  executions: number;
  /** Choices that were entered: distinct beginnings of runs after which it matters who goes on. */
  states: number;
  /** False: a bound was hit, `stoppedBy` says which. */
  complete: boolean;
  stoppedBy: string | null;
}
