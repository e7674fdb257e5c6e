/** Who is based on whom: the functions that a variant's kernel is made of. */
import { ModelError } from './assert';
import type { AnyFunction } from './kernel';
import { layerOf, type Variant, type VariantMeta } from './variant';

/** A variant with the functions of all its bases, the oldest first. */
export interface ResolvedVariant {
  readonly meta: VariantMeta;
  readonly layers: readonly Record<string, AnyFunction>[];
}

/**
 * Follows `base` down to the oldest kernel.
 * @param all variants among which bases are looked up by id
 * @throws ModelError where a base is missing or a variant is its own base
 */
export function resolveVariant(variant: Variant, all: readonly Variant[]): ResolvedVariant {
  const chain = [variant];
  for (let base = variant.meta.base; base !== null; ) {
    const found = all.find((v) => v.meta.id === base);
    if (!found)
      throw new ModelError(`resolveVariant(): ${variant.meta.id} is based on ${base}, which does not exist`);
    if (chain.includes(found)) throw new ModelError(`resolveVariant(): ${base} is its own base`);
    chain.unshift(found);
    base = found.meta.base;
  }
  return { meta: variant.meta, layers: chain.map(layerOf) };
}
