/**
 * A deep copy of plain data: objects, arrays, maps, sets, typed arrays and class instances, with shared and
 * circular references kept. Functions are not data: a field that holds one comes out as null.
 */
import { shapeOf } from './shape';

export function clone<T>(value: T): T {
  return copy(value, new Map()) as T;
}

function copy(value: unknown, seen: Map<object, object>): unknown {
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? null : value;
  const known = seen.get(value);
  if (known) return known;
  if (ArrayBuffer.isView(value)) return remember(seen, value, (value as Int32Array).slice());
  if (Array.isArray(value)) return copyArray(value, seen);
  if (value instanceof Map) return copyMap(value, seen);
  if (value instanceof Set) return remember(seen, value, new Set([...value].map((v) => copy(v, seen))));
  return copyObject(value, seen);
}

function remember<T extends object>(seen: Map<object, object>, from: object, to: T): T {
  seen.set(from, to);
  return to;
}

function copyArray(value: unknown[], seen: Map<object, object>): unknown[] {
  const result = remember(seen, value, new Array<unknown>(value.length));
  for (let i = 0; i < value.length; i++) if (i in value) result[i] = copy(value[i], seen);
  return result;
}

function copyMap(value: Map<unknown, unknown>, seen: Map<object, object>): Map<unknown, unknown> {
  const result = remember(seen, value, new Map<unknown, unknown>());
  for (const [key, entry] of value) result.set(copy(key, seen), copy(entry, seen));
  return result;
}

function copyObject(value: object, seen: Map<object, object>): object {
  const shape = shapeOf(value);
  if (shape === null) return value;
  const result = remember(seen, value, shape.create());
  const fields = shape.read(value).map((field) => copy(field, seen));
  shape.write(result, fields);
  return result;
}
