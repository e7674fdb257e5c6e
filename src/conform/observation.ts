/** What user space can see of a run, step by step: the same type from a real kernel and from the model. */
import type { ListedStep } from './steps';

/**
 * Pages of a region that look alike. `bits` has seven letters, `-` for "no" and `?` for "cannot be told here":
 * `p`resent or `s`wapped, `f`ile or shared memory, e`x`clusive, soft-`d`irty, uffd-`w`p, `h`uge (mapped by an entry of
 * the upper table), `z`ero page or `k`sm page.
 */
export interface PageRun {
  readonly first: number;
  readonly last: number;
  readonly bits: string;
  /** The categories of PAGEMAP_SCAN, as `scanCategories` in model_scan.ts has them; all `?` where there is no such call. */
  readonly scan: string;
  /** Of the first page; null where it is not present. Each further page has `stride` more. */
  readonly content: number | null;
  readonly stride: number;
}

/** A VMA as smaps has it; pages count from the region's start, sizes are KiB. */
export interface VmaView {
  readonly first: number;
  readonly last: number;
  readonly permissions: string;
  readonly anonymous: number;
  readonly huge: number;
  readonly lazyFree: number;
  readonly swap: number;
  readonly flags: readonly string[];
}

/** One region of one process. What no VMA covers is in no run. */
export interface RegionView {
  readonly process: string;
  readonly region: string;
  readonly pages: readonly PageRun[];
  readonly vmas: readonly VmaView[];
}

export type Outcome =
  /** What the kernel returned: 0 or more, or a negative errno. */
  | { readonly kind: 'done'; readonly result: number }
  | { readonly kind: 'signal'; readonly signal: string; readonly code: number; readonly address: number }
  /** This kernel cannot do it. */
  | { readonly kind: 'skip'; readonly reason: string }
  /** The process ended in the middle. */
  | { readonly kind: 'died' };

export interface ValueRun {
  readonly first: number;
  readonly count: number;
  readonly value: number;
  readonly stride: number;
}

export interface StepEnd {
  readonly actor: string;
  readonly step: number;
  readonly outcome: Outcome;
  /** What was read, page by page of the step. */
  readonly reads: readonly ValueRun[];
  /** Of the thread during the step; null where the agent's own faults cannot be kept apart. */
  readonly minorFaults: number | null;
  readonly majorFaults: number | null;
  /** Of the model: how many of the minor ones may be major, and how many more of these there may be. */
  readonly faultsMay?: { readonly beMajor: number; readonly come: number };
}

/** A message of a userfaultfd, with the result of the answer that `uffd_serve` gave. */
export interface Message {
  readonly actor: string;
  readonly event: string;
  readonly flags: number;
  readonly address: number;
  readonly to: number;
  readonly length: number;
  readonly answer: number | null;
}

/**
 * `ended` and `waits`: the step; `blocked`: its actor still waits in an earlier one; `absent`: its actor is not there;
 * `over`: a SIGBUS has ended its program; `spins`: it neither ends nor waits; `late`: the fixture's time is over. In an order of
 * turns besides: `paused`: between two accesses of the step; `released`: the order is through, and all went on.
 */
export type How =
  | 'ended'
  | 'waits'
  | 'blocked'
  | 'absent'
  | 'over'
  | 'spins'
  | 'late'
  | 'paused'
  | 'released';

/** What one turn brought about. */
export interface Observation {
  readonly actor: string;
  readonly step: number;
  readonly how: How;
  /** Steps that ended in this turn: that of the turn, and earlier ones that had waited. */
  readonly ends: readonly StepEnd[];
  readonly messages: readonly Message[];
  /** All regions of all processes, after it. */
  readonly memory: readonly RegionView[];
  /** What the kernel logged, from warnings up. */
  readonly log: readonly string[];
  /** In an order of turns: actors that went on although they were to be held. */
  readonly ran?: readonly string[];
  /** In the model's order of turns: actors that could go on, woken or not, and are held. */
  readonly held?: readonly string[];
}

export type RunEnd =
  /** To its end. Some actors may wait for ever; `stuck` processes could not be killed. */
  | {
      readonly kind: 'through';
      readonly waits: readonly { actor: string; step: number }[];
      readonly stuck: number;
    }
  /** This kernel lacks something without which nothing of it makes sense. */
  | { readonly kind: 'skipped'; readonly reason: string }
  /** A step spins, or the agent could not go on. */
  | { readonly kind: 'stopped'; readonly reason: string }
  /** The kernel itself ended or fell silent; the lines are of its console. */
  | {
      readonly kind: 'kernel';
      readonly what: 'panic' | 'oops' | 'hang' | 'gone';
      readonly lines: readonly string[];
    };

/** One fixture on one kernel. */
export interface ObservedRun {
  readonly fixture: string;
  readonly steps: readonly ListedStep[];
  readonly observations: readonly Observation[];
  readonly end: RunEnd;
}

/** What the kernel under test offers, as far as it matters for what can be seen. */
export interface KernelFeatures {
  readonly release: string;
  readonly userfaultfd: boolean;
  readonly userfaultfdErrno: number;
  readonly userfaultfdFeatures: number;
  readonly softDirty: boolean;
  readonly pagemapScan: boolean;
  /** Bits of the categories that PAGEMAP_SCAN has: SOFT_DIRTY came in 6.8, GUARD in 6.15. */
  readonly scanCategories: number;
  /**
   * Whether empty entries count as written, and whether so does what a registered mapping has no table for: of 2026,
   * and in stable trees from some release on, so that the agent asks.
   */
  readonly emptyWritten: boolean;
  readonly holesWritten: boolean;
  readonly kpageflags: boolean;
  /** kpageflags tells KSM pages from others. */
  readonly ksmFlag: boolean;
  readonly frames: boolean;
  readonly ksm: boolean;
  readonly swap: boolean;
  readonly nodes: number;
  readonly fs: boolean;
  readonly thp: boolean;
}

export interface KernelRun {
  /** `live`, or the image. */
  readonly kernel: string;
  /** `live`, `kvm` or `tcg`. */
  readonly machine: string;
  readonly features: KernelFeatures;
  readonly runs: readonly ObservedRun[];
  /** Lines of the report that made no sense, at most a few. */
  readonly garbage: readonly string[];
}
