/** Reads the text of a step with the table of verbs. */
import type { Place, Range, UserStep } from './fixture';
import { type Part, reserved, verbNames, verbs } from './step_grammar';
import { usage } from './step_usage';
import { didYouMean, oneOf } from './suggestion';

/** What the text of a step may name. */
export interface Names {
  /** Regions and their sizes in pages. */
  readonly regions: ReadonlyMap<string, number>;
  /** Files and their sizes in pages. */
  readonly files: ReadonlyMap<string, number>;
  readonly nodes: number;
}

/** A step that cannot be read. `offset` counts characters from the start of its text. */
export class StepError extends Error {
  constructor(
    readonly offset: number,
    message: string,
  ) {
    super(message);
  }
}

interface Token {
  readonly text: string;
  readonly offset: number;
}

type Writable = { -readonly [K in keyof UserStep]: UserStep[K] };

const identifier = /^[A-Za-z_][\w-]*$/;
const indexed = /^([^[\]]*)\[([^[\]]*)\]$/;
const whole = /^\d+$/;

const tokensOf = (text: string): Token[] =>
  [...text.matchAll(/features=\S*|=|[^\s=]+/g)].map((m) => ({ text: m[0], offset: m.index }));

export function parseStep(text: string, place: Place, names: Names): UserStep {
  const tokens = tokensOf(text);
  const [first] = tokens;
  if (!first) throw new StepError(0, `an empty step; allowed: ${oneOf(verbNames)}`);
  if (!Object.hasOwn(verbs, first.text)) {
    throw new StepError(
      first.offset,
      `there is no verb "${first.text}"${didYouMean(first.text, verbNames)}; allowed: ${oneOf(verbNames)}`,
    );
  }
  const step = emptyStep(first.text, place);
  const reader = new PartReader(text, tokens, step, names);
  for (const part of verbs[first.text]!.parts) reader.read(part);
  reader.end();
  return step;
}

const emptyStep = (verb: string, place: Place): Writable => ({
  verb,
  on: null,
  onFault: false,
  to: null,
  value: null,
  word: null,
  flags: [],
  name: null,
  filePage: null,
  node: null,
  features: [],
  uffd: null,
  place,
});

/** Reads the parts of a step in the order of the table. */
class PartReader {
  private at = 1;
  constructor(
    private readonly text: string,
    private readonly tokens: readonly Token[],
    private readonly step: Writable,
    private readonly names: Names,
  ) {}

  private get next(): Token | undefined {
    return this.tokens[this.at];
  }
  private get usage(): string {
    return `allowed: ${usage(this.step.verb)}`;
  }
  /** A word that may stand for a name: not one that means something here. */
  private get nextName(): Token | undefined {
    return this.next && !reserved.has(this.next.text) && !/^(features)?=/.test(this.next.text)
      ? this.next
      : undefined;
  }
  private missing(what: string): never {
    throw new StepError(this.text.trimEnd().length, `${what} is missing; ${this.usage}`);
  }
  private take(): Token {
    return this.tokens[this.at++]!;
  }

  read(part: Part): void {
    const { text } = this.next ?? { text: '' };
    if (part.kind === 'pages') this.readPages(part);
    else if (part.kind === 'to') this.readTo();
    else if (part.kind === 'word') this.readWord(part.of, part.optional === true);
    else if (part.kind === 'features') this.readFeatures(part.of);
    else if (part.kind === 'name') this.readName(part);
    else if (part.kind === 'filePage') this.readFilePage();
    else if (part.kind === 'flags') while (part.of.includes(this.next?.text ?? '')) this.addFlag(this.take());
    else if (part.kind === 'value' && text === '=') this.step.value = this.numberAfter('=');
    else if (part.kind === 'node' && text === 'node')
      this.step.node = this.numberAfter('node', this.names.nodes - 1);
    else if (part.kind === 'with' && text === 'with') this.readWith();
  }

  private readTo(): void {
    if (this.next?.text !== 'to') this.missing('"to REGION"');
    this.take();
    if (!this.next) this.missing('the region after "to"');
    this.step.to = this.regionOf(this.take());
  }

  private readWith(): void {
    this.take();
    if (!this.next) this.missing('the name of a userfaultfd after "with"');
    this.step.uffd = this.identifierOf(this.take(), 'a userfaultfd');
  }

  /** What is left over belongs nowhere. */
  end(): void {
    const { next } = this;
    if (!next) return;
    const words = verbs[this.step.verb]!.parts.flatMap((p) =>
      'of' in p && typeof p.of === 'object' ? p.of : [],
    );
    const meant = didYouMean(next.text, [...words, 'with', 'node', 'to']);
    throw new StepError(
      next.offset,
      `"${next.text}" does not belong to ${this.step.verb}${meant}; ${this.usage}`,
    );
  }

  private addFlag(token: Token): void {
    if (this.step.flags.includes(token.text))
      throw new StepError(token.offset, `"${token.text}" is there twice`);
    const order = verbs[this.step.verb]!.parts.flatMap((p) => (p.kind === 'flags' ? p.of : []));
    this.step.flags = order.filter((flag) => flag === token.text || this.step.flags.includes(flag));
  }

  private readPages(part: Part & { kind: 'pages' }): void {
    const { next } = this;
    if (part.fault && next?.text === 'fault') {
      this.take();
      this.step.onFault = true;
      return;
    }
    if (!next || (part.optional && !this.nextName)) {
      if (part.optional) return;
      this.missing(part.one ? 'a page' : 'a region');
    }
    this.step.on = this.rangeOf(this.take(), part.one === true);
    if (part.whole && !this.step.on.whole) {
      throw new StepError(next.offset, `${this.step.verb} takes all of a region: ${this.step.on.region}`);
    }
  }

  private rangeOf(token: Token, one: boolean): Range {
    const match = indexed.exec(token.text);
    const region = this.regionOf(match ? { text: match[1]!, offset: token.offset } : token);
    const pages = this.names.regions.get(region)!;
    if (!match) {
      if (one && pages > 1) {
        throw new StepError(
          token.offset,
          `${this.step.verb} wants one page, and ${region} has ${pages}: ${region}[I]`,
        );
      }
      return { region, first: 0, last: pages - 1, whole: true };
    }
    const inside = token.offset + region.length + 1;
    const ends = match[2]!.split('..');
    if (ends.length > 2 || !ends.every((end) => whole.test(end))) {
      throw new StepError(
        inside,
        `"${match[2]}" is no index; allowed: ${region}[I] or ${region}[I..J], pages from 0`,
      );
    }
    const [first, last] = [Number(ends[0]), Number(ends.at(-1))];
    if (last >= pages) {
      const has = pages === 1 ? `1 page: ${region}[0]` : `${pages} pages: ${region}[0..${pages - 1}]`;
      throw new StepError(inside, `page ${last} is outside ${region}, which has ${has}`);
    }
    if (first > last) throw new StepError(inside, `${first}..${last} is empty: the first page comes first`);
    if (one && first < last)
      throw new StepError(inside, `${this.step.verb} wants one page, not ${first}..${last}`);
    return { region, first, last, whole: false };
  }

  private regionOf(token: Token): string {
    const known = [...this.names.regions.keys()];
    if (this.names.regions.has(token.text)) return token.text;
    const words = verbs[this.step.verb]!.parts.flatMap((p) => (p.kind === 'word' ? p.of : []));
    throw new StepError(
      token.offset,
      `there is no region "${token.text}"${didYouMean(token.text, [...known, ...words])}; allowed: ${oneOf(known)}`,
    );
  }

  private readWord(of: readonly string[], optional: boolean): void {
    const { next } = this;
    if (next && of.includes(next.text)) {
      this.step.word = this.take().text;
    } else if (!optional) {
      if (!next) this.missing(`one of ${oneOf(of)}`);
      throw new StepError(
        next.offset,
        `"${next.text}" is not one of ${oneOf(of)}${didYouMean(next.text, of)}`,
      );
    }
  }

  private readFeatures(of: readonly string[]): void {
    const { next } = this;
    if (!next?.text.startsWith('features=')) return;
    this.take();
    const given = next.text.slice('features='.length).split(',');
    for (const feature of given) {
      if (of.includes(feature)) continue;
      throw new StepError(
        next.offset,
        `"${feature}" is no feature${didYouMean(feature, of)}; allowed: ${oneOf(of)}`,
      );
    }
    this.step.features = of.filter((feature) => given.includes(feature));
  }

  private readName(part: Part & { kind: 'name' }): void {
    const token = part.optional ? this.nextName : this.next;
    if (!token) {
      if (part.optional) return;
      this.missing(`the name of a ${part.of}`);
    }
    this.take();
    if (part.of === 'file') this.fileOf(token);
    this.step.name = this.identifierOf(token, `a ${part.of}`);
  }

  private fileOf(token: Token): number {
    const pages = this.names.files.get(token.text);
    if (pages !== undefined) return pages;
    const known = [...this.names.files.keys()];
    const allowed = known.length > 0 ? `allowed: ${oneOf(known)}` : 'the fixture has no files';
    throw new StepError(
      token.offset,
      `there is no file "${token.text}"${didYouMean(token.text, known)}; ${allowed}`,
    );
  }

  private readFilePage(): void {
    if (!this.next) this.missing('the page of a file');
    const token = this.take();
    const match = indexed.exec(token.text);
    const pages = this.fileOf({ text: match?.[1] ?? token.text, offset: token.offset });
    const index = match?.[2] ?? '';
    if (!whole.test(index) || Number(index) >= pages) {
      throw new StepError(
        token.offset,
        `"${token.text}" is no page of the file, which has ${pages}; ${this.usage}`,
      );
    }
    this.step.name = match![1]!;
    this.step.filePage = Number(index);
  }

  private numberAfter(keyword: string, most = 999_999): number {
    this.take();
    if (!this.next) this.missing(`the number after "${keyword}"`);
    const token = this.take();
    if (!whole.test(token.text) || Number(token.text) > most) {
      throw new StepError(
        token.offset,
        `"${token.text}" after "${keyword}" is not a number from 0 to ${most}`,
      );
    }
    return Number(token.text);
  }

  private identifierOf(token: Token, what: string): string {
    if (identifier.test(token.text)) return token.text;
    throw new StepError(
      token.offset,
      `"${token.text}" cannot name ${what}: a letter, then letters, digits, "_" and "-"`,
    );
  }
}
