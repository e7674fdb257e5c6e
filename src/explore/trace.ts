/** One run, told: what each actor did, in which function, and what it changed. */

export interface Change {
  /** For example `pte guest[5]`, `page 1027 flags`, `ptl`, `tlb of vcpu`. */
  readonly object: string;
  readonly before: string;
  readonly after: string;
}

export interface TraceLine {
  /** Position of the actor among `Trace.actors`. */
  readonly actor: number;
  /** Depth of the call chain. */
  readonly depth: number;
  /**
   * `step`: an access to shared state. `release`: of a lock, which belongs to the step before it. `call`: a kernel
   * function is entered. `fixture`: a step of the fixture begins or ends. The rest are what the kernel or the hardware
   * tells.
   */
  readonly kind:
    | 'fixture'
    | 'call'
    | 'step'
    | 'release'
    | 'log'
    | 'fault'
    | 'signal'
    | 'event'
    | 'wake'
    | 'bug'
    | 'broken';
  readonly text: string;
  readonly changes: readonly Change[];
}

/** A step that was performed while nobody else ran: in `start` or `finally` of the fixture, or what follows them. */
export interface SoloStep {
  /** Empty for the exit of all processes. */
  readonly actor: string;
  /** In the fixture's words. */
  readonly text: string;
  /** Of the entries of all regions. */
  readonly changes: readonly Change[];
  readonly told: readonly SoloLine[];
}

export interface SoloLine {
  readonly kind: 'fixture' | 'log' | 'signal' | 'event' | 'wake' | 'bug' | 'broken';
  readonly text: string;
}

/** Whether somebody has been hurt, rather than told. */
export const goesWrong = ({ kind }: Pick<TraceLine, 'kind'>): boolean =>
  kind === 'broken' || kind === 'bug' || kind === 'signal';

/** A leaf entry of a region by name. */
export interface EntryState {
  readonly where: string;
  readonly entry: string;
}

export interface Trace {
  readonly fixture: string;
  readonly variant: string;
  readonly actors: readonly string[];
  /** One after another, before the tasks begin. */
  readonly start: readonly SoloStep[];
  /** The tasks, in the order of the schedule. */
  readonly lines: readonly TraceLine[];
  /** Nobody can go on. A run that shows a break may end there, while the tasks are still under way. */
  readonly isOver: boolean;
  /** One after another, when the tasks have ended; without steps of the kernel's own in which nothing is told. */
  readonly finish: readonly SoloStep[];
  /** Entries of the regions before the tasks began and after the last step; runs of equal entries are one. */
  readonly before: readonly EntryState[];
  readonly after: readonly EntryState[];
}
