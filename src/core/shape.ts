/**
 * How to read and write all fields of an object at once. Engines are fast where one piece of code always meets
 * objects with the same fields; so every set of fields gets code of its own, made when it is first met.
 */

export interface Shape {
  /** How many of the fields belong to the state; they come first. The others are merely kept. */
  readonly ofState: number;
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

function shapeWith(object: object): Shape {
  const keys = Object.keys(object);
  const state = keys.filter((key) => !notState.has(key));
  const all = [...state, ...keys.filter((key) => notState.has(key))];
  const fields = all.map((key) => `o[${JSON.stringify(key)}]`);
  const prototype: unknown = Object.getPrototypeOf(object);
  // In the order of the original; a field at a time under a computed name would make a slow object.
  const blank = keys.map((key) => `${JSON.stringify(key)}: undefined`).join(', ');
  const made = `const o = { ${blank} }; if (p !== Object.prototype) Object.setPrototypeOf(o, p); return o;`;
  return {
    ofState: state.length,
    tell: new Function(
      'o',
      'r',
      `let v; ${fields.slice(0, state.length).map(told).join(' ')}`,
    ) as Shape['tell'],
    read: new Function('o', `return [${fields.join(', ')}];`) as Shape['read'],
    write: new Function(
      'o',
      'v',
      fields.map((field, i) => `${field} = v[${i}];`).join(' '),
    ) as Shape['write'],
    create: new Function('p', `return () => { ${made} }`)(prototype) as Shape['create'],
  };
}
