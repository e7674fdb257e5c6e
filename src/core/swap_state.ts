/** A swap device: slots, what they hold, and the swap cache. */
import type { Pfn } from './units';

export interface SwapState {
  /** Whether there is a device in use. */
  isOn: boolean;
  /** swap_map: references from entries and one from the cache, by slot. 0 is free. */
  readonly map: number[];
  /** What was written to the slot last. */
  readonly content: number[];
  /** Slot to page. Under the page lock. */
  readonly cache: Map<number, Pfn>;
}

export const newSwapState = (): SwapState => ({ isOn: true, map: [], content: [], cache: new Map() });
