/** Lists, columns, maps and sets, which somebody has for himself: what they hold, and how it is put back. */

export const Kind = { none: 0, array: 1, ints: 2, doubles: 3, map: 4, set: 5 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** Of a map, keys and values take turns. A column's is no column: those are slow to make. */
export type Content = readonly unknown[];

export function kindOf(v: object): Kind {
  if (Array.isArray(v)) return Kind.array;
  if (v instanceof Int32Array) return Kind.ints;
  if (v instanceof Map) return Kind.map;
  if (v instanceof Float64Array) return Kind.doubles;
  return v instanceof Set ? Kind.set : Kind.none;
}

const NOTHING: readonly unknown[] = [];

/** A copy, in the order in which they hold it. */
export function contentOf(kind: Kind, v: object): Content {
  if (kind === Kind.array) return (v as unknown[]).length === 0 ? NOTHING : (v as unknown[]).slice();
  if (kind === Kind.map)
    return (v as Map<unknown, unknown>).size === 0 ? NOTHING : flat(v as Map<unknown, unknown>);
  if (kind === Kind.set) return (v as Set<unknown>).size === 0 ? NOTHING : [...(v as Set<unknown>)];
  return numbersOf(v as Int32Array);
}

function numbersOf(column: Int32Array | Float64Array): number[] {
  const numbers = new Array<number>(column.length);
  for (let i = 0; i < column.length; i++) numbers[i] = column[i]!;
  return numbers;
}

function flat(map: ReadonlyMap<unknown, unknown>): unknown[] {
  const items: unknown[] = [];
  for (const [key, value] of map) items.push(key, value);
  return items;
}

/** The content in an order in which it can be compared with another. */
export function inOrder(kind: Kind, content: readonly unknown[]): readonly unknown[] {
  if (kind === Kind.map && content.length > 2) return byNumber(content, 2);
  return kind === Kind.set && content.length > 1 ? byNumber(content, 1) : content;
}

/**
 * The entries of a map or a set by number, because which was put there first does not matter; whoever goes through them
 * must not depend on it. Others stay as they are.
 * @param width values of one entry
 */
function byNumber(content: readonly unknown[], width: number): readonly unknown[] {
  let isSorted = true;
  for (let i = 0; i < content.length; i += width) {
    if (typeof content[i] !== 'number') return content;
    if (i > 0 && (content[i] as number) < (content[i - width] as number)) isSorted = false;
  }
  if (isSorted) return content;
  const keys = content.filter((_, i) => i % width === 0) as number[];
  const order = keys.map((_, i) => i).sort((a, b) => keys[a]! - keys[b]!);
  return order.flatMap((i) => content.slice(i * width, (i + 1) * width));
}

/** Whether it holds exactly this, in this order. */
export function holds(kind: Kind, v: object, content: Content): boolean {
  if (kind === Kind.array) return isSameArray(v as unknown[], content);
  if (kind === Kind.ints) return isSameInts(v as Int32Array, content);
  if (kind === Kind.map) return isSameMap(v as Map<unknown, unknown>, content);
  if (kind === Kind.doubles) return isSameDoubles(v as Float64Array, content);
  return isSameSet(v as Set<unknown>, content);
}

// One function for each, because engines are fast where one piece of code always meets the same kind.

function isSameArray(array: readonly unknown[], content: readonly unknown[]): boolean {
  const { length } = content;
  if (array.length !== length) return false;
  for (let i = 0; i < length; i++) if (array[i] !== content[i]) return false;
  return true;
}
function isSameInts(column: Int32Array, content: Content): boolean {
  for (let i = 0; i < content.length; i++) if (column[i] !== content[i]) return false;
  return true;
}
function isSameDoubles(column: Float64Array, content: Content): boolean {
  for (let i = 0; i < content.length; i++) if (column[i] !== content[i]) return false;
  return true;
}
function isSameMap(map: ReadonlyMap<unknown, unknown>, content: readonly unknown[]): boolean {
  if (map.size * 2 !== content.length) return false;
  if (content.length === 0) return true;
  let i = 0;
  for (const [key, value] of map) {
    if (key !== content[i] || value !== content[i + 1]) return false;
    i += 2;
  }
  return true;
}
function isSameSet(set: ReadonlySet<unknown>, content: readonly unknown[]): boolean {
  if (set.size !== content.length) return false;
  if (content.length === 0) return true;
  let i = 0;
  for (const item of set) if (item !== content[i++]) return false;
  return true;
}

export function putBack(kind: Kind, v: object, content: Content): void {
  if (kind === Kind.array) putBackArray(v as unknown[], content);
  else if (kind === Kind.map) {
    const map = v as Map<unknown, unknown>;
    map.clear();
    for (let i = 0; i < content.length; i += 2) map.set(content[i], content[i + 1]);
  } else if (kind === Kind.set) {
    const set = v as Set<unknown>;
    set.clear();
    for (let i = 0; i < content.length; i++) set.add(content[i]);
  } else (v as Int32Array).set(content as readonly number[]);
}
function putBackArray(array: unknown[], content: readonly unknown[]): void {
  if (array.length !== content.length) array.length = content.length;
  for (let i = 0; i < content.length; i++) array[i] = content[i];
}
