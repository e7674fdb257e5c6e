/** What one executed step touched, for the order of steps that do not commute. */
export interface Footprint {
  /** Objects, those of released locks last. */
  readonly objects: number[];
  /** Bit i: objects[i] was written. */
  readonly writes: number;
  readonly acquires: boolean;
  /** From this position on, `objects` are released locks. */
  readonly releasesFrom: number;
}

/** A step may announce bits for more objects than it touches this time; they must not be taken for those of releases. */
export const ownWrites = ({ objects, writes }: Footprint): number =>
  objects.length < 31 ? writes & ((1 << objects.length) - 1) : writes;

/** Of a step, the locks that it released on its way. */
export const releasesOf = ({ objects, writes, releasesFrom }: Footprint): Footprint | null =>
  objects.length === releasesFrom
    ? null
    : {
        objects: objects.slice(releasesFrom),
        writes: writes >> releasesFrom,
        acquires: false,
        releasesFrom: 0,
      };
