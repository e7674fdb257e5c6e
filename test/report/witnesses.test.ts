/** What is said of a witness on a real kernel, for each way in which it can end. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import type { Inside } from '../../src/conform/course';
import type { Judgement } from '../../src/conform/witness_judgement';
import type { WitnessResult, WitnessRun } from '../../src/conform/witnesses';
import { endOf, isDisagreement, renderWitnesses, renderWitnessesJson } from '../../src/report/witnesses';

const turns = { kind: 'turns', turns: ['vcpu', 'monitor', 'vcpu'], isItself: true } as const;
const step = { id: 1, part: 'tasks' } as const;
const inside: Inside = {
  stopped: { ...step, actor: 'vcpu', text: 'write guest[0]' },
  where: 'do_wp_page',
  beside: { ...step, actor: 'monitor', text: 'uffd_serve' },
};
const judged = (change: Partial<Judgement>): Judgement => ({
  outcome: 'not-shown',
  ownBreaks: false,
  agrees: true,
  apart: ['result'],
  reason: null,
  order: [
    { actor: 'vcpu', begins: 'write guest[0]', how: 'waits', held: [] },
    { actor: 'monitor', begins: 'uffd_serve', how: 'paused', held: [] },
    { actor: 'monitor', begins: null, how: 'waits', held: ['vcpu'] },
    { actor: 'vcpu', begins: null, how: 'ended', held: [] },
  ],
  ...change,
});

const result = (change: Partial<WitnessResult>): WitnessResult => ({
  variant: 'proposal',
  witness: {
    fixture: 'one',
    invariant: 'no-sigbus',
    class: 'sigbus-loop',
    saw: 'vcpu got SIGBUS',
    schedule: [0, 1],
    checksum: 1,
  },
  plan: turns,
  judged: null,
  tried: null,
  ...change,
});

const runOf = (...results: WitnessResult[]): WitnessRun => ({
  release: '6.18.1',
  machine: 'live',
  own: 'linux-6.18',
  results,
  cutShort: [],
  garbage: [],
});
/** On one line, without the breaks of the grid's cells. */
const shown = (run: WitnessRun, words = true): string =>
  renderWitnesses(run, words, { width: 80, color: false }).replace(/\s+/g, ' ');

const cases = [
  {
    end: 'forced-not-shown',
    of: result({ judged: judged({}) }),
    says: 'linux-6.18 does not break it, told apart by: result; the kernel did what linux-6.18 does',
    sum: '1 forced, the kernel did not show it. In 1 of 1 forced orders',
  },
  {
    end: 'forced-shown',
    of: result({ judged: judged({ outcome: 'shown', ownBreaks: true, apart: [] }) }),
    says: 'linux-6.18 breaks it, too; the kernel did what linux-6.18 does',
    sum: '1 forced, and the kernel showed it. In 1 of 1',
  },
  {
    end: 'forced-differs',
    of: result({
      judged: judged({ outcome: 'differs', agrees: false, reason: 'result: kernel 0, model 1' }),
    }),
    says: 'unlike its variant: result: kernel 0, model 1',
    sum: '1 forced, the kernel did neither. In 0 of 1',
  },
  {
    end: 'forced-unseen',
    of: result({ judged: judged({ outcome: 'unseen', apart: [] }), plan: { ...turns, isItself: false } }),
    says: 'the witness cannot be forced, but this order breaks the same',
    sum: '1 forced, user space cannot see whether it is there. In 1 of 1',
  },
  {
    end: 'cannot-run',
    of: result({ judged: judged({ outcome: 'not-held', agrees: null, reason: 'vcpu ran beside' }) }),
    says: 'not forced in any try: vcpu ran beside',
    sum: '1 cannot run here. In 0 of 0',
  },
  {
    end: 'cannot-run',
    of: result({ plan: { kind: 'cannot', reason: 'tlb_fill: the CPU does it when it likes' } }),
    says: 'one, no-sigbus: tlb_fill: the CPU does it when it likes',
    sum: '1 cannot run here. In 0 of 0',
  },
  {
    end: 'tried-not-shown',
    of: result({ plan: { kind: 'inside', inside }, tried: { kind: 'tried', rounds: 1000, saw: null } }),
    says: 'user space cannot stop "vcpu: write guest[0]" in do_wp_page() while "monitor: uffd_serve" goes on',
    sum: '1 tried without forcing, not shown.',
  },
  {
    end: 'tried-shown',
    of: result({
      plan: { kind: 'inside', inside: { ...inside, where: null } },
      tried: { kind: 'tried', rounds: 3, saw: 'vcpu: write guest[0]: SIGBUS' },
    }),
    says: 'vcpu: write guest[0]: SIGBUS; user space cannot stop "vcpu: write guest[0]" between its fault and the next try',
    sum: '1 tried without forcing, shown.',
  },
] as const;

test.each(cases)('$end: $says', ({ end, of, says, sum }) => {
  expect(endOf(of)).toBe(end);
  expect(shown(runOf(of))).toContain(says);
  expect(shown(runOf(of))).toContain(sum);
  const json = JSON.parse(renderWitnessesJson(runOf(of))) as { witnesses: { end: string }[] };
  expect(json.witnesses.map((one) => one.end)).toEqual([end]);
});

test('only what the kernel did unlike its own variant is a disagreement', () => {
  expect(cases.filter(({ of }) => isDisagreement(of)).map(({ end }) => end)).toEqual(['forced-differs']);
});

test('an order is told by signs, and in words', () => {
  const run = runOf(result({ judged: judged({}) }));
  expect(shown(run, false)).toContain('vcpu~ monitor: not shown monitor~(vcpu) vcpu');
  expect(shown(run)).toContain(
    '1. vcpu: write guest[0], which sleeps 2. monitor: uffd_serve, which pauses ' +
      '3. monitor goes on, which sleeps (woken and held: vcpu) 4. vcpu goes on',
  );
});

test('invariants that one order breaks stand together, and a search that was stopped is told', () => {
  const one = result({ judged: judged({}) });
  const other = { ...one, witness: { ...one.witness, invariant: 'cow-isolation' } };
  const text = shown({ ...runOf(one, other), cutShort: ['two proposal'] });
  expect(text).toContain('one, no-sigbus, cow-isolation: linux-6.18');
  expect(text).toContain('stopped by its bound in 1 fixtures, which may have more');
});

test.each(cases)('as JSON, $end is as the schema says', ({ of }) => {
  const file = join(__dirname, '../../schemas/witnesses.schema.json');
  const validate = new Ajv({ strict: true, allowUnionTypes: true, allErrors: true }).compile(
    JSON.parse(readFileSync(file, 'utf8')),
  );
  validate(JSON.parse(renderWitnessesJson(runOf(of))));
  expect(validate.errors ?? []).toEqual([]);
});
