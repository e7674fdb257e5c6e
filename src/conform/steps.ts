/** Workload to the step list of the agent: one job of plain lines. conform/README.md has the protocol. */
import {
  type ActorStep,
  addressOfPage,
  type Item,
  isRepeat,
  type Region,
  showStep,
  type UserStep,
  type Workload,
} from '../workload/index';

/** One step of the list, as reports name it. */
export interface ListedStep {
  readonly id: number;
  readonly actor: string;
  readonly part: 'start' | 'tasks' | 'finally';
  readonly text: string;
}

export interface Job {
  readonly name: string;
  /** Lines for the agent. */
  readonly text: string;
  readonly steps: readonly ListedStep[];
}

export interface JobOptions {
  /** Tells jobs of one fixture apart; its own name unless given. */
  readonly name?: string;
  /** Seconds for the whole job, after which the agent goes on with the next one. */
  readonly limit?: number;
  /** Seconds after which a step that neither ends nor waits counts as spinning. */
  readonly turn?: number;
  /** Actors of `tasks` in the order of their turns; what is left then follows in the usual order. */
  readonly turns?: readonly string[];
}

/** A fixture that the agent has no room for. */
export class JobError extends Error {
  override name = 'JobError';
}

const UNLESS_TOLD = { limit: 60, turn: 10 };
/** As in conform/agent/agent.h. */
const room = { actors: 16, regions: 32, files: 8, semaphores: 16, lines: 4096, turns: 4096 };

const featureBits: Readonly<Record<string, number>> = {
  fork: 1 << 1,
  remap: 1 << 2,
  remove: 1 << 3,
  unmap: 1 << 6,
  sigbus: 1 << 7,
  wp_unpopulated: 1 << 13,
  wp_async: 1 << 15,
};

/**
 * The order of the list is that of the run: regions are mapped, then `start` step by step. Of `tasks` always the first
 * actor that can takes a turn, those that serve before all others; `finally` is step by step again.
 * @throws JobError
 */
export function jobOf(workload: Workload, options: JobOptions = {}): Job {
  const { fixture, actors } = workload;
  const { name, limit, turn, turns } = { ...UNLESS_TOLD, name: fixture.name, turns: [], ...options };
  const list = new StepList(workload, turns.length > 0);
  const { softdirty, nodes, thp } = fixture.machine;
  const lines = [
    `job ${name}`,
    `machine softdirty=${softdirty ? 1 : 0} nodes=${nodes} thp=${thp} content=1 limit=${limit * 1000} turn=${turn * 1000}`,
    ...fixture.files.map(({ name, kind, pages }) => `file ${name} ${kind} ${pages}`),
    ...actors.map(({ name, process, daemon, forkedBy }) =>
      words('actor', name, process, daemon && 'daemon=1', forkedBy !== null && `parent=${forkedBy}`),
    ),
    ...[...workload.regions.values()].map((region) => regionLine(workload, region)),
    'start',
    ...[...workload.regions.values()].filter(({ spec }) => spec.mapped).map((r) => mapLine(workload, r)),
    ...list.placed(workload.start, 'start'),
    'tasks',
    ...[...workload.tasks].flatMap(([actor, items]) => list.items(actor, items, 'tasks')),
    'finally',
    ...list.placed(workload.finally, 'finally'),
  ];
  checkRoom(workload, lines.length, turns.length);
  lines.push(...turns.map((actor) => `turn ${actor}`), 'go');
  return { name, text: `${lines.join('\n')}\n`, steps: list.steps };
}

function checkRoom({ actors, regions, fixture, semaphores }: Workload, lines: number, turns: number): void {
  const has = {
    actors: actors.length,
    regions: regions.size,
    files: fixture.files.length,
    semaphores: semaphores.length,
    lines,
    turns,
  };
  for (const [what, most] of Object.entries(room)) {
    const count = has[what as keyof typeof has];
    if (count > most)
      throw new JobError(`${fixture.name} has ${count} ${what}; the agent has room for ${most}`);
  }
}

const MOST_PAUSES = 16;

/** Whether an actor that follows an order of turns pauses after each page of the step but the last. */
export function pausesAt({ verb, on }: UserStep): boolean {
  const pages = on === null ? 0 : on.last - on.first + 1;
  return (verb === 'write' || verb === 'read') && pages > 1 && pages <= MOST_PAUSES;
}

/** The actor whose process has the region. */
function holderOf(workload: Workload, region: Region): string {
  const holder = workload.actors.find(
    ({ process, forkedBy }) => process === region.spec.process && !forkedBy,
  );
  if (!holder) throw new JobError(`${workload.fixture.name}: nobody acts in process ${region.spec.process}`);
  return holder.name;
}

const hex = (address: number): string => `0x${address.toString(16)}`;
const words = (...all: (string | false)[]): string => all.filter((word) => word !== false).join(' ');

function protectionOf(word: string): number {
  if (word === 'none') return 0;
  return (word.includes('r') ? 1 : 0) | (word.includes('w') ? 2 : 0) | (word.includes('x') ? 4 : 0);
}

function regionLine(workload: Workload, region: Region): string {
  const { name, spec, start, pages } = region;
  return words(
    'region',
    name,
    holderOf(workload, region),
    `at=${hex(start)}`,
    `pages=${pages}`,
    `prot=${protectionOf(spec.prot)}`,
    spec.thp !== 'default' && `thp=${spec.thp ? 1 : 0}`,
    spec.file !== null && `file=${spec.file}`,
    spec.shared && 'shared=1',
    spec.advice.length > 0 && `advice=${spec.advice.join(',')}`,
  );
}

const mapLine = (workload: Workload, region: Region): string =>
  `op ${holderOf(workload, region)} -1 mmap region=${region.name} ${rangeWords(region, 0, region.pages)}`;

const rangeWords = (region: Region, first: number, pages: number): string =>
  `at=${hex(addressOfPage(region, first))} pages=${pages}`;

/** The steps of a workload as reports number them. */
export function listSteps(workload: Workload): {
  steps: readonly ListedStep[];
  ids: ReadonlyMap<UserStep, number>;
} {
  const list = new StepList(workload);
  list.placed(workload.start, 'start');
  for (const [actor, items] of workload.tasks) list.items(actor, items, 'tasks');
  list.placed(workload.finally, 'finally');
  return list;
}

/** Numbers the steps in the order of the list. */
class StepList {
  readonly steps: ListedStep[] = [];
  readonly ids = new Map<UserStep, number>();
  constructor(
    private readonly workload: Workload,
    private readonly pauses = false,
  ) {}

  placed(all: readonly ActorStep[], part: ListedStep['part']): string[] {
    return all.flatMap(({ actor, step }) => this.items(actor, [step], part));
  }

  items(actor: string, items: readonly Item[], part: ListedStep['part']): string[] {
    return items.flatMap((item) => {
      if (!isRepeat(item)) return [this.line(actor, item, part)];
      const inner = this.items(actor, item.steps, part);
      return [`repeat ${actor} ${item.repeat}`, ...inner, `end ${actor}`];
    });
  }

  private line(actor: string, step: UserStep, part: ListedStep['part']): string {
    const id = this.steps.length;
    this.ids.set(step, id);
    this.steps.push({ id, actor, part, text: showStep(step) });
    return words('op', actor, String(id), step.verb, ...this.arguments(step));
  }

  private arguments(step: UserStep): (string | false)[] {
    const { on, to, name, verb } = step;
    const { regions, semaphores } = this.workload;
    const isSemaphore = verb === 'post' || verb === 'wait';
    const isFile = verb === 'fsync' || verb === 'file_write';
    return [
      on !== null && rangeWords(regions.get(on.region)!, on.first, on.last - on.first + 1),
      on !== null && `region=${on.region}`,
      step.onFault && 'fault=1',
      this.pauses && pausesAt(step) && 'pauses=1',
      to !== null && `to=${hex(regions.get(to)!.start)}`,
      step.value !== null && `value=${step.value}`,
      step.word !== null && `word=${step.word}`,
      step.flags.length > 0 && `flags=${step.flags.join(',')}`,
      verb === 'fork' && `child=${name}`,
      isFile && `file=${name}`,
      step.filePage !== null && `filepage=${step.filePage}`,
      isSemaphore && `semaphore=${semaphores.indexOf(name!)}`,
      verb === 'uffd_open' && name !== null && `uffd=${name}`,
      step.uffd !== null && `uffd=${step.uffd}`,
      step.node !== null && `node=${step.node}`,
      step.features.length > 0 &&
        `features=${step.features.reduce((sum, feature) => sum | featureBits[feature]!, 0)}`,
    ];
  }
}
