/** A guest of 4 KiB pages under the base of the proposals, driven straight: one task, nobody watching. */
import type { Kernel, Mm, UserfaultfdCtx, Vaddr } from '../src/core/index';
import { core, variants } from './compiled';
import type { Figure, Measurement } from './figure';

const PAGE = 4096;
const GIB = 2 ** 30;
const ROUNDS = 7;

interface Run<T> {
  [Symbol.iterator](): Iterator<unknown, T, undefined>;
}

function drive<T>(run: Run<T>): T {
  const steps = run[Symbol.iterator]();
  for (;;) {
    const next = steps.next();
    if (next.done) return next.value;
  }
}

class Guest {
  readonly pages: number;
  readonly start: Vaddr;
  private readonly k: Kernel;
  private readonly ctx: UserfaultfdCtx;

  constructor(bytes: number) {
    this.pages = bytes / PAGE;
    const all = variants.variants;
    const base = all.find(({ meta }) => meta.id === 'uffd-wp-2018')!;
    const machine = new core.Machine({ ...core.defaultConfig, thp: 'never' });
    const mm = machine.newMm('qemu');
    const KernelOfBase = core.buildKernel(core.resolveVariant(base, all).layers);
    this.k = new KernelOfBase(machine, machine.newTask('vcpu', mm));
    this.start = this.map(mm, bytes);
    this.ctx = this.arm(bytes);
  }

  private map(mm: Mm, len: number): Vaddr {
    drive(this.k.down_write(mm.mmap_sem));
    const start = drive(this.k.do_mmap(mm, { len, prot: 3, shared: false }));
    drive(this.k.up_write(mm.mmap_sem));
    return start as Vaddr;
  }

  private arm(bytes: number): UserfaultfdCtx {
    const ctx = this.k.sys_userfaultfd();
    drive(this.k.userfaultfd_api(ctx, 0));
    drive(this.k.userfaultfd_register(ctx, this.start, bytes, { missing: false, wp: true }));
    return ctx;
  }

  /** Stores once to every page. */
  touch(): void {
    const { k } = this;
    for (let page = 0; page < this.pages; page++) {
      drive(k.user_store(core.vaddr(this.start + page * PAGE), core.content(page + 1)));
    }
  }

  protect(wp: boolean): void {
    const result = drive(
      this.k.userfaultfd_writeprotect(this.ctx, this.start, this.pages * PAGE, { wp, dontwake: false }),
    );
    if (result !== 0) throw new Error(`UFFDIO_WRITEPROTECT gave ${result}`);
  }

  /** Nanoseconds of processor time per page, which other programs on the machine disturb least. */
  timed(action: () => void): number {
    const before = process.cpuUsage();
    action();
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1000) / this.pages;
  }
}

const figure = (of: string, values: readonly number[], goal?: number): Figure => ({
  of,
  unit: 'ns',
  values,
  ...(goal === undefined ? {} : { goal }),
});

export const protection: Measurement = {
  name: 'protect',
  says: 'UFFDIO_WRITEPROTECT over 1 GiB of 4 KiB pages, per entry',
  run() {
    const first = { protect: [] as number[], unprotect: [] as number[] };
    const later = { protect: [] as number[], unprotect: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      const guest = new Guest(GIB);
      guest.touch();
      for (const into of [first, later]) {
        into.protect.push(guest.timed(() => guest.protect(true)));
        into.unprotect.push(guest.timed(() => guest.protect(false)));
      }
    }
    return [
      figure('protect, after every page was stored to', first.protect, 100),
      figure('un-protect', first.unprotect, 100),
      figure('protect again, nothing cached in the TLB', later.protect, 100),
      figure('un-protect again', later.unprotect, 100),
    ];
  },
};

export const writeFault: Measurement = {
  name: 'fault',
  says: 'first store to each page of 1 GiB, per fault',
  run() {
    const values: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const guest = new Guest(GIB);
      values.push(guest.timed(() => guest.touch()));
    }
    return [figure('store, fault, store again', values)];
  },
};
