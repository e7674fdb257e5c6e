/**
 * What objects held when they were last looked at, with what that adds to the hash of a state. It is never changed: where
 * something has changed since, that alone is read anew, and the rest is shared.
 */
import { type Content, contentOf, holds, inOrder, Kind, kindOf, putBack } from './containers';
import type { Part } from './shape';
import { ShallowTeller } from './teller';

/** An object that came later than those who have places. */
export class Newcomer {
  /** The look that met it last, and as the how manieth. */
  look = 0;
  number = 0;
  state: Kept = never;
  rest: Kept = never;

  constructor(readonly object: object) {}
}

/** What the fields of an object held, or a container. */
interface Item {
  readonly content: Content;
  /** Of newcomers it says only that there are some. */
  readonly a: number;
  readonly b: number;
  readonly met: readonly Newcomer[];
  readonly hasContainers: boolean;
}

/** What an object held, with its containers and those within them. */
export interface Kept {
  /** Null for a list of values. */
  readonly part: Part | null;
  readonly fields: Item;
  readonly kinds: readonly Kind[];
  readonly containers: readonly object[];
  readonly items: readonly Item[];
  /** Sums over `fields` and `items`. */
  readonly a: number;
  readonly b: number;
  readonly met: readonly Newcomer[];
}

const nobody: readonly Newcomer[] = [];
const nothing: Item = { content: [], a: 0, b: 0, met: nobody, hasContainers: false };
/** Of somebody who was not looked at yet. */
export const never: Kept = {
  part: { id: 0, size: Infinity, same: () => false, read: () => [], write: () => {} },
  fields: nothing,
  kinds: [],
  containers: [],
  items: [],
  a: 0,
  b: 0,
  met: nobody,
};

/** Of those who have no place: where they stand is told beside. */
const NO_PLACE = -1;

export class Keeper {
  /** Whether what is read is no part of the state: those who have a place there are known, too. */
  isRest = false;
  private readonly teller: ShallowTeller<Newcomer>;
  private readonly newcomers = new WeakMap<object, Newcomer>();

  /** @param places negative for who is no part of the state */
  constructor(places: ReadonlyMap<object, number>) {
    this.teller = new ShallowTeller(places, (object) =>
      this.isRest && places.has(object) ? null : this.newcomer(object),
    );
  }

  private newcomer(object: object): Newcomer {
    let newcomer = this.newcomers.get(object);
    if (!newcomer) this.newcomers.set(object, (newcomer = new Newcomer(object)));
    return newcomer;
  }

  /** @param before is shared as far as it still holds */
  keep(object: object, part: Part, before: Kept, place = NO_PLACE): Kept {
    let { fields } = before;
    const held = fields.content;
    if (part !== before.part || !part.same(object, held)) {
      const values = part.read(object);
      fields = this.item(Kind.none, values, place, part.id);
      if (part !== before.part || changesContainers(held, values)) return this.whole(part, fields, place);
    }
    const { kinds, containers } = before;
    let items = before.items as Item[];
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[i]!;
      const was = items[i]!;
      if (holds(kind, containers[i]!, was.content)) continue;
      const item = this.item(kind, contentOf(kind, containers[i]!), place, i);
      if (was.hasContainers || item.hasContainers) return this.whole(part, fields, place);
      if (items === before.items) items = items.slice();
      items[i] = item;
    }
    return summed(part, fields, kinds, containers, items);
  }

  /** @param list does not change any more; what is in its containers may */
  keepList(list: readonly unknown[]): Kept {
    return this.whole(null, this.item(Kind.none, list, NO_PLACE, 0), NO_PLACE);
  }

  private whole(part: Part | null, fields: Item, place: number): Kept {
    const kinds: Kind[] = [];
    const containers: object[] = [];
    const items: Item[] = [];
    if (fields.hasContainers) gather(fields.content, this);
    return summed(part, fields, kinds, containers, items);

    function gather(values: readonly unknown[], keeper: Keeper): void {
      for (let i = 0; i < values.length; i++) {
        const v = values[i];
        if (typeof v !== 'object' || v === null) continue;
        const kind = kindOf(v);
        if (kind === Kind.none || Object.isFrozen(v)) continue;
        const item = keeper.item(kind, contentOf(kind, v), place, items.length);
        kinds.push(kind);
        containers.push(v);
        items.push(item);
        if (item.hasContainers) gather(inOrder(kind, item.content), keeper);
      }
    }
  }

  /** @param which among the items of one place */
  private item(kind: Kind, content: Content, place: number, which: number): Item {
    const { teller } = this;
    teller.met = nobody;
    teller.hasContainers = false;
    teller.word(place);
    teller.word(which);
    teller.word(kind);
    const isOrdered = kind === Kind.map || kind === Kind.set;
    teller.content(kind, isOrdered ? inOrder(kind, content) : content);
    teller.hash();
    return { content, a: teller.a, b: teller.b, met: teller.met, hasContainers: teller.hasContainers };
  }
}

function changesContainers(before: readonly unknown[], values: readonly unknown[]): boolean {
  for (let i = 0; i < values.length; i++) {
    if (values[i] !== before[i] && (isContainer(values[i]) || isContainer(before[i]))) return true;
  }
  return false;
}
const isContainer = (v: unknown): boolean => typeof v === 'object' && v !== null && kindOf(v) !== Kind.none;

function summed(
  part: Part | null,
  fields: Item,
  kinds: readonly Kind[],
  containers: readonly object[],
  items: readonly Item[],
): Kept {
  let { a, b, met } = fields;
  for (let i = 0; i < items.length; i++) {
    const item = items[i]!;
    a = (a + item.a) | 0;
    b = (b + item.b) | 0;
    if (item.met.length > 0) met = met.length === 0 ? item.met : [...met, ...item.met];
  }
  return { part, fields, kinds, containers, items, a, b, met };
}

/** Whether an object still holds what it held. */
export const isUnchanged = (object: object, kept: Kept): boolean =>
  kept.part!.same(object, kept.fields.content) && holdsAll(kept);

/** The same for the containers alone. */
export function holdsAll({ kinds, containers, items }: Kept): boolean {
  for (let i = 0; i < kinds.length; i++) {
    if (!holds(kinds[i]!, containers[i]!, items[i]!.content)) return false;
  }
  return true;
}

/** Makes an object hold again what it held. */
export function putBackKept(object: object, kept: Kept): void {
  const { part, fields } = kept;
  const values = fields.content;
  if (part !== null && kept !== never && !part.same(object, values)) {
    part.write(object, values);
    if (object.constructor === Object) {
      // A field that came later: fields come in the order in which they were added.
      const keys = Object.keys(object);
      for (let i = part.size; i < keys.length; i++) delete (object as Record<string, unknown>)[keys[i]!];
    }
  }
  const { kinds, containers, items } = kept;
  for (let i = 0; i < kinds.length; i++) {
    const kind = kinds[i]!;
    const { content } = items[i]!;
    if (!holds(kind, containers[i]!, content)) putBack(kind, containers[i]!, content);
  }
}
