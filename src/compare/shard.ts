/** Which cells are those of one part of a comparison that is made in several. */
import type { Comparison } from './comparison';

/** Every `of`-th cell, from the `index`-th on; from 0. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

/** @param cell its number: fixture by fixture, in each the variants in their order */
export const hasCell = (shard: Shard | undefined, cell: number): boolean =>
  !shard || cell % shard.of === shard.index;

/** How many cells there are when nothing interrupts it. */
export const cellCount = ({
  fixtures,
  variants,
  shard,
}: Pick<Comparison, 'fixtures' | 'variants' | 'shard'>): number =>
  [...Array(fixtures.length * variants.length).keys()].filter((cell) => hasCell(shard, cell)).length;
