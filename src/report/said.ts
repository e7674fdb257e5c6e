/** What people said of a variant, held against what was found: by outcome, nothing finer. */
import type { Reported } from '../core/variant';
import type { Verdict } from '../judge/index';

export interface SaidAndFound {
  readonly found: string;
  readonly agreement: 'agrees' | 'differs' | 'not modelled';
}

/** "Rejected" and "merged" are decisions of people, on which a model has no say. */
export function outcomeVerdict(outcome: Reported['outcome'], verdicts: readonly Verdict[]): SaidAndFound {
  const ran = verdicts.filter(({ kind }) => kind !== 'not-applicable');
  const has = (kind: Verdict['kind']): boolean => ran.some((verdict) => verdict.kind === kind);
  const broken = ran.filter(({ kind }) => kind === 'breaks').length;
  const found = has('does-not-build')
    ? 'does not build'
    : broken > 0
      ? `breaks ${broken} of ${ran.length}`
      : `nothing broke in ${ran.length}`;
  const says = (agrees: boolean): SaidAndFound => ({ found, agreement: agrees ? 'agrees' : 'differs' });
  switch (outcome) {
    case 'works':
      return says(broken === 0 && !has('does-not-build'));
    case 'fails':
      return says(broken > 0 || has('does-not-build'));
    case 'does-not-build':
      return says(has('does-not-build'));
    case 'rejected':
    case 'superseded':
    case 'merged':
      return { found, agreement: 'not modelled' };
  }
}
