import { loadFixtures, loadVariants } from '../../src/compare/load';
import { agreement, outcomeOf, readDifferences, readObservations } from '../../src/compare/observed';
import { judge } from '../../src/judge/index';
import { outcomePhrase } from '../../src/report/observed_page';
import { compile } from '../../src/workload/index';

const observations = readObservations();
const differences = readDifferences();
const kernels = [...new Set(observations.workloads.flatMap(({ observed }) => Object.keys(observed)))];
const loaded = loadVariants(kernels);

describe('what real kernels did', () => {
  test('was observed in 31 workloads on eight kernels', () => {
    expect(observations.workloads).toHaveLength(31);
    expect(kernels).toHaveLength(8);
  });

  // A fixture is compiled once; its cells are compared as one list, so that a failure shows all that differ.
  test.each(observations.workloads.map(({ id }) => id))(
    '%s: the model agrees, or the list says why not',
    (id) => {
      const workload = compile(loadFixtures([id])[0]!.fixture);
      const found = loaded.flatMap(({ variant }) => {
        const outcome = outcomeOf(observations, id, variant.meta.id);
        if (outcome === null) return [];
        const mark = agreement(outcome, judge(workload, variant));
        return mark === 'agrees' ? [] : [{ workload: id, variant: variant.meta.id, mark }];
      });
      const listed = differences.filter(({ workload: one }) => one === id);
      expect(found).toEqual(
        listed.map(({ workload: one, variant, mark }) => ({ workload: one, variant, mark })),
      );
    },
    120_000,
  );
});

describe('the list of differences', () => {
  test('names cells that were observed, each once, with a reason', () => {
    const cells = differences.map(({ workload, variant }) => `${workload} ${variant}`);
    expect(new Set(cells).size).toBe(cells.length);
    for (const { workload, variant, why } of differences) {
      expect(outcomeOf(observations, workload, variant)).not.toBeNull();
      expect(why.length).toBeGreaterThan(80);
    }
  });

  test('calls nothing the same that has another class', () => {
    const verdict = (kind: string, classes: string[] = []) =>
      ({ kind, broken: classes.map((one) => ({ class: one })) }) as unknown as Parameters<
        typeof agreement
      >[1];
    expect(agreement('ok', verdict('survives'))).toBe('agrees');
    expect(agreement('ok', verdict('closed', ['spurious']))).toBe('agrees');
    expect(agreement('ok', verdict('breaks', ['sigbus-loop']))).toBe('differs');
    expect(agreement('ok', verdict('cut-short'))).toBe('not judged');
    const refused = { kind: 'not-applicable', reason: 'no such ioctl' } as const;
    expect(agreement('ok', refused)).toBe('not judged');
    expect(agreement('n/a', verdict('survives'))).toBe('not run');
    expect(agreement('efault', verdict('breaks', ['sigbus-loop', 'spurious']))).toBe('agrees');
    expect(agreement('FALSE-softdirty', verdict('survives'))).toBe('differs');
    expect(agreement('FALSE-softdirty', verdict('survives', ['spurious']))).toBe('agrees');
    const both = 'sigbus then KERNEL-BUG+hang-at-exit';
    expect(agreement(both, verdict('breaks', ['kernel-integrity']))).toBe('differs');
    expect(agreement(both, verdict('breaks', ['kernel-integrity', 'sigbus-loop']))).toBe('agrees');
  });

  test.each(['sigbus then KERNEL-BUG+hang-at-exit', 'UNSAFE-fork-leak', 'not run'])(
    '%s has words',
    (outcome) => {
      expect(outcomePhrase(outcome)).toMatch(/^[A-Za-z ,-]+$/);
    },
  );
});
