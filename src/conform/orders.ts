/** The model in every order in which the scheduler can let those go on whom something has woken. */
import type { ResolvedVariant } from '../core/index';
import type { Workload } from '../workload/index';
import { type Agreement, compareRuns, differencesOf, messageText, skipsOf } from './agreement';
import { Choices } from './choices';
import { runModel } from './model_run';
import type { KernelFeatures, Message, Observation, ObservedRun } from './observation';

/** Orders that are tried before a fixture counts as one that disagrees. */
const MOST_ORDERS = 400;

export interface Ordered extends Agreement {
  /** Runs of the model until one did what the kernel did, or until all had been. */
  readonly orders: number;
}

/** The run of the model that agrees with the kernel's, or else the one that does so for the longest time. */
export function compareInEveryOrder(
  real: ObservedRun,
  workload: Workload,
  variant: ResolvedVariant,
  features: KernelFeatures,
): Ordered {
  const skips = skipsOf(real);
  let best: Agreement | null = null;
  let choices: Choices | null = new Choices();
  let orders = 0;
  for (; choices && orders < MOST_ORDERS; choices = choices.next(), orders++) {
    const witness = new Witness(real, best !== null);
    const model = runModel(workload, variant, { features, skips, choices, witness });
    if (witness.isOff) continue;
    const agreement = compareRuns(real, model);
    if (agreement.first === null) return { ...agreement, orders: orders + 1 };
    if (!best || agreement.agreed > best.agreed) best = agreement;
  }
  return { ...best!, orders };
}

/** Ends a run of the model as soon as it is not that of the kernel. */
class Witness {
  /** It was ended in the middle of a turn. */
  isOff = false;

  /** @param inTurns whether a message that the kernel did not give ends it, too */
  constructor(
    private readonly real: ObservedRun,
    private readonly inTurns: boolean,
  ) {}

  /** Whether the kernel did the same in that turn, or took no such turn. */
  saw(at: number, observation: Observation): boolean {
    const real = this.real.observations[at];
    return !real || differencesOf(real, observation).length === 0;
  }

  /** Whether the kernel gave these messages to the actor in that turn, perhaps followed by others. */
  mayHear(at: number, actor: string, messages: readonly Message[]): boolean {
    const real = this.real.observations[at];
    if (!this.inTurns || !real) return true;
    const own = (all: readonly Message[]): string[] =>
      all.filter((one) => one.actor === actor).map((one) => messageText({ ...one, answer: null }));
    const given = own(real.messages);
    this.isOff = own(messages).some((text, i) => text !== given[i]);
    return !this.isOff;
  }
}
