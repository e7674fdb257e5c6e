/** The public API: for people who write their own variant, fixture or report. */
import { type LoadedFixture, type LoadedVariant, loadFixtures, loadVariants } from './compare/index';
import { resolveVariant, type Variant } from './core/index';
import { variants as builtIn } from './variants/index';

export { type Config, defineConfig } from './compare/config';
export { type CompareOptions, type Comparison, compare } from './compare/index';
export * from './core/index';
export { parseSchedule, showSchedule } from './explore/index';
export { invariantClasses, judge, type Verdict } from './judge/index';
export { renderJson, renderTable, renderTrace } from './report/index';
export { version } from './version';
export { explain, simulate, walk } from './walk';
export { compile, FixtureError, parseFixture } from './workload/index';
export { loadFixtures, loadVariants };

/** @param argument a built-in id, or a file anywhere */
export const loadFixture = (argument: string): LoadedFixture => loadFixtures([argument])[0]!;

/** @param variant a built-in id, a file anywhere, or what defineVariant() returned */
export const loadVariant = (variant: string | Variant): LoadedVariant =>
  typeof variant === 'string'
    ? loadVariants([variant])[0]!
    : { variant: resolveVariant(variant, [...builtIn, variant]), argument: null };
