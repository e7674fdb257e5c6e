/**
 * All that some roots reach, looked at again and again: to tell states apart, and to come back to one. Whoever is there
 * at the beginning has a place for good, by which he is told; whoever comes later is told by when he is met. What they
 * held when they were last looked at is kept, and mementos share it, so that a look costs little more than to compare.
 * Plain data and class instances; functions, kernels and frames are not looked into, and what is frozen never changes.
 * An object that was there at the beginning still counts when nobody refers to it any more.
 */
import { holdsAll, isUnchanged, Keeper, type Kept, type Newcomer, never, putBackKept } from './kept';
import { shapeOf } from './shape';
import { Finder, isOpaque, joined, Words } from './teller';

/** An object that was there at the beginning, or that part of it which does not belong to the state. */
interface Known {
  readonly object: object;
  readonly place: number;
  readonly isRest: boolean;
  kept: Kept;
}

/** Values that belong together; each list stays as it is, and is another one when there is something else to tell. */
type Group = readonly (readonly unknown[])[];

/** A moment that can be put back in place: all objects hold what they held, under the same identities. */
export interface Memento {
  readonly hash: number;
  readonly a: number;
  readonly b: number;
  readonly state: readonly Kept[];
  readonly rest: readonly Kept[];
  readonly newcomers: readonly { readonly newcomer: Newcomer; readonly state: Kept; readonly rest: Kept }[];
  readonly groups: readonly (readonly Kept[])[];
}

export class Memory {
  private readonly keeper: Keeper;
  private readonly words = new Words();
  private readonly state: Known[] = [];
  private readonly rest: Known[] = [];
  private readonly haveRest = new Set<object>();
  /** Sums over `state`. */
  private a = 0;
  private b = 0;
  /** Since the beginning. */
  private looks = 0;
  // What the last of them has found.
  private newcomers: Newcomer[] = [];
  private groups: readonly (readonly Kept[])[] = [];
  private hash = 0;

  /** @param roots reach those who are there at the beginning */
  constructor(roots: readonly unknown[]) {
    const first = new Finder();
    // What is in containers belongs to an object, so there has to be one.
    first.list([{ roots }]);
    first.goOn();
    const { found } = first;
    const { length } = found;
    for (let i = 0; i < found.length; i++) {
      const object = found[i]!;
      const shape = isOpaque(object) ? null : shapeOf(object);
      // Telling is how objects are found.
      if (i >= length) shape?.tell(object, first);
      if (shape?.rest) first.list(shape.rest.read(object));
    }
    const places = new Map(found.map((object, i) => [object, i < length ? i : length - 1 - i]));
    this.keeper = new Keeper(places);
    for (const [object, place] of places) this.know(object, place);
  }

  private know(object: object, place: number): void {
    const shape = isOpaque(object) ? null : shapeOf(object);
    if (shape === null) return;
    (place >= 0 ? this.state : this.rest).push({ object, place, isRest: false, kept: never });
    if (shape.rest) this.knowRest(object, place);
  }
  private knowRest(object: object, place: number): void {
    this.haveRest.add(object);
    this.rest.push({ object, place, isRest: true, kept: never });
  }

  /**
   * @param marks whole numbers that belong to the state, as many every time
   * @param groups belong to it, too
   * @returns equal for equal states. 53 bits
   */
  read(marks: readonly number[], groups: readonly Group[]): number {
    const { words, state } = this;
    this.looks++;
    for (let i = 0; i < marks.length; i++) words.word(marks[i]!);
    this.newcomers = [];
    for (let i = 0; i < state.length; i++) {
      const known = state[i]!;
      if (!isUnchanged(known.object, known.kept)) this.readAnew(known);
      if (known.kept.met.length === 0) continue;
      words.word(known.place);
      this.meet(known.kept);
    }
    this.groups = groups.map((lists, i) => this.readLists(lists, this.groups[i] ?? nobody));
    for (let i = 0; i < this.newcomers.length; i++) this.tell(this.readState(this.newcomers[i]!));
    words.hash();
    this.hash = joined((this.a + words.a) | 0, (this.b + words.b) | 0);
    return this.hash;
  }

  private readLists(lists: Group, before: readonly Kept[]): Kept[] {
    const { words } = this;
    const all: Kept[] = [];
    words.word(lists.length);
    for (let i = 0; i < lists.length; i++) {
      const kept = before[i];
      const isSame = kept !== undefined && kept.fields.content === lists[i] && holdsAll(kept);
      all.push(isSame ? kept : this.keeper.keepList(lists[i]!));
      this.tell(all[i]!);
    }
    return all;
  }

  private tell(kept: Kept): void {
    this.words.word(kept.a);
    this.words.word(kept.b);
    this.meet(kept);
  }
  /** Newcomers are numbered as they are met. */
  private meet({ met }: Kept): void {
    for (let i = 0; i < met.length; i++) {
      const newcomer = met[i]!;
      if (newcomer.look !== this.looks) {
        newcomer.look = this.looks;
        newcomer.number = this.newcomers.length;
        this.newcomers.push(newcomer);
      }
      this.words.word(newcomer.number);
    }
  }

  private readState(newcomer: Newcomer): Kept {
    const { object, state } = newcomer;
    if (state !== never && isUnchanged(object, state)) return state;
    const shape = isOpaque(object) ? null : shapeOf(object);
    return (newcomer.state = shape === null ? opaque : this.keeper.keep(object, shape.state, state));
  }
  private readRest(newcomer: Newcomer): Kept {
    const { object, rest } = newcomer;
    if (rest === opaque || (rest !== never && isUnchanged(object, rest))) return rest;
    const shape = isOpaque(object) ? null : shapeOf(object);
    return (newcomer.rest = shape?.rest ? this.keeper.keep(object, shape.rest, rest) : opaque);
  }

  private readAnew(known: Known): void {
    const { object, place, isRest, kept: before } = known;
    const shape = shapeOf(object)!;
    const part = isRest ? shape.rest : shape.state;
    const kept = part === null ? never : this.keeper.keep(object, part, before, place);
    known.kept = kept;
    // A plain object may have gained fields.
    if (shape.rest && !this.haveRest.has(object)) this.knowRest(object, place);
    if (isRest || place < 0) return;
    this.a = (this.a + kept.a - before.a) | 0;
    this.b = (this.b + kept.b - before.b) | 0;
  }

  /** Keeps the moment that read() has found last. */
  save(): Memento {
    const { keeper, words, rest, groups, hash, a, b } = this;
    const inState = this.newcomers.length;
    keeper.isRest = true;
    for (let i = 0; i < rest.length; i++) {
      const known = rest[i]!;
      if (!isUnchanged(known.object, known.kept)) this.readAnew(known);
      this.meet(known.kept);
    }
    const newcomers: Memento['newcomers'][number][] = [];
    for (let i = 0; i < this.newcomers.length; i++) {
      const newcomer = this.newcomers[i]!;
      keeper.isRest = false;
      const state = i < inState ? newcomer.state : this.readState(newcomer);
      if (i >= inState) this.meet(state);
      keeper.isRest = true;
      const kept = this.readRest(newcomer);
      this.meet(kept);
      if (state !== opaque) newcomers.push({ newcomer, state, rest: kept });
    }
    keeper.isRest = false;
    words.hash();
    return { hash, a, b, state: this.state.map(keptOf), rest: rest.map(keptOf), newcomers, groups };
  }

  restore({ hash, a, b, state, rest, newcomers, groups }: Memento): void {
    for (let i = 0; i < state.length; i++) putBackKnown(this.state[i]!, state[i]!);
    for (let i = 0; i < rest.length; i++) putBackKnown(this.rest[i]!, rest[i]!);
    for (let i = rest.length; i < this.rest.length; i++) this.rest[i]!.kept = never;
    for (let i = 0; i < newcomers.length; i++) {
      const { newcomer, state, rest } = newcomers[i]!;
      putBackKept(newcomer.object, (newcomer.state = state));
      putBackKept(newcomer.object, (newcomer.rest = rest));
    }
    for (const lists of groups) for (const kept of lists) putBackKept(lists, kept);
    this.groups = groups;
    this.hash = hash;
    this.a = a;
    this.b = b;
  }
}

/** Of whom nothing is to be kept. */
const opaque: Kept = {
  ...never,
  part: { id: -1, size: Infinity, same: () => true, read: () => [], write: () => {} },
};

const nobody: readonly Kept[] = [];
const keptOf = ({ kept }: Known): Kept => kept;

function putBackKnown(known: Known, kept: Kept): void {
  putBackKept(known.object, kept);
  known.kept = kept;
}
