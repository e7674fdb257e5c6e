/** Witnesses on kernels: those that the model plays, and the one that runs this test, where it lets us. */
import { loadFixtures, loadVariants } from '../../src/compare/load';
import { CannotRunError } from '../../src/conform/cannot_run';
import { runLive } from '../../src/conform/live';
import { runModel } from '../../src/conform/model_run';
import type { Observation, ObservedRun } from '../../src/conform/observation';
import { jobOf } from '../../src/conform/steps';
import { judgeWitness } from '../../src/conform/witness_judgement';
import { fullSize, type Planned, planWitnesses } from '../../src/conform/witness_plan';
import { type Tried, triedBy } from '../../src/conform/witness_tries';
import type { ResolvedVariant } from '../../src/core/index';
import { compile, parseFixture } from '../../src/workload/index';
import { faultline } from '../cli/terminal';
import { features } from './sample';

const variant = (id: string): ResolvedVariant => loadVariants([id])[0]!.variant;

describe('a kernel in the order of the witness of thp-whole for uffd-wp-2018', () => {
  const { fixture } = loadFixtures(['thp-whole'])[0]!;
  const proposal = variant('uffd-wp-2018');
  const own = variant('linux-6.18');
  const [{ witness, plan }] = planWitnesses(fixture, proposal).planned as [Planned];
  const turns = plan.kind === 'turns' ? plan.turns : [];
  const runOf = (of: ResolvedVariant): ObservedRun => runModel(fullSize(fixture), of, { features, turns });
  const judged = (real: ObservedRun) =>
    judgeWitness(witness, real, { fixture, turns, variant: proposal, own, features });
  const last = (change: Partial<Observation>): ObservedRun => {
    const run = runOf(own);
    const all = run.observations.slice(0, -1);
    return { ...run, observations: [...all, { ...run.observations.at(-1)!, ...change }] };
  };

  test.each([
    { what: 'that has the fix', real: () => runOf(own), outcome: 'not-shown', agrees: true },
    { what: 'that has the bug', real: () => runOf(proposal), outcome: 'shown', agrees: false },
    { what: 'that does neither', real: () => last({ how: 'spins' }), outcome: 'differs', agrees: false },
    {
      what: 'on which somebody ran who was to be held',
      real: () => last({ ran: ['vcpu'] }),
      outcome: 'not-held',
      agrees: null,
    },
    {
      what: 'that could not do a step',
      real: () =>
        last({ ends: [{ ...endOf('vcpu'), outcome: { kind: 'skip', reason: 'there is no swap' } }] }),
      outcome: 'cannot-run',
      agrees: null,
    },
  ])('$what: $outcome', ({ real, outcome, agrees }) => {
    expect(judged(real())).toMatchObject({ outcome, agrees, ownBreaks: false });
  });

  test('is told apart by what the store comes to', () => {
    expect(judged(runOf(own)).apart).toContain('result');
  });

  test('is told in turns, with who was woken and held', () => {
    expect(judged(runOf(own)).order).toEqual([
      { actor: 'vcpu', begins: 'write guest[5]', how: 'waits', held: [] },
      { actor: 'monitor', begins: 'uffd_serve unprotect guest', how: 'paused', held: [] },
      { actor: 'monitor', begins: null, how: 'waits', held: ['vcpu'] },
      { actor: 'vcpu', begins: null, how: 'ended', held: [] },
    ]);
  });
});

const endOf = (actor: string) => ({ actor, step: 4, reads: [], minorFaults: null, majorFaults: null });

test('a kernel that breaks the same, as the variant that models it does, shows it', () => {
  const { fixture } = loadFixtures(['unregister-while-waiting'])[0]!;
  const own = variant('linux-6.18');
  const [{ witness, plan }] = planWitnesses(fixture, own).planned as [Planned];
  const turns = plan.kind === 'turns' ? plan.turns : [];
  const real = runModel(fullSize(fixture), own, { features, turns });
  const judged = judgeWitness(witness, real, { fixture, turns, variant: own, own, features });
  expect(judged).toMatchObject({ outcome: 'shown', agrees: true, ownBreaks: true, apart: [] });
});

test.each<{ what: string; code: number | null; stdout: string; tried: Tried }>([
  {
    what: 'nothing wrong',
    code: 0,
    stdout: 'TAP version 13\n1..1\n# 1000 rounds\nok 1 vcpu: write guest[0]\n# Totals: pass:1\n',
    tried: { kind: 'tried', rounds: 1000, saw: null },
  },
  {
    what: 'a step that comes to something else',
    code: 1,
    stdout: 'TAP version 13\n1..1\n# 7 rounds\n# SIGBUS at 0x1000\nnot ok 1 vcpu: write guest[0]\n',
    tried: { kind: 'tried', rounds: 7, saw: 'vcpu: write guest[0]: SIGBUS at 0x1000' },
  },
  {
    what: 'what the machine lacks',
    code: 4,
    stdout: 'TAP version 13\n1..0 # SKIP there is no swap space\n',
    tried: { kind: 'cannot', reason: 'there is no swap space' },
  },
  {
    what: 'nothing, as it was killed',
    code: null,
    stdout: '',
    tried: { kind: 'cannot', reason: 'the program did not come to its end' },
  },
])('a program that tries says $what', ({ code, stdout, tried }) => {
  expect(triedBy({ code, stdout })).toEqual(tried);
});

const text = (name: string, monitor: string): string => `name: ${name}
asks: Who is held?
source: guide 1.1
memory: { guest: { size: 4KiB } }
start:
  - vcpu: write guest
  - monitor: uffd_register guest
  - monitor: uffd_protect guest
tasks:
  vcpu: [write guest]
  monitor: [uffd_wait, uffd_unprotect guest, ${monitor}]
`;

/** Null where the kernel here does not let us, which is said. */
async function live(name: string, monitor: string, turns: readonly string[]): Promise<ObservedRun | null> {
  const job = jobOf(compile(parseFixture(text(name, monitor), `${name}.yaml`)), { turns });
  try {
    const { runs } = await runLive([job], process.env);
    const [run] = runs as [ObservedRun];
    if (run.end.kind !== 'stopped') return run;
    process.stderr.write(`skipped, as the kernel here does not let us: ${run.end.reason}\n`);
  } catch (error) {
    if (!(error instanceof CannotRunError)) throw error;
    process.stderr.write(`skipped, as the kernel here does not let us: ${error.message}\n`);
  }
  return null;
}

const told = ({ observations, steps }: ObservedRun): string[] =>
  observations
    .filter(({ step }) => steps[step]?.part === 'tasks')
    .map(({ actor, step, how, ran = [] }) => `${actor}: ${steps[step]!.text} ${[how, ...ran].join(' ')}`);

test('between its wake-up and its retry a thread is held: it finds its page protected again', async () => {
  const turns = ['vcpu', 'monitor', 'monitor', 'monitor', 'vcpu', 'monitor'];
  const run = await live('held', 'uffd_protect guest, uffd_wait, uffd_unprotect guest', turns);
  if (!run) return;
  expect(told(run)).toEqual([
    'vcpu: write guest waits',
    'monitor: uffd_wait ended',
    'monitor: uffd_unprotect guest ended',
    'monitor: uffd_protect guest ended',
    'vcpu: write guest waits',
    'monitor: uffd_wait ended',
    'monitor: uffd_wait released',
    'monitor: uffd_unprotect guest ended',
  ]);
}, 240_000);

test('somebody who ran although he was to be held is named: khugepaged needs the CPU', async () => {
  const run = await live('not-held', 'khugepaged', ['vcpu', 'monitor', 'monitor', 'monitor']);
  if (!run) return;
  const scan = run.observations.find(({ step }) => run.steps[step]?.text === 'khugepaged');
  if (scan?.ends.some(({ outcome }) => outcome.kind === 'skip')) {
    process.stderr.write('skipped, as the kernel here does not let us: there is no khugepaged\n');
    return;
  }
  expect(told(run).slice(2)).toContain('monitor: khugepaged ended vcpu');
}, 240_000);

test('the command forces an order and says what the kernel did', async () => {
  const argv = [
    'conform',
    '--witnesses',
    'uffd-wp-2018',
    '--fixture',
    'thp-whole',
    '--fixture',
    'copy-late-wake',
  ];
  const { code, stdout, stderr } = await faultline([...argv, '--format', 'json'], {
    env: process.env as Record<string, string>,
  });
  if (code === 4) {
    process.stderr.write(`skipped, as the kernel here does not let us: ${stderr}`);
    return;
  }
  const { witnesses } = JSON.parse(stdout) as {
    witnesses: { fixture: string; end: string; cannotForce: string }[];
  };
  const ends = witnesses.map(({ fixture, end }) => `${fixture} ${end}`);
  expect(ends).toEqual([
    expect.stringMatching(/^thp-whole (forced-not-shown|cannot-run)$/),
    expect.stringMatching(/^copy-late-wake (tried-not-shown|cannot-run)$/),
  ]);
  expect(witnesses[1]!.cannotForce).toBe(
    'user space cannot stop "vcpu: write guest[0]" in userfaultfd_must_wait() while "monitor: uffd_serve copy" goes on',
  );
}, 240_000);

test.each([
  { words: '--witnesses uffd-wp-2018 --runs 1', code: 64, says: '--witnesses and --runs exclude each other' },
  { words: '--witnesses no-such', code: 64, says: 'unknown variant "no-such"' },
  {
    words: '--witnesses mkwrite-reuse-as-posted --fixture thp-whole',
    code: 65,
    says: 'mkwrite-reuse-as-posted does not build',
  },
])('conform $words: $code', async ({ words, code, says }) => {
  const ended = await faultline(['conform', ...words.split(' ')]);
  expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(says) });
});
