/** The model in every order in which the scheduler can let those go on whom something has woken. */
import type { ResolvedVariant } from '../core/index';
import type { Workload } from '../workload/index';
import { type Agreement, compareRuns, differencesOf, messageText, skipsOf } from './agreement';
import { Choices } from './choices';
import { runModel } from './model_run';
import type { KernelFeatures, Message, Observation, ObservedRun } from './observation';

/** Orders that are tried before a fixture counts as one that disagrees, and choices that are made in all of them. */
const MOST_ORDERS = 400;
const MOST_CHOICES = 20_000;

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
  let made = 0;
  for (; choices && orders < MOST_ORDERS && made < MOST_CHOICES; choices = choices.next(), orders++) {
    const witness = new Witness(real, best !== null);
    const model = runModel(workload, variant, { features, skips, choices, witness });
    made += choices.count;
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
  /** What the kernel told each actor in that turn. */
  private readonly byActor = new Map<string, readonly string[]>();
  private turn = -1;

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
