/** The model in every order in which the scheduler can let those go on whom something has woken. */
import type { ResolvedVariant } from '../core/index';
import type { Workload } from '../workload/index';
import { type Agreement, compareRuns, differencesOf, messageText, skipsOf } from './agreement';
import { Choices } from './choices';
import type { ModelOptions } from './model_options';
import { runModel } from './model_run';
import type { KernelFeatures, Message, Observation, ObservedRun } from './observation';

/** Where the search for an order gives up: runs of the model, and choices in all of them. */
export interface OrderBounds {
  readonly orders: number;
  readonly choices: number;
}
const defaultOrderBounds: OrderBounds = { orders: 400, choices: 20_000 };

export interface Ordered extends Agreement {
  /** Runs of the model until one did what the kernel did, or until all had been. */
  readonly orders: number;
}

/**
 * The run of the model that agrees with the kernel's, or else the one that does so for the longest time. If there are
 * more orders than are tried, and one had been chosen before the two differ, nobody knows what the others would have
 * done: then the fixture is compared up to there and counts neither as one that agrees nor as one that does not.
 */
export function compareInEveryOrder(
  real: ObservedRun,
  workload: Workload,
  variant: ResolvedVariant,
  features: KernelFeatures,
  bounds: OrderBounds = defaultOrderBounds,
): Ordered {
  const tried = (preempts: boolean): Tried =>
    tryOrders(real, workload, variant, { features, preempts }, bounds);
  const plain = tried(false);
  if (plain.best.first === null) return { ...plain.best, orders: plain.orders };
  // Most kernels' runs need no preemption, and there are many more orders with it.
  const preempted = tried(true);
  const isBetter = preempted.best.first === null || preempted.best.agreed > plain.best.agreed;
  const { best } = isBetter ? preempted : plain;
  const orders = plain.orders + preempted.orders;
  const isOpen = best.first !== null && (plain.isOpen || preempted.isOpen);
  return isOpen ? { ...undecided(best), orders } : { ...best, orders };
}

interface Tried {
  /** The run that agrees for the longest time. */
  readonly best: Agreement;
  /** There are more orders, which may agree for longer. */
  readonly isOpen: boolean;
  readonly orders: number;
}

function tryOrders(
  real: ObservedRun,
  workload: Workload,
  variant: ResolvedVariant,
  options: Pick<ModelOptions, 'features' | 'preempts'>,
  bounds: OrderBounds,
): Tried {
  const skips = skipsOf(real);
  let best: Agreement | null = null;
  let isOpen = false;
  let choices: Choices | null = new Choices();
  let orders = 0;
  let made = 0;
  for (; choices && orders < bounds.orders && made < bounds.choices; choices = choices.next(), orders++) {
    const witness: Witness = new Witness(real, best !== null, choices);
    const model = runModel(workload, variant, { ...options, skips, choices, witness });
    made += choices.count;
    if (witness.isOff) continue;
    const agreement = compareRuns(real, model);
    if (agreement.first === null) return { best: agreement, isOpen: false, orders: orders + 1 };
    if (best && agreement.agreed <= best.agreed) continue;
    best = agreement;
    isOpen = witness.hadChosenBefore(agreement.first.at);
  }
  return { best: best!, isOpen: choices !== null && isOpen, orders };
}

const undecided = (best: Agreement): Agreement => ({
  ...best,
  compared: best.agreed,
  first: null,
  cut: 'there are more orders in which its threads can go on than are tried',
});

/** Ends a run of the model as soon as it is not that of the kernel. */
class Witness {
  /** It was ended in the middle of a turn. */
  isOff = false;
  /** What the kernel told each actor in that turn. */
  private readonly byActor = new Map<string, readonly string[]>();
  private turn = -1;
  /** By turn: choices that were made up to its end. */
  private readonly chosen: number[] = [];

  /**
   * @param inTurns whether a message that the kernel did not give ends it, too
   * @param choices those of the run
   */
  constructor(
    private readonly real: ObservedRun,
    private readonly inTurns: boolean,
    private readonly choices: Choices,
  ) {}

  /** Whether anything had been chosen by the end of a turn. */
  hadChosenBefore(at: number): boolean {
    return (this.chosen[at] ?? this.choices.count) > 0;
  }

  /** Whether the kernel did the same in that turn, or took no such turn. */
  saw(at: number, observation: Observation): boolean {
    this.chosen[at] = this.choices.count;
    const real = this.real.observations[at];
    return !real || differencesOf(real, observation).length === 0;
  }

  /** Whether the message that the actor got in that turn, its nth there, is what the kernel gave it. */
  mayHear(at: number, message: Message, nth: number): boolean {
    const real = this.real.observations[at];
    if (!this.inTurns || !real) return true;
    this.isOff = unanswered(message) !== this.given(at, message.actor)[nth];
    return !this.isOff;
  }

  /** Addresses of the messages that the kernel gave next, of each reader the first: a likely order brings them about. */
  expects(at: number, heard: readonly Message[]): readonly number[] {
    const all = this.real.observations[at]?.messages ?? [];
    return [...new Set(all.map(({ actor }) => actor))].flatMap((actor) => {
      const count = heard.filter((one) => one.actor === actor).length;
      return all.filter((one) => one.actor === actor)[count]?.address ?? [];
    });
  }

  private given(at: number, actor: string): readonly string[] {
    if (this.turn !== at) {
      this.turn = at;
      this.byActor.clear();
    }
    const known = this.byActor.get(actor);
    if (known) return known;
    const all = this.real.observations[at]!.messages.filter((one) => one.actor === actor).map(unanswered);
    this.byActor.set(actor, all);
    return all;
  }
}

const unanswered = (message: Message): string => messageText({ ...message, answer: null });
