/** A YAML file whose every value knows its line and column, and whose every complaint says them. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
} from 'yaml';
import { FixtureError, type Place } from './fixture';
import { didYouMean, oneOf } from './suggestion';

/** A value in the file, of whatever type. */
export type Value = Node | null;

export interface Entry {
  readonly key: string;
  readonly keyPlace: Place;
  readonly value: Value;
  readonly place: Place;
}

// In a flow sequence `[write guest[127]]` YAML takes the inner brackets for another sequence. No YAML needs a
// bracket right behind a word, so these are hidden from the parser behind two characters of the same length.
const hide = (text: string): string => text.replace(/(?<=[\w-])\[([^[\]{},\n]*)\]/g, '\ue000$1\ue001');
const shown = (text: string): string => text.replaceAll('\ue000', '[').replaceAll('\ue001', ']');

/** What is found may be a whole file that is no YAML: its beginning says enough. */
const brief = (text: string): string => {
  const printable = text.replace(/\p{C}/gu, '?');
  return printable.length > 60 ? `${printable.slice(0, 60)}...` : printable;
};

export class YamlSource {
  private readonly lines = new LineCounter();
  private readonly document: Document;

  constructor(
    text: string,
    readonly file: string,
  ) {
    this.document = parseDocument(hide(text), { lineCounter: this.lines, prettyErrors: false });
    const [error] = [...this.document.errors, ...this.document.warnings];
    if (error) this.fail(this.placeAt(error.pos[0]), `not YAML: ${shown(error.message)}`);
  }

  get root(): Value {
    return this.document.contents as Value;
  }

  fail(place: Place, message: string): never {
    throw new FixtureError(this.file, place.line, place.column, message);
  }

  private placeAt(offset: number): Place {
    const { line, col } = this.lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }
  placeOf(value: Value): Place {
    return this.placeAt(value?.range?.[0] ?? 0);
  }
  /** The place of a character inside the text of a scalar. */
  placeInside(value: Value, offset: number): Place {
    const place = this.placeOf(value);
    const quoted = isScalar(value) && /^QUOTE/.test(value.type ?? '') ? 1 : 0;
    return { line: place.line, column: place.column + quoted + offset };
  }

  private resolved(value: Value): Value {
    return isAlias(value) ? ((value.resolve(this.document) ?? null) as Value) : value;
  }
  /** What a value is, for messages. */
  describe(given: Value): string {
    const value = this.resolved(given);
    if (isMap(value)) return 'a mapping';
    if (isSeq(value)) return 'a list';
    const scalar = isScalar(value) ? value.value : null;
    return scalar === null
      ? 'nothing'
      : typeof scalar === 'string'
        ? `"${brief(shown(scalar))}"`
        : String(scalar);
  }
  private wrong(value: Value, place: Place, key: string, wanted: string): never {
    this.fail(place, `${key} is ${this.describe(value)}; allowed: ${wanted}`);
  }

  isMapping(value: Value): boolean {
    return isMap(this.resolved(value));
  }
  isText(given: Value): boolean {
    const value = this.resolved(given);
    return isScalar(value) && value.value !== null;
  }

  /** The entries of a mapping in their order. */
  entries(given: Value, place: Place, what: string, wanted: string): Entry[] {
    const value = this.resolved(given);
    if (!isMap(value)) this.wrong(value, place, what, wanted);
    return value.items.map((pair) => {
      const key = pair.key as Node;
      const keyPlace = this.placeOf(key);
      const inside = pair.value as Value;
      const name = this.text(key, keyPlace, 'a key', 'a word');
      return { key: name, keyPlace, value: inside, place: inside?.range ? this.placeOf(inside) : keyPlace };
    });
  }

  /** A mapping with known keys. */
  fields(
    given: Value,
    place: Place,
    what: string,
    known: readonly string[],
    needed: readonly string[],
  ): Fields {
    const entries = this.entries(given, place, what, `a mapping with ${oneOf(known)}`);
    const fields = new Map<string, Entry>();
    for (const entry of entries) {
      if (!known.includes(entry.key)) {
        const meant = didYouMean(entry.key, known);
        this.fail(entry.keyPlace, `${what} has no "${entry.key}"${meant}; allowed: ${oneOf(known)}`);
      }
      fields.set(entry.key, entry);
    }
    for (const key of needed) if (!fields.has(key)) this.fail(place, `${what} needs "${key}"`);
    return fields;
  }

  list(given: Value, place: Place, what: string, wanted: string): { value: Value; place: Place }[] {
    const value = this.resolved(given);
    if (!isSeq(value)) this.wrong(value, place, what, wanted);
    return value.items.map((item) => {
      const inside = item as Value;
      return { value: inside, place: inside?.range ? this.placeOf(inside) : place };
    });
  }

  /** Text; a number is written as its text. */
  text(given: Value, place: Place, what: string, wanted: string): string {
    const value = this.resolved(given);
    if (!isScalar(value) || value.value === null) this.wrong(value, place, what, wanted);
    return shown(
      typeof value.value === 'string' ? value.value : ((value as Scalar).source ?? String(value.value)),
    );
  }
  boolean(entry: Entry): boolean {
    const value = this.resolved(entry.value);
    if (isScalar(value) && typeof value.value === 'boolean') return value.value;
    return this.wrong(value, entry.place, entry.key, 'true, false');
  }
  integer(entry: Entry, least: number, most: number): number {
    const value = this.resolved(entry.value);
    const number = isScalar(value) && typeof value.value === 'number' ? value.value : Number.NaN;
    if (Number.isInteger(number) && number >= least && number <= most) return number;
    return this.wrong(value, entry.place, entry.key, `a number from ${least} to ${most}`);
  }
  /** One of a few words. */
  choice<T extends string>(value: Value, place: Place, what: string, allowed: readonly T[]): T {
    const text = this.isText(value) ? this.text(value, place, what, oneOf(allowed)) : '';
    if ((allowed as readonly string[]).includes(text)) return text as T;
    const meant = text === '' ? '' : didYouMean(text, allowed);
    return this.fail(place, `${what} is ${this.describe(value)}${meant}; allowed: ${oneOf(allowed)}`);
  }
}

export type Fields = ReadonlyMap<string, Entry>;
