/** KSM: whoever may not have a copy keeps the merged page, which is no reason to warn. */
import type { VariantKernel } from '../../core';

export const ksm: VariantKernel = {
  stable_node_is_mapped: () => {},
};
