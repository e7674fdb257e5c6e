/**
 * Which steps of one execution had to come in the order in which they came. Two steps are ordered when one actor took
 * both or when they touch an object that one of them writes; vector clocks carry that along.
 */
import { conflict, type Footprint, type Manner, mannerOf } from './footprint';

type Clock = Int32Array;

interface Event {
  readonly actor: number;
  /** This is the actor's n-th step, from 1. */
  readonly n: number;
  readonly clock: Clock;
}

interface Touch {
  readonly event: number;
  readonly manner: Manner;
  readonly kind: 'access' | 'acquire' | 'release';
}

/** Most steps race with nothing. */
const NONE: number[] = [];

export class History {
  readonly events: Event[] = [];
  private readonly clocks: Clock[];
  private readonly touches = new Map<number, Touch[]>();

  constructor(actors: number) {
    this.clocks = Array.from({ length: actors }, () => new Int32Array(actors));
  }

  /** Whether event `e` comes before whatever `actor` does next. */
  private precedes(e: Event, actor: number): boolean {
    return this.clocks[actor]![e.actor]! >= e.n;
  }

  /** Earlier events that the announced step of `actor` could have come before, latest first. */
  races(actor: number, step: Footprint): readonly number[] {
    let found: number[] = NONE;
    for (let i = 0; i < step.objects.length; i++) {
      const touches = this.touches.get(step.objects[i]!);
      if (touches === undefined) continue;
      const manner = mannerOf(step, i);
      const releases = i >= step.releasesFrom;
      for (const touch of touches) {
        if (!conflict(manner, touch.manner)) continue;
        // A lock cannot be taken before the release that it waited for.
        if (step.acquires && !releases && touch.kind === 'release') continue;
        // Nor released before it was taken; only one that was merely tried may have been released before.
        if (releases && touch.kind !== 'access') continue;
        const event = this.events[touch.event]!;
        if (event.actor !== actor && !this.precedes(event, actor) && !found.includes(touch.event)) {
          if (found === NONE) found = [touch.event];
          else found.push(touch.event);
        }
      }
    }
    return found.length > 1 ? found.sort((a, b) => b - a) : found;
  }

  /** Whether a step touches what some of these events did. */
  private needs(step: Footprint, events: readonly Event[]): boolean {
    return step.objects.some((object, i) =>
      (this.touches.get(object) ?? []).some(
        ({ event, manner }) => conflict(manner, mannerOf(step, i)) && events.includes(this.events[event]!),
      ),
    );
  }

  /** Appends a step that was taken. */
  add(actor: number, step: Footprint): void {
    const clock = this.clocks[actor]!;
    const index = this.events.length;
    step.objects.forEach((object, i) => {
      const manner = mannerOf(step, i);
      const kind = i >= step.releasesFrom ? 'release' : step.acquires ? 'acquire' : 'access';
      let touches = this.touches.get(object);
      if (!touches) this.touches.set(object, (touches = []));
      for (const touch of touches) {
        // One step may name an object twice, as an access and as a lock that it releases.
        if (touch.event !== index && conflict(manner, touch.manner))
          join(clock, this.events[touch.event]!.clock);
      }
      touches.push({ event: index, manner, kind });
    });
    clock[actor]!++;
    this.events.push({ actor, n: clock[actor]!, clock: clock.slice() });
  }

  /** Forgets all but the first `length` events. */
  truncate(length: number): void {
    if (length >= this.events.length) return;
    this.events.length = length;
    for (const [object, touches] of this.touches) {
      while (touches.length > 0 && touches[touches.length - 1]!.event >= length) touches.pop();
      if (touches.length === 0) this.touches.delete(object);
    }
    for (const clock of this.clocks) clock.fill(0);
    for (const { actor, clock } of this.events) this.clocks[actor]!.set(clock);
  }

  /**
   * Which actors could begin, right before event `e`, a run in which `actor`'s announced step comes before `e`:
   * of the later events that do not need `e`, the first ones.
   * @param step what it announces; null where only what it will touch some time is known
   */
  initials(e: number, actor: number, step: Footprint | null): number[] {
    const race = this.events[e]!;
    const free: Event[] = [];
    for (let j = e + 1; j < this.events.length; j++) {
      const event = this.events[j]!;
      if (event.clock[race.actor]! < race.n) free.push(event);
    }
    const initials: number[] = [];
    const seen = new Set<number>();
    for (const event of free) {
      if (seen.has(event.actor)) continue;
      seen.add(event.actor);
      if (!free.some((f) => f !== event && f.actor !== event.actor && event.clock[f.actor]! >= f.n)) {
        initials.push(event.actor);
      }
    }
    if (seen.has(actor) || free.some((f) => this.precedes(f, actor))) return initials;
    // Where only its future is known, the actor may need others first: better one of whom it is known.
    if (step === null ? free.length === 0 : !this.needs(step, free)) initials.push(actor);
    return initials;
  }
}

function join(into: Clock, from: Clock): void {
  for (let i = 0; i < into.length; i++) if (from[i]! > into[i]!) into[i] = from[i]!;
}

/** Whether two steps of different actors commute. */
export function independent(a: Footprint, b: Footprint): boolean {
  for (let i = 0; i < a.objects.length; i++) {
    const at = b.objects.indexOf(a.objects[i]!);
    if (at >= 0 && conflict(mannerOf(a, i), mannerOf(b, at))) return false;
  }
  return true;
}
