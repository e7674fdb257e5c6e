/** What is wrong with steps that are each right: who takes them, in which order, and what they wait for. */
import { type Fixture, type Item, isRepeat, type Place, stepLists, stepsOf, type UserStep } from './fixture';
import { verbs } from './step_grammar';
import { didYouMean, oneOf } from './suggestion';
import type { YamlSource } from './yaml_source';

export function checkSteps(source: YamlSource, fixture: Fixture, actorsAreNamed: boolean): void {
  checkForks(source, fixture, actorsAreNamed);
  for (const { items, part } of stepLists(fixture)) {
    checkServe(source, items, part);
    for (const item of items) if (isRepeat(item)) checkRepeat(source, item.steps);
  }
  checkExit(source, fixture);
  checkSemaphores(source, fixture);
  checkCpus(source, fixture);
  checkUffds(source, fixture);
}

/** Every actor is a thread of a process or was forked before its first step. */
function checkForks(source: YamlSource, fixture: Fixture, actorsAreNamed: boolean): void {
  const threads = new Set(fixture.processes.flatMap(({ actors }) => actors));
  const forks = new Set<string>();
  const all = [...stepLists(fixture)].flatMap(({ items }) => [...stepsOf(items)]);
  const everForked = new Set(all.filter(({ verb }) => verb === 'fork').map(({ name }) => name!));
  const processes = new Set(fixture.processes.map(({ name }) => name));
  const see = (actor: string, place: Place): void => {
    if (threads.has(actor) || forks.has(actor)) return;
    if (everForked.has(actor)) source.fail(place, `${actor} takes a step before its fork`);
    const known = [...threads, ...everForked];
    source.fail(
      place,
      `there is no actor "${actor}"${didYouMean(actor, known)}; allowed: ${oneOf(known)}, or fork it first`,
    );
  };
  const fork = (step: UserStep): void => {
    const child = step.name!;
    if (forks.has(child) || processes.has(child) || (actorsAreNamed && threads.has(child))) {
      source.fail(step.place, `there is an actor or a process "${child}" already; allowed: a new name`);
    }
    forks.add(child);
  };
  const forksOf = (items: Iterable<Item>): UserStep[] =>
    [...stepsOf(items)].filter(({ verb }) => verb === 'fork');
  for (const { actor, step, place } of fixture.start) {
    see(actor, place);
    forksOf([step]).forEach(fork);
  }
  for (const items of fixture.tasks.values()) forksOf(items).forEach(fork);
  for (const [actor, items] of fixture.tasks) see(actor, items[0]!.place);
  for (const { actor, step, place } of fixture.finally) {
    see(actor, place);
    forksOf([step]).forEach(fork);
  }
}

function checkServe(source: YamlSource, items: readonly Item[], part: 'start' | 'tasks' | 'finally'): void {
  for (const [i, item] of items.entries()) {
    if (isRepeat(item) || item.verb !== 'uffd_serve') continue;
    if (part !== 'tasks') source.fail(item.place, `uffd_serve in ${part} would never end; allowed: in tasks`);
    if (i < items.length - 1)
      source.fail(item.place, 'uffd_serve never ends; allowed: as the last step of its task');
  }
}

function checkRepeat(source: YamlSource, items: readonly Item[]): void {
  for (const step of stepsOf(items)) {
    if (['fork', 'exit', 'uffd_serve'].includes(step.verb)) {
      source.fail(step.place, `${step.verb} cannot be repeated`);
    }
  }
}

/** Ending one thread would take the others with it, in the middle of what they do. */
function checkExit(source: YamlSource, fixture: Fixture): void {
  const order = new Map<string, UserStep[]>();
  for (const { actor, items } of stepLists(fixture)) {
    order.set(actor, [...(order.get(actor) ?? []), ...stepsOf(items)]);
  }
  for (const [actor, steps] of order) {
    const at = steps.findIndex(({ verb }) => verb === 'exit');
    if (at < 0) continue;
    const { place } = steps[at]!;
    const others = fixture.processes.find(({ actors }) => actors.includes(actor))?.actors ?? [actor];
    if (others.length > 1) {
      source.fail(
        place,
        `exit would end ${oneOf(others.filter((a) => a !== actor))} as well; allowed: the only thread of a process`,
      );
    }
    if (at < steps.length - 1) source.fail(steps[at + 1]!.place, `${actor} takes a step after its exit`);
  }
}

/** A CPU can be named once its actor runs: from the start, so not one that is forked. */
function checkCpus(source: YamlSource, fixture: Fixture): void {
  const threads = fixture.processes.flatMap(({ actors }) => actors);
  const steps = [...stepLists(fixture)].flatMap(({ items }) => [...stepsOf(items)]);
  for (const step of steps) {
    const namesActor = verbs[step.verb]!.parts.some((part) => part.kind === 'name' && part.of === 'actor');
    if (!namesActor || threads.includes(step.name!)) continue;
    const meant = didYouMean(step.name!, threads);
    source.fail(step.place, `there is no actor "${step.name}"${meant}; allowed: ${oneOf(threads)}`);
  }
}

function checkSemaphores(source: YamlSource, fixture: Fixture): void {
  const steps = [...stepLists(fixture)].flatMap(({ items }) => [...stepsOf(items)]);
  const posted = new Set(steps.filter(({ verb }) => verb === 'post').map(({ name }) => name!));
  for (const step of steps) {
    if (step.verb !== 'wait' || posted.has(step.name!)) continue;
    const meant = didYouMean(step.name!, posted);
    source.fail(step.place, `nobody posts "${step.name}"${meant}; allowed: a semaphore that some step posts`);
  }
}

function checkUffds(source: YamlSource, fixture: Fixture): void {
  const steps = [...stepLists(fixture)].flatMap(({ items }) => [...stepsOf(items)]);
  const opened = new Set(['uffd']);
  for (const step of steps) {
    if (step.verb !== 'uffd_open') continue;
    if (step.name !== null) opened.add(step.name);
    if (step.features.includes('fork')) opened.add('forked');
  }
  for (const step of steps) {
    if (step.uffd === null || opened.has(step.uffd)) continue;
    const meant = didYouMean(step.uffd, opened);
    source.fail(step.place, `nobody opens a userfaultfd "${step.uffd}"${meant}; allowed: ${oneOf(opened)}`);
  }
}
