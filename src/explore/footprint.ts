/** What one executed step touched, for the order of steps that do not commute. */
export interface Footprint {
  /** Objects, those of released locks last. */
  readonly objects: number[];
  /** Bit i: objects[i] was written. */
  readonly writes: number;
  /** Bit i: by a write that may change places with others of its kind. */
  readonly commutes: number;
  readonly acquires: boolean;
  /** From this position on, `objects` are released locks. */
  readonly releasesFrom: number;
}

/**
 * A step with the locks that it released on its way.
 * @param shared bit i: the lock released[i] was held for reading
 */
export function withReleases(step: Footprint, released: readonly number[], shared: number): Footprint {
  if (released.length === 0) return step;
  const releasesFrom = step.objects.length;
  let writes = ownWrites(step);
  for (let i = 0; i < released.length; i++) if (((shared >> i) & 1) === 0) writes |= 1 << (releasesFrom + i);
  const { commutes, acquires } = step;
  return { objects: [...step.objects, ...released], writes, commutes, acquires, releasesFrom };
}

/** A step with what another released on its way. */
export const andReleases = (step: Footprint, { objects, writes, releasesFrom }: Footprint): Footprint =>
  withReleases(step, objects.slice(releasesFrom), ~(writes >> releasesFrom));

/** A step may announce bits for more objects than it touches this time; they must not be taken for those of releases. */
const ownWrites = ({ objects, writes }: Footprint): number =>
  objects.length < 31 ? writes & ((1 << objects.length) - 1) : writes;

/** How a step touches one object. */
export const Manner = { read: 0, write: 1, commutingWrite: 2 } as const;
export type Manner = (typeof Manner)[keyof typeof Manner];

export function mannerOf({ writes, commutes }: Footprint, i: number): Manner {
  if ((commutes >> i) & 1) return Manner.commutingWrite;
  return ((writes >> i) & 1) as Manner;
}

/** Whether two steps that touch an object in these manners have to keep their order. */
export const conflict = (a: Manner, b: Manner): boolean =>
  a === b ? a === Manner.write : a !== Manner.read || b !== Manner.read;

/** Of a step, what it touched beside the locks that it released on its way. */
export function accessesOf(step: Footprint): Footprint {
  const { objects, writes, commutes, acquires, releasesFrom } = step;
  if (objects.length === releasesFrom) return step;
  return { objects: objects.slice(0, releasesFrom), writes, commutes, acquires, releasesFrom };
}

/** Of a step, the locks that it released on its way. */
export const releasesOf = ({ objects, writes, releasesFrom }: Footprint): Footprint | null =>
  objects.length === releasesFrom
    ? null
    : {
        objects: objects.slice(releasesFrom),
        writes: writes >> releasesFrom,
        commutes: 0,
        acquires: false,
        releasesFrom: 0,
      };
