/** docs/observed.md: what real kernels did, in words, and where the model says otherwise. */
import type { Observations, ObservedDifference } from '../compare/observed';

/** An outcome of docs/observed.json in words; what follows `then` was seen when the process ended. */
const phrases: Readonly<Record<string, string>> = {
  ok: 'ok',
  'no-event': 'no event',
  sigbus: 'SIGBUS',
  efault: 'EFAULT',
  'UNSAFE-zeropage-corrupted': 'zero page overwritten',
  'UNSAFE-fork-leak': 'write seen by the other process',
  'UNSAFE-ksm-corrupted': 'KSM page overwritten',
  'UNSAFE-wrote-readonly-vma': 'read-only mapping written',
  'LOST-softdirty': 'soft-dirty bit missing',
  'LOST-wp-event': 'event missing',
  'FALSE-softdirty': 'soft-dirty without a write',
  'KERNEL-BUG+hang': 'kernel bug and hang',
  'KERNEL-BUG+hang-at-exit': 'kernel bug and hang at exit',
  'kernel-dead +KERNEL-BUG': 'kernel bug, machine dead',
  'n/a': 'cannot run',
  'not run': 'not run',
};

/** @throws where a word has no phrase yet */
export function outcomePhrase(outcome: string): string {
  return outcome
    .split(' then ')
    .map((part) => {
      const phrase = phrases[part];
      if (phrase === undefined) throw new Error(`docs/observed.json: "${outcome}" has no phrase`);
      return phrase;
    })
    .join(', then ');
}

/** @param questions what each fixture asks, by its id */
export function renderObservedPage(
  { about, workloads }: Observations,
  differences: readonly ObservedDifference[],
  questions: ReadonlyMap<string, string>,
): string {
  const kernels = [...new Set(workloads.flatMap(({ observed }) => Object.keys(observed)))];
  const markOf = (workload: string, variant: string, outcome: string): string => {
    if (outcome === 'n/a' || outcome === 'not run') return '';
    const one = differences.find((d) => d.workload === workload && d.variant === variant);
    return one ? ` **${one.mark}**` : ' =';
  };
  const rows = workloads.map(({ id, observed }) => {
    const cells = kernels.map((kernel) => {
      const outcome = observed[kernel] ?? 'not run';
      return `${outcomePhrase(outcome)}${markOf(id, kernel, outcome)}`;
    });
    return `| [${id}](../fixtures/${id}.yaml) | ${cells.join(' | ')} |`;
  });
  const marks = workloads.flatMap(({ id, observed }) =>
    Object.entries(observed).map(([kernel, outcome]) => markOf(id, kernel, outcome)),
  );
  const count = (mark: string): number => marks.filter((one) => one === mark).length;
  return [
    '# What real kernels did',
    '',
    '<!-- Written by npm run generate from docs/observed.json, docs/observed-differences.json and the fixtures. -->',
    '',
    about.replace(/^What real kernels did\. /, ''),
    '',
    'The same questions are asked of the model, each as a fixture in every order of its actors, and the answers are held',
    'against each other by class of invariant: a kernel bug or a hang is `kernel-integrity`, SIGBUS and EFAULT are',
    '`sigbus-loop`, a page that somebody else sees change or that was read-only is `unsafe-write`, a missing soft-dirty',
    'bit is `lost-tracking`, a missing event is `lost-event`, a soft-dirty bit without a write is `spurious`. "No event"',
    'is right where nothing was mapped when the range was protected.',
    '',
    `Of ${marks.filter((mark) => mark !== '').length} cells the model agrees in ${count(' =')} (\`=\`), differs in ${count(' **differs**')} and comes to no verdict in ${count(' **not judged**')};`,
    'why stands below the table. A test runs all of them (`test/compare/calibration.test.ts`). No rule of the model is',
    'there for a cell.',
    '',
    `| fixture | ${kernels.join(' | ')} |`,
    `| --- |${kernels.map(() => ' --- |').join('')}`,
    ...rows,
    '',
    '## Where the model says otherwise',
    '',
    ...reasonsOf(differences),
    '',
    '## The questions',
    '',
    ...workloads.map(({ id }) => `- \`${id}\`: ${questions.get(id) ?? ''}`),
    '',
  ].join('\n');
}

/** One line for cells of a workload that have the same reason. */
function reasonsOf(differences: readonly ObservedDifference[]): string[] {
  const together = new Map<string, ObservedDifference[]>();
  for (const one of differences) {
    const key = `${one.workload} ${one.mark} ${one.why}`;
    together.set(key, [...(together.get(key) ?? []), one]);
  }
  return [...together.values()].map((cells) => {
    const { workload, mark, why } = cells[0]!;
    return `- \`${workload}\` under ${cells.map(({ variant }) => `\`${variant}\``).join(', ')}: ${mark}. ${why}`;
  });
}
