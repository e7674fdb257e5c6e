/** From the witness of a race to an order of turns that user space can force, or to what keeps it from doing so. */
import { Course, type CourseStart, type Inside } from './course';

export interface TurnOrder {
  /** Actors. */
  readonly turns: readonly string[];
  /** By invariant, what these turns break in the model. */
  readonly found: ReadonlyMap<string, { readonly saw: string }>;
}

/** The witness itself as turns. */
export interface Forced extends TurnOrder {
  /** The first place at which it stops a thread where user space cannot; null where it never does. */
  readonly inside: Inside | null;
}

/** Follows a schedule until `invariant` is broken, and from there on nobody is stopped any more. */
export function followSchedule(start: CourseStart, schedule: readonly number[], invariant: string): Forced {
  const course = new Course(start);
  let inside: Inside | null = null;
  let last = -1;
  for (const position of schedule) {
    if (course.found.has(invariant) || !course.canGo(position)) break;
    if (last >= 0 && last !== position && course.rest(last) === 'inside') {
      inside ??= {
        stopped: course.stepOf(last),
        where: course.functionOf(last),
        beside: course.stepOf(position),
      };
    }
    course.take(position);
    last = position;
  }
  goOn(course, last);
  return { turns: course.turns, found: course.found, inside };
}

/** The turns of another kernel's run, in this one. */
export function followTurns(start: CourseStart, turns: readonly string[]): TurnOrder {
  const course = new Course(start);
  const silent = new Map<string, number>();
  let last = -1;
  for (const name of turns) {
    const position = course.positionOf(name);
    const seen = silent.get(name) ?? 0;
    if (seen < (course.silent.get(name) ?? 0)) {
      silent.set(name, seen + 1);
      continue;
    }
    if (position < 0 || !course.canGo(position) || course.isTooLong) continue;
    course.go(position);
    last = position;
  }
  goOn(course, last);
  return { turns: course.turns, found: course.found };
}

/** To the end, without stopping anybody. */
function goOn(course: Course, from: number): void {
  let last = from;
  for (let next = course.next(last); next !== null && !course.isTooLong; next = course.next(last)) {
    course.go(next);
    last = next;
  }
  if (!course.isTooLong) course.finish();
}

interface Choice {
  /** Positions, one for each turn that was decided about. */
  readonly decided: readonly number[];
  readonly deviations: number;
}

const MOST_ORDERS = 400;
const MOST_DEVIATIONS = 4;

/**
 * Orders of turns that break something, for each invariant the one that deviates least from going on undisturbed.
 * @param wanted the search ends when all of these are broken
 */
export function searchTurns(start: CourseStart, wanted: ReadonlySet<string>): Map<string, TurnOrder> {
  const orders = new Map<string, TurnOrder>();
  const queue: Choice[] = [{ decided: [], deviations: 0 }];
  for (let count = 0; count < MOST_ORDERS; count++) {
    const choice = queue.shift();
    if (!choice || [...wanted].every((invariant) => orders.has(invariant))) break;
    const { order, others } = tryOrder(start, choice);
    for (const invariant of order.found.keys()) {
      if (!orders.has(invariant)) orders.set(invariant, order);
    }
    if (choice.deviations < MOST_DEVIATIONS) queue.push(...others);
  }
  return orders;
}

function tryOrder(
  start: CourseStart,
  { decided, deviations }: Choice,
): { order: TurnOrder; others: Choice[] } {
  const course = new Course(start);
  const others: Choice[] = [];
  const taken: number[] = [];
  let last = -1;
  for (;;) {
    const chosen = decided[taken.length] ?? course.next(last);
    if (chosen === null || course.isTooLong || !course.canGo(chosen)) break;
    if (taken.length >= decided.length) {
      for (const other of course.positions) {
        if (other === chosen || !course.canGo(other)) continue;
        others.push({ decided: [...taken, other], deviations: deviations + 1 });
      }
    }
    course.go(chosen);
    taken.push(chosen);
    last = chosen;
  }
  if (!course.isTooLong) course.finish();
  return { order: { turns: course.turns, found: course.found }, others };
}
