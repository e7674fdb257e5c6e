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
