/** Proposals and the kernels that they are held against, which a reader does not want to mistake for each other. */
import type { VariantMeta } from '../core/index';

export interface Group {
  readonly word: 'proposal' | 'release';
  /** Variants by their position in the comparison. */
  readonly of: readonly number[];
}

/** Proposals first. At least one group, also where there is nothing. */
export function groupsOf(variants: readonly VariantMeta[]): Group[] {
  const positions = variants.map((_, i) => i);
  const isKernel = (i: number): boolean => variants[i]!.kind === 'kernel';
  const kernels = positions.filter(isKernel);
  const proposals = positions.filter((i) => !isKernel(i));
  return [
    ...(proposals.length > 0 || kernels.length === 0 ? [{ word: 'proposal', of: proposals } as const] : []),
    ...(kernels.length > 0 ? [{ word: 'release', of: kernels } as const] : []),
  ];
}
