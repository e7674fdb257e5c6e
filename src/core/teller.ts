/**
 * Tells a state as a row of numbers, of which a hash is made: equal for equal states, whatever the identities. Who was
 * known before is told by the place where he was met then; others by when they are met first. Plain data and class
 * instances; functions, kernels and frames are not looked into, and what is frozen never changes.
 */
import { type Content, contentOf, inOrder, Kind, kindOf } from './containers';
import { Frame } from './frame';
import { type FieldReader, shapeOf } from './shape';
import { Steps } from './steps';

/** What is no number is told by words that hardly any number of a machine is. */
const Word = {
  nothing: 0x5bd1e990,
  yes: 0x5bd1e991,
  no: 0x5bd1e992,
  /** What a function closes over is in frames, and where it stands tells which one it is. */
  function: 0x5bd1e993,
  /** Two words of one number follow. */
  wide: 0x5bd1e994,
  endOfColumn: 0x5bd1e995,
  container: 0x5bd1e9a0,
  object: 0x26000000,
  newcomer: 0x5bd1e996,
  text: 0x4d000000,
} as const;

const texts = new Map<string, number>();
function numberOf(text: string): number {
  let number = texts.get(text);
  if (number === undefined) texts.set(text, (number = texts.size));
  return number;
}

/** Who is told by who he is alone. */
export const isOpaque = (v: object): boolean =>
  v instanceof Steps || v instanceof Frame || Object.isFrozen(v);

/** A row of words, for a hash. */
export class Words {
  /** The two halves of a hash. */
  a = 0;
  b = 0;
  private words = new Int32Array(1 << 10);
  private told = 0;

  word(n: number): void {
    const { told } = this;
    if (told === this.words.length) {
      const more = new Int32Array(2 * told);
      more.set(this.words);
      this.words = more;
    }
    this.words[told] = n;
    this.told = told + 1;
  }
  number(n: number): void {
    const low = n | 0;
    if (low === n) return this.word(low);
    this.word(Word.wide);
    this.word(low);
    this.word((n / 0x100000000) | 0);
  }
  protected other(v: unknown): void {
    if (typeof v === 'string') this.word(Word.text + numberOf(v));
    else if (typeof v === 'function') this.word(Word.function);
    else this.word(v === true ? Word.yes : v === false ? Word.no : Word.nothing);
  }

  /** A column may have grown: places that hold nothing do not count. */
  protected column(items: ArrayLike<number>): void {
    for (let i = 0; i < items.length; i++) {
      if (items[i] === 0) continue;
      this.word(i);
      this.number(items[i]!);
    }
    this.word(Word.endOfColumn);
  }
  /** Makes `a` and `b` of what has been told, and begins a new row. MurmurHash3, with two sets of constants. */
  hash(): void {
    const { words, told } = this;
    let a = 0x811c9dc5 | 0;
    let b = 0x9e3779b9 | 0;
    for (let i = 0; i < told; i++) {
      const n = words[i]!;
      const k = Math.imul(n, 0xcc9e2d51);
      const l = Math.imul(n, 0x239b961b);
      a ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
      a = (Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64) | 0;
      b ^= Math.imul((l << 16) | (l >>> 16), 0xab0e9789);
      b = (Math.imul((b << 19) | (b >>> 13), 5) + 0x561ccd1b) | 0;
    }
    this.a = mixed(a ^ told);
    this.b = mixed(b + told);
    this.told = 0;
  }
}

/** Tells all, from object to object. */
export class Teller extends Words implements FieldReader {
  /** Who was met, in the order in which they were met first. */
  readonly found: object[] = [];
  private readonly numbers = new Map<object, number>();

  value(v: unknown): void {
    if (typeof v === 'number') this.number(v);
    else if (typeof v === 'object' && v !== null) {
      const kind = kindOf(v);
      if (kind === Kind.none) this.object(v);
      else this.container(kind, v);
    } else this.other(v);
  }
  private object(v: object): void {
    let number = this.numbers.get(v);
    if (number === undefined) {
      number = this.found.length;
      this.numbers.set(v, number);
      this.found.push(v);
    }
    this.word(Word.object + number);
  }

  /** Whoever has a list, a map or a column has it for himself; who else refers to it does so at the same places. */
  private container(kind: Kind, v: object): void {
    this.word(Word.container + kind);
    if (Object.isFrozen(v)) return;
    if (kind === Kind.array) this.list(v as unknown[]);
    else if (kind === Kind.ints || kind === Kind.doubles) this.column(v as Int32Array);
    else this.list(inOrder(kind, contentOf(kind, v)));
  }
  list(items: readonly unknown[]): void {
    this.word(items.length);
    for (let i = 0; i < items.length; i++) this.value(items[i]);
  }

  /** Tells whom it has met, and whom it meets by that. */
  goOn(): void {
    const { found } = this;
    for (let i = 0; i < found.length; i++) {
      const object = found[i]!;
      const shape = isOpaque(object) ? null : shapeOf(object);
      if (shape === null) continue;
      this.word(shape.state.id);
      shape.tell(object, this);
    }
  }
}

/** Finds in the same order who is met, and tells nothing. */
export class Finder extends Teller {
  override word(): void {}
  override number(): void {}
  protected override other(): void {}
  protected override column(): void {}
}

/** Tells what one object or container holds. What is in containers within is told elsewhere, and so is who is new. */
export class ShallowTeller<New> extends Words {
  /** Those who are new, in the order in which they were met. */
  met: readonly New[] = [];
  hasContainers = false;

  /**
   * @param places of those who are known
   * @param comes gives who is new, or null for one who does not matter
   */
  constructor(
    private readonly places: ReadonlyMap<object, number>,
    private readonly comes: (object: object) => New | null,
  ) {
    super();
  }

  content(kind: Kind, content: Content): void {
    if (kind === Kind.ints || kind === Kind.doubles) return this.column(content as readonly number[]);
    this.word(content.length);
    for (let i = 0; i < content.length; i++) this.shallow(content[i]);
  }
  private shallow(v: unknown): void {
    if (typeof v === 'number') this.number(v);
    else if (typeof v === 'object' && v !== null) {
      const kind = kindOf(v);
      if (kind === Kind.none) return this.object(v);
      this.hasContainers = true;
      this.word(Word.container + kind);
    } else this.other(v);
  }
  private object(v: object): void {
    const place = this.places.get(v);
    if (place !== undefined && place >= 0) return this.word(Word.object + place);
    this.word(Word.newcomer);
    const newcomer = this.comes(v);
    if (newcomer === null) return;
    // Most meet nobody, and share one empty list.
    if (this.met.length === 0) this.met = [newcomer];
    else (this.met as New[]).push(newcomer);
  }
}

function mixed(n: number): number {
  n = Math.imul(n ^ (n >>> 16), 0x85ebca6b);
  n = Math.imul(n ^ (n >>> 13), 0xc2b2ae35);
  return n ^ (n >>> 16);
}

/** 53 bits. */
export const joined = (a: number, b: number): number => (mixed(a) >>> 0) * 2 ** 21 + (mixed(b) >>> 11);

/**
 * Equal for equal states: the same values in the same places, whatever the identities.
 * @param roots is a list of its own, whose order counts
 */
export function stateHash(roots: readonly unknown[]): number {
  const teller = new Teller();
  teller.list(roots);
  teller.goOn();
  teller.hash();
  return joined(teller.a, teller.b);
}
