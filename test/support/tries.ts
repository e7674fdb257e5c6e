/**
 * How often a property is tried. With SEED and RUNS in the environment others are tried, or more, as after a change of
 * the search.
 */
export const tries = (runs: number) => ({
  seed: Number(process.env.SEED ?? 20191025),
  numRuns: Number(process.env.RUNS ?? runs),
  endOnFailure: true,
});
