/**
 * `import 'faultline/jest'` in a Jest test gives `expect(variant).toSurvive(fixture)`, whose message is the run that
 * breaks the variant.
 */

import type { LoadedFixture } from './compare/index';
import type { Variant } from './core/index';
import { defaultBounds, type ExploreOptions, showToken } from './explore/index';
import { loadFixture, loadVariant } from './index';
import { renderTrace, verdictSentence } from './report/index';
import { explain, simulate } from './walk';

export interface MatcherResult {
  readonly pass: boolean;
  message(): string;
}

const WIDTH = 100;

/**
 * Passes where every order of steps was tried, the window was entered, and nothing broke.
 * @param received a built-in id, a file, or what defineVariant() returned
 * @param fixture a built-in id, a file, or what loadFixture() returned
 */
export function toSurvive(
  received: string | Variant,
  fixture: string | LoadedFixture,
  bounds: Partial<ExploreOptions> = {},
): MatcherResult {
  const variant = loadVariant(received);
  const loaded = typeof fixture === 'string' ? loadFixture(fixture) : fixture;
  const { workload, verdict, broken } = explain(loaded, variant, { ...defaultBounds, ...bounds });
  const { id } = variant.variant.meta;
  const said = `${id} on ${loaded.fixture.name}: ${verdictSentence(verdict)}`;
  const first = broken.find((one) => one.class !== 'spurious') ?? broken[0];
  const message = (): string => {
    const schedule = first?.schedule ?? (verdict.kind === 'survives' ? verdict.witness : null);
    if (!schedule) return said;
    const { trace, checksum } = simulate(workload, variant, schedule);
    const replay = {
      fixture: loaded.argument,
      variant: variant.argument ?? id,
      token: showToken(schedule, checksum, loaded.fixture.machine.hardware),
    };
    const run = renderTrace(trace, replay, { width: WIDTH, color: false, full: false });
    return [said, ...(first ? [first.saw] : []), '', run].join('\n');
  };
  return { pass: verdict.kind === 'survives', message };
}

interface Expecting {
  extend(matchers: object): void;
}
const { expect } = globalThis as { expect?: Expecting };
expect?.extend({ toSurvive });

declare global {
  namespace jest {
    // biome-ignore lint/complexity/noBannedTypes: the parameters must be Jest's own
    interface Matchers<R, T = {}> {
      /** Every order of steps was tried, and nothing broke. */
      toSurvive(fixture: string | LoadedFixture, bounds?: Partial<ExploreOptions>): R;
    }
  }
}
