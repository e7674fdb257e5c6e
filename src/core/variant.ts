/**
 * A proposal, or another kernel: metadata on top, behaviour below. One file, one variant; importing it does nothing.
 */
import type { AnyFunction, Kernel, KernelFunctions } from './kernel';

/** What somebody said of a variant. Never what we found: that is the verdict. */
export interface Reported {
  outcome: 'works' | 'fails' | 'rejected' | 'superseded' | 'merged' | 'does-not-build';
  /** Message id of the mail that says so. */
  by: string;
  note: string;
}

export interface VariantMeta {
  /** A released kernel, or (unless said) a proposal for one. */
  kind?: 'kernel' | 'proposal';
  /** The name of its file, which says the idea and not the author. */
  id: string;
  title: string;
  author: string;
  /** Of the mail; what the kernel is called where there was none. */
  subject: string;
  /** Empty where it was never posted as a mail of its own. */
  messageId: string;
  /** Who gets a reply, and who else does, each as `Name <address>`; left away where no mail was at hand to say. */
  replyTo?: string;
  cc?: readonly string[];
  /** Of the mail or the release, YYYY-MM-DD. */
  date: string;
  /** Id of the variant whose functions it replaces; null for mainline. */
  base: string | null;
  /** Ids of the variants that it was written to replace. */
  supersedes: readonly string[];
  /**
   * The kernel functions that it changes, as `file:function`, in the order of `kernel`. A part that our kernel has as
   * a function of its own stands under the kernel function that its comment cites.
   */
  touches: readonly string[];
  /** Functions through which the patch only hands a parameter; ours hand `cp_flags` on already. */
  passesOn?: readonly string[];
  /** Of a kernel: what was merged that is modelled here, each as `hash ("subject")`. */
  commits?: readonly string[];
  reported: readonly Reported[];
  /** Whether the text compiles as posted. One that does not has no behaviour. */
  builds: boolean;
  /** Why it does not compile. */
  defects?: readonly string[];
  /** What we assumed where the text was not at hand. */
  notes?: readonly string[];
  /** Written here and never posted: to see what a proposal would be with its slips mended. */
  ours?: boolean;
}

type FunctionName = {
  [N in keyof KernelFunctions]: KernelFunctions[N] extends (k: Kernel, ...args: never[]) => unknown
    ? N
    : never;
}[keyof KernelFunctions];

/** Kernel functions by their names; what is missing is the base's. */
export type VariantKernel = { [N in FunctionName]?: KernelFunctions[N] };

export interface Variant {
  meta: VariantMeta;
  kernel: VariantKernel;
}

/** Gives the functions of a variant their types. */
export const defineVariant = (variant: Variant): Variant => variant;

/** The functions of a variant for buildKernel(). */
export const layerOf = (variant: Variant): Record<string, AnyFunction> =>
  variant.kernel as Record<string, AnyFunction>;
