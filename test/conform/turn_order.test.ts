/** Witnesses as orders of turns that user space can force, and what keeps it from doing so. */
import { loadFixtures, loadVariants } from '../../src/compare/load';
import { courseStart } from '../../src/conform/course';
import { followSchedule, followTurns, searchTurns } from '../../src/conform/turn_order';
import { type Plan, type Planned, planWitnesses } from '../../src/conform/witness_plan';
import type { ResolvedVariant } from '../../src/core/index';
import { compile, type Fixture, parseFixture, type Workload } from '../../src/workload/index';

const variant = (id: string): ResolvedVariant => loadVariants([id])[0]!.variant;
const fixture = (name: string): Fixture => loadFixtures([name])[0]!.fixture;

/** A writer of protected pages, and a monitor with these steps. */
const writes = (pages: string, monitor: string): Workload =>
  compile(
    parseFixture(
      `name: turns
asks: Who goes on when?
source: guide 1.1
memory: { guest: { size: 8KiB } }
start:
  - vcpu: write guest
  - monitor: uffd_register guest
  - monitor: uffd_protect guest
tasks:
  vcpu: ["write ${pages}"]
  monitor: [${monitor}]
`,
      'turns.yaml',
    ),
  );

describe('the turns of an order in which nobody is stopped', () => {
  test.each([
    {
      what: 'a turn ends where a step ends',
      workload: writes('guest[0]', '"uffd_unprotect guest", "uffd_protect guest", "uffd_unprotect guest"'),
      begins: ['monitor', 'vcpu'],
      turns: ['monitor', 'vcpu', 'monitor', 'monitor'],
    },
    {
      what: 'where the actor falls asleep, and again where it is woken and falls asleep once more',
      workload: writes('guest[0]', '"uffd_unprotect guest", "uffd_protect guest", "uffd_unprotect guest"'),
      begins: ['vcpu', 'monitor', 'monitor', 'vcpu'],
      turns: ['vcpu', 'monitor', 'monitor', 'vcpu', 'monitor', 'vcpu'],
    },
    {
      what: 'between two pages of a write',
      workload: writes('guest', '"uffd_unprotect guest"'),
      begins: ['monitor', 'vcpu'],
      turns: ['monitor', 'vcpu', 'vcpu'],
    },
    {
      what: 'between a message and its answer',
      workload: writes('guest[0]', 'uffd_serve'),
      begins: ['vcpu', 'monitor'],
      turns: ['vcpu', 'monitor', 'monitor', 'vcpu'],
    },
    {
      what: 'a step that comes to its end without one step of the kernel takes a turn, too',
      workload: writes('guest[1]', '"uffd_unprotect fault", "uffd_unprotect guest"'),
      begins: ['monitor', 'monitor'],
      turns: ['monitor', 'monitor', 'vcpu'],
    },
  ])('$what', ({ workload, begins, turns }) => {
    const start = courseStart(workload, variant('linux-6.18'));
    expect(followTurns(start, begins).turns).toEqual(turns);
    expect(followTurns(start, turns).turns).toEqual(turns);
  });
});

const plans = new Map<string, readonly Planned[]>();
function planOf(name: string, id: string): readonly Planned[] {
  const key = `${name} ${id}`;
  const known = plans.get(key) ?? planWitnesses(fixture(name), variant(id)).planned;
  plans.set(key, known);
  return known;
}
const firstPlan = (name: string, id: string): Plan => planOf(name, id)[0]!.plan;

const planned = [
  ['fork-cow-4k', 'uffd-wp-2018'],
  ['rewp-race', 'uffd-wp-2018'],
  ['fork-event-protected', 'uffd-wp-2018'],
  ['hugezero-whole', 'uffd-wp-2018'],
  ['unregister-while-waiting', 'linux-6.18'],
] as const;

test.each(planned)('the witnesses of %s for %s are forced, and break the same as turns', (name, id) => {
  const found = planOf(name, id);
  const start = courseStart(compile(fixture(name)), variant(id));
  expect(found.length).toBeGreaterThan(0);
  for (const { witness, plan } of found) {
    if (plan.kind !== 'turns') throw new Error(`${witness.invariant}: ${JSON.stringify(plan)}`);
    const again = followTurns(start, plan.turns);
    expect(again.turns).toEqual(plan.turns);
    expect([...again.found.keys()]).toContain(witness.invariant);
  }
});

test('a kernel with the fix breaks nothing in the order of the witness', () => {
  const plan = firstPlan('rewp-race', 'uffd-wp-2018');
  const start = courseStart(compile(fixture('rewp-race')), variant('linux-6.18'));
  expect(plan.kind === 'turns' && [...followTurns(start, plan.turns).found.keys()]).toEqual([]);
});

test('a thread that is stopped in the middle of the kernel is named with the function and who goes on', () => {
  const plan = firstPlan('copy-late-wake', 'uffd-wp-2018');
  expect(plan).toEqual({
    kind: 'inside',
    inside: {
      stopped: expect.objectContaining({ actor: 'vcpu', text: 'write guest[0]' }),
      where: 'userfaultfd_must_wait',
      beside: expect.objectContaining({ actor: 'monitor', text: 'uffd_serve copy' }),
    },
  });
});

test('what a CPU does when it likes cannot be planned', () => {
  const plan = firstPlan('protect-beside-walk-ahead', 'uffd-wp-2018');
  expect(plan).toEqual({ kind: 'cannot', reason: 'tlb_fill: the CPU does it when it likes' });
});

test('where a witness stops somebody in the kernel, another order that breaks the same is found', () => {
  const workload = writes('guest[0]', '"uffd_unprotect guest"');
  const start = courseStart(workload, variant('dirty-accountable-false'));
  const [vcpu, monitor] = [0, 1];
  const followed = followSchedule(start, [vcpu, vcpu, vcpu, monitor, monitor], 'no-sigbus');
  expect(followed.inside).toMatchObject({
    stopped: { text: 'write guest[0]' },
    where: 'handle_pte_fault',
    beside: { text: 'uffd_unprotect guest' },
  });
  const other = searchTurns(start, new Set(['no-sigbus'])).get('no-sigbus');
  expect(other?.turns).toEqual(['vcpu', 'monitor', 'vcpu']);
});
