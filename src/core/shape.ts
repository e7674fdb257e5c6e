/**
 * How to read and write all fields of an object at once. Engines are fast where one piece of code always meets
 * objects with the same fields; so every set of fields gets code of its own, made when it is first met.
 */

/** Some of the fields of a kind of object. */
export interface Part {
  /** Tells kinds of objects apart by their class and the fields that are of the state. */
  readonly id: number;
  /** How many fields the object has at most if it is whole; plain objects may have gained more. */
  readonly size: number;
  /** Whether the fields hold these values and, of a plain object, whether it has gained or lost none. */
  readonly same: (object: object, values: readonly unknown[]) => boolean;
  readonly read: (object: object) => unknown[];
  readonly write: (object: object, values: readonly unknown[]) => void;
}

export interface Shape {
  /** What belongs to the state. */
  readonly state: Part;
  /** What is merely kept; null where there is nothing of the kind. */
  readonly rest: Part | null;
  readonly read: (object: object) => unknown[];
  /** Tells a reader the fields that belong to the state, one after another. */
  readonly tell: (object: object, reader: FieldReader) => void;
  readonly write: (object: object, values: readonly unknown[]) => void;
  /** Another object of the kind, its fields still empty. */
  readonly create: () => object;
}

export interface FieldReader {
  number(value: number): void;
  value(value: unknown): void;
}

/** What says nothing about the future of a run. */
export const notState: ReadonlySet<string> = new Set([
  'log',
  'cost',
  'watch',
  'config',
  'spans',
  'tables',
  'pending',
  'solo',
  'found',
  'reached',
  'refused',
  'refaults',
  'refaultVpn',
  'refaultStates',
]);

// biome-ignore lint/complexity/noBannedTypes: it is what `constructor` is
const ofClasses = new Map<Function, Shape>();
/** Of plain objects, by the number of their fields. */
const ofLiterals: { readonly keys: readonly string[]; readonly shape: Shape | null }[][] = [];

/**
 * Instances of one class have the same fields; plain objects may gain some.
 * @returns null for a module, which a variable may stand for while a call is made ready: it is no state
 */
export function shapeOf(object: object): Shape | null {
  const kind = object.constructor;
  if (kind !== Object) {
    let shape = ofClasses.get(kind);
    if (!shape) ofClasses.set(kind, (shape = shapeWith(object)));
    return shape;
  }
  const keys = Object.keys(object);
  const candidates = (ofLiterals[keys.length] ??= []);
  for (const { keys: known, shape } of candidates) if (isSame(known, keys)) return shape;
  const shape = '__esModule' in object ? null : shapeWith(object);
  candidates.push({ keys, shape });
  return shape;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Most fields hold numbers, each always or never: that is decided where the field is read. */
const told = (field: string): string =>
  `if (typeof (v = ${field}) === 'number') r.number(v); else r.value(v);`;

/** By class and names: so that {a, log} and {log, a} count as the same. */
const ids = new Map<string, number>();
function idOf(kind: string, keys: readonly string[]): number {
  const name = [kind, ...keys].join();
  let id = ids.get(name);
  if (id === undefined) ids.set(name, (id = ids.size));
  return id;
}

const fieldOf = (key: string): string => `o[${JSON.stringify(key)}]`;
const readOf = (keys: readonly string[]): Shape['read'] =>
  new Function('o', `return [${keys.map(fieldOf).join(', ')}];`) as Shape['read'];
const writeOf = (keys: readonly string[]): Shape['write'] =>
  new Function('o', 'v', keys.map((key, i) => `${fieldOf(key)} = v[${i}];`).join(' ')) as Shape['write'];

/** @param all the names of all fields if there may come to be more, else null */
function partOf(id: number, keys: readonly string[], all: readonly string[], isPlain: boolean): Part {
  const tests = keys.map((key, i) => `if (${fieldOf(key)} !== v[${i}]) return false;`).join(' ');
  const count = isPlain ? `let n = 0; for (const k in o) n++; return n === ${all.length};` : 'return true;';
  return {
    id,
    size: all.length,
    same: new Function('o', 'v', `${tests} ${count}`) as Part['same'],
    read: readOf(keys),
    write: writeOf(keys),
  };
}

function shapeWith(object: object): Shape {
  const keys = Object.keys(object);
  const state = keys.filter((key) => !notState.has(key));
  const rest = keys.filter((key) => notState.has(key));
  const all = [...state, ...rest];
  const isPlain = object.constructor === Object;
  const id = idOf(isPlain ? '' : `${ofClasses.size} ${object.constructor.name}`, state);
  const prototype: unknown = Object.getPrototypeOf(object);
  // In the order of the original; a field at a time under a computed name would make a slow object.
  const blank = keys.map((key) => `${JSON.stringify(key)}: undefined`).join(', ');
  const made = `const o = { ${blank} }; if (p !== Object.prototype) Object.setPrototypeOf(o, p); return o;`;
  return {
    state: partOf(id, state, all, isPlain),
    rest: rest.length === 0 ? null : partOf(id, rest, all, isPlain),
    tell: new Function(
      'o',
      'r',
      `let v; ${state.map((key) => told(fieldOf(key))).join(' ')}`,
    ) as Shape['tell'],
    read: readOf(all),
    write: writeOf(all),
    create: new Function('p', `return () => { ${made} }`)(prototype) as Shape['create'],
  };
}
