/** Gathers for a review what the comparison does not hold: sources, runs, observations. */
import type { Comparison } from '../compare/comparison';
import { functionsThatDiffer } from '../compare/difference';
import { reducedFunctions } from '../compare/fidelity';
import type { LoadedFixture, LoadedVariant } from '../compare/load';
import { loadVariants } from '../compare/load';
import { agreement, readDifferences, readObservations } from '../compare/observed';
import { blaming } from '../compare/source_places';
import { figuresBriefly, figuresSentence } from '../conform/figures';
import { showToken } from '../explore/schedule';
import type { Observation, Reduced, Review, VariantReview, Witness } from '../report/review';
import { verdictAt } from '../report/review';
import { brokenOf } from '../report/words';
import { variants as builtIn } from '../variants/index';
import { type Run, simulate } from '../walk';
import { compile } from '../workload/index';
import type { Compared } from './formats';

export function reviewOf(sources: Compared): Review {
  return {
    comparison: sources.comparison,
    variants: sources.variants.map((variant) => reviewVariant(sources, variant)),
    about: readObservations().about,
    besideKernels: figuresSentence(),
    besideKernelsBriefly: figuresBriefly(),
    ...(sources.mark && { mark: sources.mark }),
  };
}

function reviewVariant(sources: Compared, loaded: LoadedVariant): VariantReview {
  const { meta } = loaded.variant;
  const known = [
    ...builtIn.map((one) => one.meta),
    ...sources.variants.map((one) => one.variant.meta).filter((one) => !isBuiltIn(one.id)),
  ];
  const bases: string[] = [];
  for (let base = meta.base; base !== null; ) {
    bases.push(base);
    base = known.find(({ id }) => id === base)?.base ?? null;
  }
  const witnesses = meta.builds ? witnessesOf(sources, loaded) : [];
  return {
    meta,
    bases,
    carries: known.filter(({ base }) => base === meta.id).map(({ id }) => id),
    supersededBy: known.filter(({ supersedes }) => supersedes.includes(meta.id)).map(({ id }) => id),
    functions: meta.builds ? changesOf(sources, loaded) : [],
    observations: observationsOf(sources.comparison, meta.id),
    witnesses,
    reduced: meta.builds ? reducedOnPath(sources, loaded, witnesses) : [],
  };
}

const isBuiltIn = (id: string): boolean => builtIn.some((one) => one.meta.id === id);

function changesOf({ variants }: Compared, loaded: LoadedVariant): VariantReview['functions'] {
  const { base } = loaded.variant.meta;
  if (base === null) return [];
  const ofBase = variants.find(({ variant }) => variant.meta.id === base) ?? builtInBase(base);
  return ofBase ? functionsThatDiffer(ofBase, loaded, builtIn) : [];
}

const builtInBase = (id: string): LoadedVariant | undefined =>
  isBuiltIn(id) ? loadVariants([id])[0] : undefined;

function observationsOf(comparison: Comparison, variant: string): Observation[] {
  const differences = readDifferences();
  return readObservations().workloads.flatMap(({ id: fixture, observed }) => {
    const outcome = observed[variant];
    const verdict = verdictAt(comparison, fixture, variant);
    if (outcome === undefined || !verdict) return [];
    const why = differences.find((one) => one.workload === fixture && one.variant === variant)?.why ?? '';
    const marked = agreement(outcome, verdict);
    return [{ fixture, outcome, agreement: marked, why: marked === 'agrees' ? '' : why }];
  });
}

/** One for every broken invariant of a variant: the shortest. */
function witnessesOf({ comparison, fixtures }: Compared, loaded: LoadedVariant): Witness[] {
  const all = fixtures.flatMap((fixture) => {
    const verdict = verdictAt(comparison, fixture.fixture.name, loaded.variant.meta.id);
    return verdict ? brokenOf(verdict).map((broken) => ({ fixture, broken })) : [];
  });
  const chosen = all.filter(
    (one) =>
      !all.some(
        (other) =>
          other.broken.invariant === one.broken.invariant &&
          (other.broken.schedule.length < one.broken.schedule.length ||
            (other.broken.schedule.length === one.broken.schedule.length &&
              all.indexOf(other) < all.indexOf(one))),
      ),
  );
  return chosen.map(({ fixture, broken }) => {
    const { trace } = runOf(fixture, loaded, broken.schedule);
    const token = showToken(broken.schedule, broken.checksum, broken.hardware);
    const variant = loaded.argument ?? loaded.variant.meta.id;
    return {
      fixture: fixture.fixture.name,
      broken,
      trace,
      replay: { fixture: fixture.argument, variant, token },
    };
  });
}

function runOf({ fixture }: LoadedFixture, loaded: LoadedVariant, schedule: readonly number[]): Run {
  return blaming(loaded.variant.meta.id, () => simulate(compile(fixture), loaded, schedule));
}

/** Functions that the runs of a review enter, or that the variant touches, and that do less than the kernel's. */
function reducedOnPath(
  { comparison, fixtures }: Compared,
  loaded: LoadedVariant,
  witnesses: readonly Witness[],
): Reduced[] {
  const { meta } = loaded.variant;
  const passed = fixtures.flatMap((fixture) => {
    const verdict = verdictAt(comparison, fixture.fixture.name, meta.id);
    return verdict?.kind === 'survives' ? [{ fixture, schedule: verdict.witness }] : [];
  });
  const traces = [
    ...witnesses.map(({ trace }) => trace),
    ...passed.slice(0, 1).map(({ fixture, schedule }) => runOf(fixture, loaded, schedule).trace),
  ];
  const called = new Set(
    traces.flatMap(({ lines }) =>
      lines.flatMap(({ kind, text }) => (kind === 'call' ? [text.replace(/\(\)$/, '')] : [])),
    ),
  );
  for (const touched of meta.touches) called.add(touched.replace(/^.*:/, ''));
  const own = new Set(Object.keys(loaded.variant.layers.at(-1) ?? {}));
  const all = reducedFunctions();
  return [...called]
    .filter((name) => !own.has(name))
    .sort()
    .flatMap((name) => all.get(name) ?? []);
}
