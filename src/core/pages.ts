/**
 * struct page for every frame, as flat columns indexed by frame number. No bytes: `content` says which store a
 * page holds, so that every load can be checked.
 *
 * Compound pages: `head[p]` is the head's frame; the head's `refcount` and `compound_mapcount` serve all of it,
 * `mapcount` is per subpage. Both map counts start at -1 as in the kernel.
 */
import { assert } from './assert';
import { Numbers } from './numbers';
import { type Content, content, type Pfn, pfn } from './units';

export const PG_dirty = 1 << 0;
export const PG_swapbacked = 1 << 1;
export const PG_swapcache = 1 << 2;
export const PG_active = 1 << 3;
export const PG_lru = 1 << 4;
export const PG_referenced = 1 << 5;
export const PG_uptodate = 1 << 6;
export const PG_writeback = 1 << 7;
export const PG_head = 1 << 8;
export const PG_double_map = 1 << 9;
export const PG_mlocked = 1 << 10;
/** Not a kernel flag of 2018: from 5.19 on, "mapped by one process alone". */
export const PG_anon_exclusive = 1 << 11;
/** Of the head of an anonymous huge page, from 6.12 on: some of its parts have been unmapped. */
export const PG_partially_mapped = 1 << 12;
/** Ours: the frame is with the allocator. */
export const PG_free = 1 << 30;

/** What page->mapping says. */
export const Mapping = { none: 0, anon: 1, ksm: 2, file: 3 } as const;
export type Mapping = (typeof Mapping)[keyof typeof Mapping];

/** What a pin adds to the reference count of a small page: who has that many may be pinned. */
export const GUP_PIN_COUNTING_BIAS = 1024;

/** Frame 0 is never handed out, so that 0 can mean "no page". */
export const NO_PAGE = pfn(0);
/** Frames from here on belong to a device and have no struct page. */
export const DEVICE_PFN = 0x1000000;

type Column = Int32Array;
const COLUMNS = [
  'refcount',
  'mapcount',
  'compound_mapcount',
  'flags',
  'mapping',
  'mappingId',
  'private',
  'head',
  'content',
  'lockOwner',
  'nid',
] as const;

/** See Numbers: the same for frames, of which a compound page needs many in a row. */
interface Blocks {
  readonly base: number;
  /** Frames in one block. */
  readonly size: number;
  readonly ids: Numbers;
  /** By task: the next frame of the block that it hands out one by one, and how many are left of it. */
  readonly next: number[];
  readonly left: number[];
}

const blockOf = ({ base, size, ids }: Blocks, task: number): number => base + ids.take(task) * size;

function takeFrames(blocks: Blocks, nr: number, task: number): number {
  if (nr > 1) return blockOf(blocks, task);
  const { size, next, left } = blocks;
  if (left[task] === 0) {
    next[task] = blockOf(blocks, task);
    left[task] = size;
  }
  left[task]!--;
  return next[task]!++;
}

export class Pages {
  /** The frames below this are the zero pages, of which only the contents could ever differ. */
  firstOrdinary = 1;
  /** Above all frames handed out so far. */
  count = 1;
  /** Frames of which a task is given a part to hand out, one block after another; null while nothing runs beside. */
  private blocks: Blocks | null = null;
  refcount: Column = new Int32Array(64);
  mapcount: Column = new Int32Array(64);
  compound_mapcount: Column = new Int32Array(64);
  flags: Column = new Int32Array(64);
  /** One of `Mapping`. */
  mapping: Column = new Int32Array(64);
  /** The anon_vma root, the KSM stable node or the file. */
  mappingId: Column = new Int32Array(64);
  /** Offset in units of pages within the mapping. */
  index = new Float64Array(64);
  /** Swap slot + 1 while in the swap cache, else 0. */
  private: Column = new Int32Array(64);
  /** Pins of huge pages, by head; those of small pages are in the reference count. */
  readonly pincount = new Map<Pfn, number>();
  head: Column = new Int32Array(64);
  content: Column = new Int32Array(64);
  /** Contents of device memory, which has no struct page. */
  readonly device = new Map<Pfn, Content>();
  /** Task that holds the page lock, or -1. Asked of the head. */
  lockOwner: Column = new Int32Array(64);
  nid: Column = new Int32Array(64);

  /**
   * From now on every task hands out frames of its own.
   * @param size frames of a compound page
   */
  share(tasks: number, size: number): void {
    this.blocks = {
      base: this.count,
      size,
      ids: new Numbers(0),
      next: [],
      left: new Array<number>(tasks).fill(size),
    };
    this.blocks.ids.share(tasks);
    for (let task = 0; task < tasks; task++) this.blocks.next.push(blockOf(this.blocks, task));
  }

  private grow(least: number): void {
    const size = Math.max(least, this.refcount.length * 2);
    for (const name of COLUMNS) {
      const wider = new Int32Array(size);
      wider.set(this[name]);
      this[name] = wider;
    }
    const index = new Float64Array(size);
    index.set(this.index);
    this.index = index;
  }

  /**
   * Takes fresh frames; frames are never used twice, so that a use after free stays visible.
   * @param nr 1, or the size of a compound page
   * @param task who asks
   */
  alloc(nr: number, nid: number, task = 0): Pfn {
    const first = this.blocks === null ? this.count : takeFrames(this.blocks, nr, task);
    if (first + nr > this.refcount.length) this.grow(first + nr);
    this.count = Math.max(this.count, first + nr);
    assert(this.count < DEVICE_PFN, 'alloc(): out of frame numbers');
    for (let p = first; p < first + nr; p++) {
      this.mapcount[p] = -1;
      this.compound_mapcount[p] = -1;
      this.head[p] = first;
      this.lockOwner[p] = -1;
      this.nid[p] = nid;
    }
    this.refcount[first] = 1;
    if (nr > 1) this.flags[first] = PG_head;
    return pfn(first);
  }

  /** A frame that was handed out for nothing: if it is the last one that `task` was given, all is as before. */
  takeBack(page: Pfn, task: number): void {
    if (this.blocks === null || this.blocks.next[task] !== page + 1 || this.isCompound(page)) return;
    this.blocks.next[task]!--;
    this.blocks.left[task]!++;
    for (const name of COLUMNS) this[name][page] = 0;
    while (this.head[this.count - 1] === 0) this.count--;
  }

  exists(page: Pfn): boolean {
    // Frames that nobody was given yet have no head.
    return page > 0 && page < this.count && this.head[page] !== 0;
  }
  compound_head(page: Pfn): Pfn {
    return this.head[page]! as Pfn;
  }
  isCompound(page: Pfn): boolean {
    return (this.flags[this.head[page]!]! & PG_head) !== 0;
  }
  contentOf(page: Pfn): Content {
    return content((page < DEVICE_PFN ? this.content[page] : this.device.get(page)) ?? 0);
  }
  setContent(page: Pfn, value: Content): void {
    if (page < DEVICE_PFN) this.content[page] = value;
    else this.device.set(page, value);
  }

  /** Cut to the frames in use, for copying. */
  trim(): void {
    for (const name of COLUMNS) this[name] = this[name].slice(0, this.count);
    this.index = this.index.slice(0, this.count);
  }
}
