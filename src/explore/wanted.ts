/** Which other steps are to be tried at the choices of a path. */
import type { Choice } from './choice';
import type { Footprint } from './footprint';
import type { Hardware } from './hardware';
import type { History } from './history';
import { standIn } from './symmetry';
import type { Traffic } from './traffic';

export class Wants {
  constructor(
    private readonly path: readonly Choice[],
    /** Of the same path: one event for each choice. */
    private readonly history: History,
    private readonly twins: readonly number[],
    private readonly hardware: Hardware,
    private readonly traffic: Traffic,
  ) {}

  /**
   * Notes, at every earlier choice that this step of `actor` could have come before, that this is to be tried.
   * @param isLater other steps come before it, nobody knows which
   */
  noteRaces(actor: number, step: Footprint | null, isLater = false): void {
    if (!step) return;
    for (const event of this.history.races(actor, step)) {
      const choice = this.path[event]!;
      const first = (a: number): number => standIn(this.twins, (i) => (choice.begun >> i) % 2 === 1, a);
      const initials = this.history.initials(event, actor, isLater ? null : step).map(first);
      // Of one who sleeps, only what begins with his own next step was tried elsewhere.
      const isGuess = isLater && initials.every((i) => choice.asleep.has(i));
      if (!isGuess && initials.some((i) => choice.wanted.includes(i))) continue;
      // What hardware cannot do there yet becomes possible by a step that has a race of its own.
      const isYetToBe = (i: number): boolean => this.hardware.has(i) && !choice.enabled.includes(i);
      if (initials.length > 0 && initials.every(isYetToBe)) continue;
      const possible = isGuess ? [] : initials.filter((i) => choice.enabled.includes(i));
      if (possible.includes(first(actor))) {
        want(choice, [first(actor)]);
        continue;
      }
      const near = this.traffic.companyOf(actor, possible);
      want(choice, near.length > 0 ? near.slice(0, 1) : this.traffic.companyOf(actor, choice.enabled));
    }
  }
}

/**
 * The steps since then have led back to where they began. Whatever can follow can follow there, and what follows may
 * have come before any of them.
 * @param steps of the execution before that
 */
export function wantAllFrom(path: readonly Choice[], steps: number): void {
  for (const choice of path) {
    if (choice.at + choice.length <= steps) continue;
    choice.isInRound = true;
    want(choice, choice.enabled);
  }
}

function want(choice: Choice, actors: readonly number[]): void {
  for (const actor of actors) if (!choice.wanted.includes(actor)) choice.wanted.push(actor);
}
