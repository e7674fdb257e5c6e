/** `--quiet`: a line per variant, never broken so that grep finds it, with what decides whether it stands. */
import type { Comparison } from '../compare/comparison';
import type { Verdict } from '../judge/verdict';
import { classes, classWords, verdictWords } from './words';

export function renderBrief(comparison: Comparison): string {
  const lines = comparison.summary.map((row) => {
    const verdicts = comparison.cells
      .filter(({ variant }) => variant === row.variant)
      .map(({ verdict }) => verdict);
    const many = (kind: Verdict['kind']): number => verdicts.filter((one) => one.kind === kind).length;
    const broken = classes
      .filter((one) => one !== 'spurious' && row[one] > 0)
      .map((one) => `${classWords[one].word} ${row[one]}`);
    const cut = many('cut-short');
    const against = [...broken, ...(cut > 0 ? [`${verdictWords['cut-short'].word} ${cut}`] : [])];
    if (many('does-not-build') > 0) return `${row.variant}: ${verdictWords['does-not-build'].word}`;
    const survived = `survived ${row.survived}/${row.fixtures}`;
    return `${row.variant}: ${[survived, ...against].join(', ')}`;
  });
  return `${lines.join('\n')}\n`;
}
