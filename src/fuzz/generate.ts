/** Random fixtures: fast-check chooses numbers, and here they become a fixture that the grammar allows. */
import fc, { type Arbitrary } from 'fast-check';
import {
  type FileSpec,
  fileKinds,
  type Item,
  type PlacedStep,
  type RegionSpec,
  type UserStep,
  verbs,
  withHardware,
} from '../workload/index';
import { type Draft, nowhere, placed } from './draft';
import { type Choice, choices, FEATURES_AT, type Surroundings, stepFrom } from './step_choice';

export interface GenerateOptions {
  /** Verbs and groups of verbs that do not appear. */
  readonly without: ReadonlySet<string>;
  /** A userfaultfd may be opened with features that old kernels lack or that bring SIGBUS; else only those for events. */
  readonly everyFeature?: boolean;
  /** CPUs act on their own. */
  readonly hardware?: boolean;
}

interface RegionChoice {
  readonly huge: boolean;
  readonly pages: number;
  readonly hugePages: number;
  /** Below the number of files: backed by that one. */
  readonly file: number;
  readonly shared: boolean;
  readonly prot: 'rw' | 'r' | 'none' | 'rwx';
  readonly thp: boolean | 'default';
  readonly mergeable: boolean;
  readonly mapped: boolean;
  readonly elsewhere: boolean;
}

interface Plan {
  readonly softdirty: boolean;
  readonly nodes: number;
  readonly thp: 'always' | 'madvise' | 'never';
  readonly fileKinds: readonly FileSpec['kind'][];
  readonly regions: readonly RegionChoice[];
  readonly twoProcesses: boolean;
  /** Somebody who answers messages from the start of the tasks on. */
  readonly monitor: 'none' | 'unprotect' | 'snapshot' | 'copy' | 'zeropage';
  /** What is done with the first region before all else, because most that follows needs it. */
  readonly prelude: keyof typeof preludes;
  /** Of the userfaultfd that the prelude opens, as bits. */
  readonly features: number;
  readonly everyFeature: boolean;
  readonly start: readonly Choice[];
  readonly tasks: readonly (readonly Choice[])[];
  readonly finally: readonly Choice[];
}

const preludes = {
  none: [],
  written: ['write'],
  registered: ['write', 'uffd_register'],
  protected: ['write', 'uffd_register', 'uffd_protect'],
  opened: ['write', 'uffd_open', 'uffd_register', 'uffd_protect'],
} as const;

const mostly = <T>(usual: T, ...others: T[]): Arbitrary<T> =>
  fc.oneof(
    { arbitrary: fc.constant(usual), weight: 5 },
    ...others.map((one) => ({ arbitrary: fc.constant(one), weight: 1 })),
  );

const regions: Arbitrary<RegionChoice> = fc.record({
  huge: mostly(false, true, true),
  pages: fc.integer({ min: 1, max: 4 }),
  hugePages: mostly(1, 2),
  file: fc.integer({ min: 0, max: 5 }),
  shared: fc.boolean(),
  prot: mostly<RegionChoice['prot']>('rw', 'r', 'rwx'),
  thp: mostly<RegionChoice['thp']>(true, 'default', false),
  mergeable: mostly(false, true),
  mapped: mostly(true, false),
  elsewhere: mostly(false, true),
});

function featureCount(): number {
  const part = verbs.uffd_open?.parts.find(({ kind }) => kind === 'features');
  return part?.kind === 'features' ? part.of.length : 0;
}

/** Drafts; every one of them is a fixture, and the small ones among them come from small choices. */
export function drafts(options: GenerateOptions): Arbitrary<Draft> {
  const choice = choices(options.without);
  const steps = (minLength: number, maxLength: number): Arbitrary<Choice[]> =>
    fc.array(choice, { minLength, maxLength });
  const { everyFeature = false } = options;
  const hasUffd = !options.without.has('userfaultfd') && !options.without.has('uffd_serve');
  const plan = {
    softdirty: mostly(true, false),
    nodes: mostly(1, 2, 2),
    thp: mostly<Plan['thp']>('always', 'madvise', 'never'),
    fileKinds: fc.array(fc.constantFrom(...fileKinds), { maxLength: 2 }),
    regions: fc.array(regions, { minLength: 1, maxLength: 3 }),
    twoProcesses: mostly(false, true),
    prelude: hasUffd
      ? mostly<Plan['prelude']>(
          ...(['none', 'written', 'registered', 'protected', 'protected', 'protected'] as const),
          ...(everyFeature ? (['opened', 'opened'] as const) : []),
        )
      : mostly<Plan['prelude']>('none', 'written'),
    features: everyFeature ? fc.nat(2 ** featureCount() - 1) : fc.constant(0),
    everyFeature: fc.constant(everyFeature),
    monitor: hasUffd
      ? fc.constantFrom<Plan['monitor']>('none', 'unprotect', 'snapshot', 'copy', 'zeropage')
      : fc.constant<Plan['monitor']>('none'),
  };
  const sequential: Arbitrary<Plan> = fc.record({
    ...plan,
    start: steps(0, 6),
    tasks: fc.constant([]),
    finally: steps(1, 10),
  });
  const concurrent: Arbitrary<Plan> = fc.record({
    ...plan,
    start: steps(0, 6),
    tasks: fc.array(steps(1, 3), { minLength: 2, maxLength: 3 }),
    finally: steps(0, 3),
  });
  // Without tasks beside one another hardware has nothing to do.
  if (options.hardware) return concurrent.map((one) => withHardware(new Composer(one).draft()));
  return fc.oneof(sequential, concurrent).map((one) => new Composer(one).draft());
}

const PAGE = 4096;
const HUGE = 512 * PAGE;
const FILE_PAGES = 4;
const FIRST = 'program';
const SECOND = 'other';
const THREADS = ['a', 'b', 'c'];
const names = ['guest', 'heap', 'later'];

class Composer {
  private readonly files: FileSpec[];
  private readonly memory: RegionSpec[];
  /** Actors that can take a step by now, each with its process. */
  private readonly alive: { actor: string; root: string; isChild: boolean }[] = [];
  private readonly uffds: string[] = [];
  private readonly readers = new Set<string>();
  private forks = 0;
  private hasDefaultUffd = false;

  constructor(private readonly plan: Plan) {
    this.files = plan.fileKinds.map((kind, i) => ({ name: `file${i + 1}`, kind, pages: FILE_PAGES }));
    this.memory = plan.regions.map((choice, i) => this.region(choice, names[i]!));
    for (const actor of THREADS) this.alive.push({ actor, root: FIRST, isChild: false });
    if (plan.twoProcesses) this.alive.push({ actor: 'd', root: SECOND, isChild: false });
  }

  draft(): Draft {
    const { plan } = this;
    const prelude = preludes[plan.prelude].map((verb) => ({
      ...noChoice,
      verb,
      extras: verb === 'uffd_open' ? plan.features << FEATURES_AT : 0,
    }));
    const start = this.listed([...prelude, ...plan.start]);
    const tasks = this.tasks();
    const last = this.listed(plan.finally);
    const threads = plan.monitor === 'none' ? THREADS : [...THREADS, 'monitor'];
    const processes = [{ name: FIRST, actors: threads }];
    if (plan.twoProcesses) processes.push({ name: SECOND, actors: ['d'] });
    const machine = {
      softdirty: plan.softdirty,
      nodes: plan.nodes,
      entries: null,
      thp: plan.thp,
      hardware: false,
    };
    return { machine, files: this.files, processes, memory: this.memory, start, tasks, finally: last };
  }

  private region(choice: RegionChoice, name: string): RegionSpec {
    const file = this.files[choice.file];
    const isHuge = choice.huge && !file;
    return {
      name,
      process: choice.elsewhere && this.plan.twoProcesses ? SECOND : FIRST,
      bytes: isHuge ? choice.hugePages * HUGE : choice.pages * PAGE,
      prot: choice.prot,
      thp: isHuge ? choice.thp : false,
      advice: choice.mergeable && !file ? ['mergeable'] : [],
      at: null,
      file: file?.name ?? null,
      shared: file !== undefined && (choice.shared || file.kind === 'device'),
      mapped: choice.mapped,
      place: nowhere,
    };
  }

  private tasks(): Map<string, Item[]> {
    const tasks = new Map<string, Item[]>();
    for (const [i, choices] of this.plan.tasks.entries()) {
      const free = this.alive.filter(({ actor }) => !tasks.has(actor));
      // Children that the start has forked come first: they are there because somebody wants them.
      const who = free.find(({ isChild }) => isChild && i > 0) ?? free[0];
      if (!who) break;
      const items: Item[] = [];
      tasks.set(who.actor, items);
      for (const choice of choices) {
        const step = this.step(choice, who.actor, who.root);
        if (step) items.push(step);
        if (step?.verb === 'uffd_serve' || step?.verb === 'exit') break;
      }
      if (items.length === 0) tasks.delete(who.actor);
    }
    const { monitor } = this.plan;
    if (monitor !== 'none') {
      const serve = stepFrom({ ...noChoice, verb: 'uffd_serve' }, this.around(FIRST, 'monitor'))!;
      tasks.set('monitor', [{ ...serve, word: monitor === 'unprotect' ? null : monitor }]);
    }
    return tasks;
  }

  /** Steps of `start` or `finally`, where nobody may wait for messages. */
  private listed(choices: readonly Choice[]): PlacedStep[] {
    return choices.flatMap((choice) => {
      const who = this.alive[choice.actor % this.alive.length]!;
      const verb = ['uffd_serve', 'uffd_wait'].includes(choice.verb) ? 'uffd_poll' : choice.verb;
      const step = this.step({ ...choice, verb }, who.actor, who.root);
      return step ? [placed(who.actor, step)] : [];
    });
  }

  private around(root: string, actor: string): Surroundings {
    return {
      regions: this.memory.filter(({ process }) => process === root),
      files: this.files,
      nodes: this.plan.nodes,
      uffds: this.uffds,
      child: `child${this.forks + 1}`,
      hasDefaultUffd: this.hasDefaultUffd,
      hasMessage: this.readers.has(actor),
      everyFeature: this.plan.everyFeature,
    };
  }

  private step(choice: Choice, actor: string, root: string): UserStep | null {
    const isChild = this.alive.some((one) => one.actor === actor && one.isChild);
    // Only a child is the one thread of its process.
    if (choice.verb === 'exit' && !isChild) return null;
    const step = stepFrom(choice, this.around(root, actor));
    if (step === null) return null;
    if (step.verb === 'fork') {
      this.forks++;
      this.alive.push({ actor: step.name!, root, isChild: true });
    }
    if (step.verb === 'exit')
      this.alive.splice(
        this.alive.findIndex((one) => one.actor === actor),
        1,
      );
    if (step.verb === 'uffd_open' && step.name !== null && !this.uffds.includes(step.name))
      this.uffds.push(step.name);
    if (step.verb.startsWith('uffd_')) this.hasDefaultUffd = true;
    if (step.verb === 'uffd_wait' || step.verb === 'uffd_poll') this.readers.add(actor);
    return step;
  }
}

const noChoice: Choice = {
  verb: Object.keys(verbs)[0]!,
  actor: 0,
  region: 0,
  span: 0,
  first: 0,
  last: 0,
  word: 0,
  value: 0,
  extras: 0,
};
