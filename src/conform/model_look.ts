/** What user space would see of the memory of the model: the same views as the agent takes of a real kernel. */
import {
  entry as e,
  flags,
  type Machine,
  Mapping,
  type Mm,
  type Pfn,
  PG_dirty,
  PG_double_map,
  pfn,
  type Vma,
  vaddr,
} from '../core/index';
import type { Region, Workload } from '../workload/index';
import { type Leaf, type Maps, type ScanFeatures, scanText } from './model_scan';
import type { PageRun, RegionView, VmaView } from './observation';

const PAGE = 4096;
const SWAPBACKED_KIB = PAGE / 1024;

/** What differs between kernels in how they show the same memory. */
export interface Manner {
  /** Of the kernel under test. */
  readonly features: ScanFeatures & { readonly ksmFlag: boolean };
  /** smaps counts huge entries that PROT_NONE hides from the CPU: from 6.6 on. */
  readonly countsHidden: boolean;
  /** pagemap asks of every page of a huge entry whether it is mapped once: from 6.11 to 6.14; else of the first one. */
  readonly asksEachPart: boolean;
  /** Numbers of contents as the agent counts them. */
  readonly contentOf: (model: number) => number;
}

interface PageView {
  readonly bits: string;
  readonly scan: string;
  readonly content: number | null;
}

export function look(m: Machine, workload: Workload, manner: Manner): RegionView[] {
  const views: RegionView[] = [];
  for (const [process, mm] of m.user.processes) {
    if (mm.exited) continue;
    for (const region of workload.regions.values()) {
      const view = new Looker(m, mm, manner).region(process, region);
      if (view.vmas.length > 0) views.push(view);
    }
  }
  return views;
}

class Looker {
  constructor(
    private readonly m: Machine,
    private readonly mm: Mm,
    private readonly manner: Manner,
  ) {}

  region(process: string, region: Region): RegionView {
    const end = region.start + region.pages * PAGE;
    const inside = this.mm.mmap.filter((vma) => vma.vm_start < end && vma.vm_end > region.start);
    const runs = new Runs();
    for (const vma of inside) {
      runs.cut();
      const last = Math.min(vma.vm_end, end);
      for (let at = Math.max(vma.vm_start, region.start); at < last; at += PAGE) {
        runs.add((at - region.start) / PAGE, this.page(vma, at));
      }
    }
    const page = (at: number): number => (at - region.start) / PAGE;
    const vmas = inside.map((vma) => this.vma(vma, page(vma.vm_start), page(vma.vm_end) - 1));
    return { process, region: region.name, pages: runs.all, vmas };
  }

  private leaf(at: number): Leaf {
    const slot = this.m.mm_find_pmd_slot(this.mm, vaddr(at));
    const pmd = slot === null ? e.NONE : slot.peek();
    if (slot === null || e.pmd_none(pmd)) return { entry: e.NONE, huge: false, hole: true };
    if (!e.pmd_is_table(pmd)) return { entry: pmd, huge: true, hole: false };
    return { entry: this.m.pte_offset(slot, vaddr(at)).peek(), huge: false, hole: false };
  }

  private page(vma: Vma, at: number): PageView {
    const leaf = this.leaf(at);
    const isPresent = leaf.huge ? e.pmd_present(leaf.entry) : e.pte_present(leaf.entry);
    const maps = isPresent ? this.mapped(this.frameOf(leaf, at)) : null;
    const scan = scanText(vma, leaf, maps, this.manner.features);
    return { ...this.pagemap(vma, at, leaf), scan };
  }

  private frameOf({ entry, huge }: Leaf, at: number): Pfn {
    return pfn(e.pte_pfn(entry) + (huge ? Math.floor((at % this.m.HPAGE_PMD_SIZE) / PAGE) : 0));
  }

  private mapped(frame: Pfn): Maps {
    if (this.isZero(frame)) return 'zero';
    if (!this.m.pfn_valid(frame)) return 'other';
    const mapping = this.m.pages.mapping[this.m.compound_head(frame)];
    return mapping === Mapping.anon || mapping === Mapping.ksm ? 'other' : 'file';
  }

  private pagemap(vma: Vma, at: number, leaf: Leaf): Omit<PageView, 'scan'> {
    const { entry, huge } = leaf;
    const tracked = (vma.vm_flags & flags.VM_SOFTDIRTY) !== 0;
    const soft = (own: boolean): string =>
      !this.manner.features.softDirty ? '?' : tracked || own ? 'd' : '-';
    // pagemap does not walk mappings of devices.
    const isOutside = (vma.vm_flags & flags.VM_PFNMAP) !== 0;
    if (e.pte_none(entry) || isOutside) return { bits: `---${soft(false)}---`, content: null };
    const isPresent = huge ? e.pmd_present(entry) : e.pte_present(entry);
    if (!isPresent) {
      const wp = e.pte_swp_uffd_wp(entry) ? 'w' : '-';
      return { bits: `s--${soft(e.pte_swp_soft_dirty(entry))}${wp}--`, content: null };
    }
    const frame = this.frameOf(leaf, at);
    const bits = [
      'p',
      ...this.owner(frame, huge),
      soft(e.pte_soft_dirty(entry)),
      e.pte_uffd_wp(entry) ? 'w' : '-',
      huge ? 'h' : '-',
      this.kind(frame),
    ].join('');
    return { bits, content: this.manner.contentOf(this.m.pages.contentOf(frame)) };
  }

  private isZero(frame: Pfn): boolean {
    return frame === this.m.zeroPage || this.isHugeZero(frame);
  }
  private isHugeZero(frame: Pfn): boolean {
    return this.m.pfn_valid(frame) && this.m.compound_head(frame) === this.m.hugeZeroPage;
  }

  /** File or shared memory, and exclusive. */
  private owner(frame: Pfn, huge: boolean): [string, string] {
    // pagemap asks of a huge page whether it is anonymous, and the one of zeroes is not.
    if (huge && this.isHugeZero(frame)) return ['f', '-'];
    if (!this.m.pfn_valid(frame) || this.isZero(frame)) return ['-', '-'];
    const head = this.m.compound_head(frame);
    const { pages } = this.m;
    const asked = huge && !this.manner.asksEachPart ? head : frame;
    const whole = pages.isCompound(frame) ? pages.compound_mapcount[head]! + 1 : 0;
    const isCountedTwice = (pages.flags[head]! & PG_double_map) !== 0;
    const mapcount = pages.mapcount[asked]! + 1 + whole - (isCountedTwice ? 1 : 0);
    return [pages.mapping[head] === Mapping.file ? 'f' : '-', mapcount === 1 ? 'x' : '-'];
  }

  private kind(frame: Pfn): string {
    if (!this.m.pfn_valid(frame)) return '-';
    if (this.isZero(frame)) return 'z';
    if (!this.manner.features.ksmFlag) return '?';
    return this.m.pages.mapping[this.m.compound_head(frame)] === Mapping.ksm ? 'k' : '-';
  }

  private vma(vma: Vma, first: number, last: number): VmaView {
    const sum = { anonymous: 0, huge: 0, lazyFree: 0, swap: 0 };
    for (let at: number = vma.vm_start; at < vma.vm_end; at += PAGE) {
      this.account(at, sum);
      if (this.isInFileSwap(vma, at)) sum.swap += SWAPBACKED_KIB;
    }
    return { first, last, permissions: permissionsOf(vma.vm_flags), ...sum, flags: flagsOf(vma.vm_flags) };
  }

  /** Shared memory in swap has no entries; who could write a copy of his own is asked only where he has none yet. */
  private isInFileSwap(vma: Vma, at: number): boolean {
    if (vma.vm_file?.kind !== 'shmem') return false;
    if (!vma.vm_file.disk.has(vma.vm_pgoff + (at - vma.vm_start) / PAGE)) return false;
    const isShared = (vma.vm_flags & flags.VM_SHARED) !== 0 || (vma.vm_flags & flags.VM_WRITE) === 0;
    return isShared || e.pte_none(this.leaf(at).entry);
  }

  private account(
    at: number,
    sum: { anonymous: number; huge: number; lazyFree: number; swap: number },
  ): void {
    const leaf = this.leaf(at);
    const { entry, huge } = leaf;
    if (e.pte_none(entry)) return;
    if (!(huge ? e.pmd_present(entry) : e.pte_present(entry))) {
      if (e.swp_type(entry) === e.SwapType.swap) sum.swap += SWAPBACKED_KIB;
      return;
    }
    if (huge && e.pmd_protnone(entry) && !this.manner.countsHidden) return;
    const frame = this.frameOf(leaf, at);
    if (!this.m.pfn_valid(frame) || this.isZero(frame)) return;
    const head = this.m.compound_head(frame);
    const mapping = this.m.pages.mapping[head];
    if (mapping !== Mapping.anon && mapping !== Mapping.ksm) return;
    sum.anonymous += SWAPBACKED_KIB;
    if (huge) sum.huge += SWAPBACKED_KIB;
    const isDirty = e.pte_dirty(entry) || (this.m.pages.flags[head]! & PG_dirty) !== 0;
    if (!this.m.isSwapBacked(frame) && !isDirty) sum.lazyFree += SWAPBACKED_KIB;
  }
}

const permissionsOf = (f: number): string =>
  [
    f & flags.VM_READ ? 'r' : '-',
    f & flags.VM_WRITE ? 'w' : '-',
    f & flags.VM_EXEC ? 'x' : '-',
    f & flags.VM_MAYSHARE ? 's' : 'p',
  ].join('');

/** VmFlags of smaps that the model has, in their order there. */
export const knownFlags: readonly (readonly [name: string, bit: number])[] = [
  ['rd', flags.VM_READ],
  ['wr', flags.VM_WRITE],
  ['ex', flags.VM_EXEC],
  ['um', flags.VM_UFFD_MISSING],
  ['uw', flags.VM_UFFD_WP],
  ['dc', flags.VM_DONTCOPY],
  ['wf', flags.VM_WIPEONFORK],
  ['hg', flags.VM_HUGEPAGE],
  ['nh', flags.VM_NOHUGEPAGE],
  ['mg', flags.VM_MERGEABLE],
];

const flagsOf = (of: number): string[] =>
  knownFlags.filter(([, bit]) => (of & bit) !== 0).map(([name]) => name);

/** Pages one after another into runs of pages that look alike, as conform/agent/look.c does it. */
class Runs {
  readonly all: PageRun[] = [];
  private open = false;

  /** The next page begins a run. */
  cut(): void {
    this.open = false;
  }

  add(index: number, { bits, scan, content }: PageView): void {
    const run = this.all.at(-1);
    const isAlike = run?.bits === bits && run.scan === scan;
    if (this.open && isAlike && (run.content === null) === (content === null)) {
      const isSecond = index === run.first + 1;
      const stride =
        isSecond && content !== null && content === run.content! + 1 ? 1 : isSecond ? 0 : run.stride;
      if (content === null || content === run.content! + stride * (index - run.first)) {
        this.all[this.all.length - 1] = { ...run, last: index, stride };
        return;
      }
    }
    this.all.push({ first: index, last: index, bits, scan, content, stride: 0 });
    this.open = true;
  }
}
