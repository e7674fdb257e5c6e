/**
 * All that some roots reach, kept so that it can be put back in place: after restore() every object that was there
 * holds what it held, under the same identity, so that whoever refers to it need not be told. Plain data and class
 * instances; functions, kernels and frames are left alone, and what is frozen never changes.
 */
import { Frame } from './frame';
import { type Shape, shapeOf } from './shape';
import { Steps } from './steps';

type Content = readonly unknown[] | Int32Array | Float64Array;

export class Memento {
  private readonly walk = new Walk(true);
  /** Equal for equal states: the same values in the same places, whatever the identities. 53 bits. */
  readonly hash: number;

  /** @param roots is a list of its own, whose order counts */
  constructor(roots: readonly unknown[]) {
    this.hash = this.walk.from(roots);
  }

  restore(): void {
    const { objects, contents, shapes } = this.walk;
    for (let i = 0; i < objects.length; i++) putBack(objects[i]!, contents[i]!, shapes[i]!);
  }
}

/** The hash of a memento that nobody needs. */
export const stateHash = (roots: readonly unknown[]): number => new Walk(false).from(roots);

/** From object to object: first what belongs to the state, which makes the hash, then what is merely kept. */
class Walk {
  readonly objects: object[] = [];
  /** By position in `objects`: what it held, and how to write its fields where it has some. */
  readonly contents: Content[] = [];
  readonly shapes: (Shape | null)[] = [];
  private readonly numbers = new Map<object, number>();
  private readonly todo: object[] = [];
  private readonly rest: unknown[] = [];

  /** @param keeps whether contents are kept, too */
  constructor(private readonly keeps: boolean) {}

  /** @returns the hash */
  from(roots: readonly unknown[]): number {
    told = 0;
    this.array(roots);
    this.goOn();
    const hash = hashOfWords();
    if (!this.keeps) return hash;
    for (let i = 0; i < this.rest.length; i++) {
      this.value(this.rest[i]);
      this.goOn();
    }
    return hash;
  }

  private goOn(): void {
    for (let object = this.todo.pop(); object; object = this.todo.pop()) this.visit(object);
  }

  number(n: number): void {
    const low = n | 0;
    word(low);
    if (low !== n) word((n / 0x100000000) | 0);
  }

  value(v: unknown): void {
    if (typeof v === 'number') this.number(v);
    else if (typeof v === 'object' && v !== null) this.object(v);
    else if (typeof v === 'string') word(numberOf(v));
    // What a function closes over is in frames, and where it stands tells which one it is.
    else if (typeof v === 'function') word(5);
    else word(v === true ? 1 : v === false ? 2 : 3);
  }

  private object(v: object): void {
    // Whoever has a list, a map or a column has it for himself; who else refers to it does so at the same places.
    if (isContainer(v)) {
      word(4);
      if (!Object.isFrozen(v)) this.todo.push(v);
      return;
    }
    const known = this.numbers.get(v);
    if (known !== undefined) return word(known);
    const number = this.numbers.size + 6;
    this.numbers.set(v, number);
    word(number);
    if (!(v instanceof Steps || v instanceof Frame || Object.isFrozen(v))) this.todo.push(v);
  }

  private visit(object: object): void {
    if (Array.isArray(object)) {
      this.array(object);
      if (this.keeps) this.keep(object, object.slice(), null);
    } else if (ArrayBuffer.isView(object)) {
      this.column(object as Int32Array);
      if (this.keeps) this.keep(object, (object as Int32Array).slice(), null);
    } else if (object instanceof Map) {
      const content = object.size === 0 ? NOTHING : flat(object);
      this.array(object.size < 2 ? content : inOrder(content, 2));
      if (this.keeps) this.keep(object, content, null);
    } else if (object instanceof Set) {
      const content = object.size === 0 ? NOTHING : [...object];
      this.array(object.size < 2 ? content : inOrder(content, 1));
      if (this.keeps) this.keep(object, content, null);
    } else this.fields(object);
  }

  private fields(object: object): void {
    const shape = shapeOf(object);
    if (shape === null) return;
    shape.tell(object, this);
    if (!this.keeps) return;
    const content = shape.read(object);
    for (let i = shape.ofState; i < content.length; i++) this.rest.push(content[i]);
    this.keep(object, content, shape);
  }

  private keep(object: object, content: Content, shape: Shape | null): void {
    this.objects.push(object);
    this.contents.push(content);
    this.shapes.push(shape);
  }

  private array(items: readonly unknown[]): void {
    word(items.length);
    for (let i = 0; i < items.length; i++) this.value(items[i]);
  }
  /** A column may have grown: places that hold nothing do not count. */
  private column(items: Int32Array | Float64Array): void {
    for (let i = 0; i < items.length; i++) {
      if (items[i] === 0) continue;
      word(i);
      this.number(items[i]!);
    }
  }
}

/** What the walk that is under way has been told. One at a time: nothing waits in a walk. */
let words = new Int32Array(1 << 12);
let told = 0;
function word(n: number): void {
  if (told === words.length) {
    const more = new Int32Array(2 * told);
    more.set(words);
    words = more;
  }
  words[told++] = n;
}
function hashOfWords(): number {
  let a = 0x811c9dc5 | 0;
  let b = 0x9e3779b9 | 0;
  for (let i = 0; i < told; i++) {
    const n = words[i]!;
    a = Math.imul(a ^ n, 0x01000193);
    b = (Math.imul(b ^ (n + (b >>> 15)), 0x85ebca6b) + 0x27d4eb2f) | 0;
  }
  return (a >>> 0) * 2 ** 21 + (b >>> 11);
}

const isContainer = (v: object): boolean =>
  Array.isArray(v) || ArrayBuffer.isView(v) || v instanceof Map || v instanceof Set;

const NOTHING: readonly unknown[] = [];
const texts = new Map<string, number>();
/** A number for a text, far from those of objects. */
function numberOf(text: string): number {
  let number = texts.get(text);
  if (number === undefined) texts.set(text, (number = 0x40000000 + texts.size));
  return number;
}

function flat(map: ReadonlyMap<unknown, unknown>): unknown[] {
  const items: unknown[] = [];
  for (const [key, value] of map) items.push(key, value);
  return items;
}

/**
 * The entries of a map or a set by number, because which was put there first does not matter; whoever goes through them
 * must not depend on it. Others stay as they are.
 * @param width values of one entry
 */
function inOrder(content: readonly unknown[], width: number): readonly unknown[] {
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

function putBack(object: object, content: Content, shape: Shape | null): void {
  if (shape !== null) putBackFields(object, content as readonly unknown[], shape);
  else if (ArrayBuffer.isView(object)) (object as Int32Array).set(content as Int32Array);
  else if (Array.isArray(object)) putBackArray(object, content);
  else if (object instanceof Map) {
    object.clear();
    for (let i = 0; i < content.length; i += 2) object.set(content[i], content[i + 1]);
  } else putBackSet(object as Set<unknown>, content);
}

function putBackArray(array: unknown[], content: Content): void {
  if (array.length !== content.length) array.length = content.length;
  for (let i = 0; i < content.length; i++) array[i] = content[i];
}
function putBackSet(set: Set<unknown>, content: Content): void {
  set.clear();
  for (let i = 0; i < content.length; i++) set.add(content[i]);
}
function putBackFields(object: object, content: readonly unknown[], shape: Shape): void {
  shape.write(object, content);
  if (object.constructor !== Object) return;
  // A field that came later: fields come in the order in which they were added.
  const keys = Object.keys(object);
  for (let i = content.length; i < keys.length; i++) delete (object as Record<string, unknown>)[keys[i]!];
}
