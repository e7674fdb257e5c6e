/**
 * Generators that can be copied. A build step (compare/resumable.ts) turns each `function*` of the kernel into a
 * function that returns a Frame: its body as a state machine, its variables within reach. So a search can save where
 * every actor stands and come back to it, and one step costs the same however deep the call chain is.
 */
import { Done, type Run, type Step } from './run';

/** What a body says when it lets go of the CPU; the numbers are known to compare/resumable.ts. */
const Signal = { end: 0, pause: 1, enter: 2 } as const;
type Signal = (typeof Signal)[keyof typeof Signal];

type Body = (this: unknown, frame: Frame) => Signal;
/** What is known of a function, the same for all its calls. */
interface Facts {
  /** Which one it is. */
  readonly number: number;
  /** By label: places of the variables that matter there. */
  readonly live: readonly (readonly number[])[];
  /** Null where it closes over more than the module. */
  readonly body: Body | null;
}

type Running = Frame | Iterator<Step, unknown, undefined>;

/** The activation of one function. The outermost of a call chain runs those within. */
export class Frame implements Iterator<Step, unknown, undefined> {
  /** Where the body goes on. */
  label = 0;
  /** What the body hands out, or the frame that it enters. */
  private value: unknown = undefined;
  /** What it is handed in return. */
  private received: unknown = undefined;
  /** Of the outermost: those that it has entered, innermost last; null before it has begun. */
  private chain: Running[] | null = null;
  /** What was last told of where it stands. */
  private saved: readonly unknown[] = NOTHING;

  constructor(
    private readonly self: unknown,
    private readonly body: Body,
    private readonly facts: Facts,
    /** Those of the call; a body closes over nothing else that changes. */
    readonly variables: unknown[],
  ) {}

  [Symbol.iterator](): this {
    return this;
  }

  /** Called by bodies: what the last pause or entered frame came to. */
  sent(): unknown {
    return this.received;
  }
  /** Called by bodies: hands out a value. */
  pause(value: unknown): Signal {
    this.label++;
    this.value = value;
    this.received = undefined;
    return Signal.pause;
  }
  /**
   * Called by bodies: runs another frame.
   * @returns false where that needs no step and its result is there already
   */
  enter(run: Run<unknown>): boolean {
    this.label++;
    if (run instanceof Done) {
      this.received = run.result.value;
      return false;
    }
    this.value = run;
    return true;
  }
  /** Called by bodies: returns. */
  end(value?: unknown): Signal {
    this.value = value;
    return Signal.end;
  }

  /** Runs to the next step. */
  next(): IteratorResult<Step, unknown> {
    const chain = (this.chain ??= [this]);
    for (;;) {
      const top = chain[chain.length - 1];
      if (top === undefined) return { done: true, value: undefined };
      if (!(top instanceof Frame)) {
        const { done, value } = top.next();
        if (!done) return { done: false, value };
        if (!this.leave(chain, value)) return { done: true, value };
        continue;
      }
      const signal = top.body.call(top.self, top);
      const { value } = top;
      if (signal === Signal.pause) return { done: false, value: value as Step };
      if (signal === Signal.enter) {
        chain.push(value instanceof Frame ? value : (value as Run<unknown>)[Symbol.iterator]());
      } else if (!this.leave(chain, value)) return { done: true, value };
    }
  }

  /** Ends the innermost frame. @returns false where it was the last */
  private leave(chain: Running[], result: unknown): boolean {
    chain.pop();
    const caller = chain[chain.length - 1];
    if (caller === undefined) return false;
    (caller as Frame).received = result;
    return true;
  }

  /**
   * All that has to be kept to come back here: what was entered, and where each of them stands.
   * @returns null where a generator is among them that was not compiled and so cannot be copied
   */
  save(): SavedFrames | null {
    const chain = this.chain ?? [this];
    const frames: Frame[] = [];
    const states: (readonly unknown[])[] = [];
    for (const frame of chain) {
      if (!(frame instanceof Frame)) return null;
      frames.push(frame);
      states.push(frame.state());
    }
    return { isBegun: this.chain !== null, frames, states };
  }
  /** The same list as last time where nothing has changed, as is so of most that wait for what they have entered. */
  private state(): readonly unknown[] {
    const { facts, label, variables, saved } = this;
    const live = facts.live[label]!;
    if (saved.length === live.length + KEPT_FIRST && saved[1] === label && this.isAsSaved(live)) return saved;
    const state: unknown[] = [facts.number, label];
    for (let i = 0; i < live.length; i++) state.push(variables[live[i]!]);
    return (this.saved = state);
  }
  private isAsSaved(live: readonly number[]): boolean {
    const { variables, saved } = this;
    for (let i = 0; i < live.length; i++) if (variables[live[i]!] !== saved[KEPT_FIRST + i]) return false;
    return true;
  }

  restore({ isBegun, frames, states }: SavedFrames): void {
    this.chain = isBegun ? [...frames] : null;
    for (let i = 0; i < frames.length; i++) frames[i]!.moveTo(states[i]!);
  }
  private moveTo(state: readonly unknown[]): void {
    this.saved = state;
    this.label = state[1] as number;
    // Whoever is parked has not received anything yet.
    this.received = undefined;
    const { variables } = this;
    const live = this.facts.live[this.label]!;
    for (let i = 0; i < live.length; i++) variables[live[i]!] = state[KEPT_FIRST + i];
  }
}

const NOTHING: readonly unknown[] = [];

/** Of what is kept of a frame: its function and label, before its variables. */
const KEPT_FIRST = 2;

export interface SavedFrames {
  readonly isBegun: boolean;
  /** Outermost first. */
  readonly frames: readonly Frame[];
  /** Of each frame its function, label and those variables that still matter: equal where the future is. */
  readonly states: readonly (readonly unknown[])[];
}

// What compiled functions call, under the names that compare/resumable.ts writes.

/** Whether calls give the engine's generators instead of frames. */
export const __native = { on: false };

/** Runs something with generators as they are written: slower, but the stack of an error tells who called whom. */
export function natively<T>(run: () => T): T {
  const before = __native.on;
  __native.on = true;
  try {
    return run();
  } finally {
    __native.on = before;
  }
}

let functions = 0;
/** Makes what is known of a function. */
export const __facts = (live: Facts['live'], body: Body | null = null): Facts => ({
  number: functions++,
  live,
  body,
});
/** Makes the frame of a call. */
export const __frame = (self: unknown, body: Body, facts: Facts, variables: unknown[]): Frame =>
  new Frame(self, body, facts, variables);
/** What a loop goes through: an array, because a position in an array can be copied. */
export const __list = (items: Iterable<unknown>): readonly unknown[] =>
  Array.isArray(items) ? items : Array.from(items);
/** `[...a, ...b]`. */
export const __spreadArray = (to: unknown[], from: Iterable<unknown>, _pack?: boolean): unknown[] => {
  for (const item of from) to.push(item);
  return to;
};
export const __assign = Object.assign;
/** `{ a, ...rest }`. */
export function __rest(from: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  const rest = { ...from };
  for (const name of names) delete rest[name];
  return rest;
}

/** All that compiled functions need in scope. */
export const runtime: Readonly<Record<string, unknown>> = {
  __native,
  __facts,
  __frame,
  __list,
  __spreadArray,
  __assign,
  __rest,
};
