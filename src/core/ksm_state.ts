/** What ksmd knows. */
import type { Pfn, Vaddr } from './units';

/** struct rmap_item: where a KSM page is mapped, or was until somebody broke the sharing. */
export interface RmapItem {
  readonly mmId: number;
  readonly va: Vaddr;
  /** The anon_vma of the VMA at the time of the merge: by it rmap finds the copies that fork() made. */
  anonVma: number;
}

export interface KsmState {
  /** Content to KSM pages: the stable tree. There are several with the same where one may not be mapped any more often. */
  readonly stable: Map<number, readonly Pfn[]>;
  /** The rmap_items of a stable node, by its frame. */
  readonly items: Map<number, RmapItem[]>;
  /** use_zero_pages. */
  useZeroPages: boolean;
}

export const newKsmState = (): KsmState => ({ stable: new Map(), items: new Map(), useZeroPages: false });
