import {
  buildKernel,
  content,
  defaultConfig,
  flags,
  type Happening,
  type Kernel,
  Machine,
  type Mm,
  mainline,
  PAGE_SIZE,
  plus,
  type Run,
  resolveVariant,
  type Step,
  type Task,
  type UffdMsg,
  type UserfaultfdCtx,
  type Vaddr,
  type Vma,
  vaddr,
} from '../../src/core';
import { variants } from '../../src/variants';

const { VM_MAYREAD, VM_MAYWRITE, VM_READ, VM_SHARED, VM_UFFD_MISSING, VM_UFFD_WP, VM_WRITE } = flags;
const { EAGAIN, EBUSY, EEXIST, EINVAL, ENOENT, ENOMEM } = flags;
const BASE = vaddr(0x40000);
const PAGES = 4;
const WP = { missing: false, wp: true };
const MISSING = { missing: true, wp: false };
const MAIN = { dontwake: false, wp: false };

type Kind = 'linux-4.19' | 'uffd-wp-2018' | 'dirty-accountable-false' | 'uffd-wp-bit';

/** One process with four pages of anonymous memory at BASE, and a userfaultfd. */
class Bench {
  readonly m = new Machine({ ...defaultConfig, entries: 8, thp: 'never' });
  readonly seen: Happening[] = [];
  readonly mm: Mm = this.m.newMm('test');
  readonly vma: Vma;
  readonly vcpu: Kernel;
  readonly monitor: Kernel;
  readonly ctx: UserfaultfdCtx;

  constructor(
    readonly kind: Kind,
    vm_flags = VM_READ | VM_WRITE,
    features = 0,
  ) {
    this.m.watch = (happening) => this.seen.push(happening);
    const all = vm_flags | VM_MAYREAD | VM_MAYWRITE;
    this.vma = {
      vm_mm: this.mm,
      vm_start: BASE,
      vm_end: plus(BASE, PAGES * PAGE_SIZE),
      vm_flags: all,
      vm_page_prot: flags.vm_get_page_prot(all),
      vm_pgoff: BASE / PAGE_SIZE,
      vm_file: null,
      anon_vma: 0,
      anon_vma_chain: [],
      vm_userfaultfd_ctx: null,
    };
    this.mm.mmap.push(this.vma);
    this.vcpu = this.kernelOf(this.m.newTask('vcpu', this.mm));
    this.monitor = this.kernelOf(this.m.newTask('monitor', this.mm));
    this.ctx = this.monitor.sys_userfaultfd();
    expect(alone(this.monitor.userfaultfd_api(this.ctx, features))).toBe(0);
  }
  kernelOf(task: Task): Kernel {
    const variant = variants.find(({ meta }) => meta.id === this.kind)!;
    return new (buildKernel(resolveVariant(variant, variants).layers))(this.m, task);
  }
  register(mode = WP): number {
    return alone(this.monitor.userfaultfd_register(this.ctx, BASE, PAGES * PAGE_SIZE, mode));
  }
  protect(wp: boolean, va = BASE): number {
    return alone(this.monitor.userfaultfd_writeprotect(this.ctx, va, PAGE_SIZE, { wp, dontwake: false }));
  }
  read(): UffdMsg | number {
    return alone(this.monitor.userfaultfd_read_nonblock(this.ctx));
  }
  /** A store that sleeps in handle_userfault(); what ends the sleep is run by `then`. */
  blockedStore(va: Vaddr = BASE): Blocked {
    return new Blocked(this.vcpu.user_store(va, content(7)));
  }
}

/** A run that waits for others; goes on as far as it can when asked for its result. */
class Blocked {
  private readonly steps: Iterator<Step, unknown, undefined>;
  private step: Step | null = null;
  private end: { value: unknown } | null = null;
  constructor(run: Run<unknown>) {
    this.steps = run[Symbol.iterator]();
    this.result();
  }
  /** undefined while it sleeps. */
  result(): unknown {
    while (this.end === null) {
      if (this.step?.ready && !this.step.ready()) return undefined;
      const next = this.steps.next();
      if (next.done) this.end = { value: next.value };
      else this.step = next.value;
    }
    return this.end.value;
  }
}

function alone<T>(run: Run<T>): T {
  const { done, value } = run[Symbol.iterator]().next();
  if (!done) throw new Error(`waits for ${(value as Step).waitsFor}`);
  return value;
}

describe('the ioctls', () => {
  const all = PAGES * PAGE_SIZE;
  type Call = (b: Bench) => Run<number>;
  const register =
    (start: number, len: number, mode = MISSING): Call =>
    (b) =>
      b.monitor.userfaultfd_register(b.ctx, vaddr(start), len, mode);
  const rows: { name: string; kind?: Kind; before?: (b: Bench) => void; call: Call; gives: number }[] = [
    { name: 'a second UFFDIO_API', call: (b) => b.monitor.userfaultfd_api(b.ctx, 0), gives: -EINVAL },
    { name: 'mainline refuses WP', call: register(BASE, all, WP), gives: -EINVAL },
    { name: '2018 takes WP', kind: 'uffd-wp-2018', call: register(BASE, all, WP), gives: 0 },
    { name: 'no mode', call: register(BASE, all, { missing: false, wp: false }), gives: -EINVAL },
    { name: 'no length', call: register(BASE, 0), gives: -EINVAL },
    { name: 'an unaligned start', call: register(BASE + 1, PAGE_SIZE), gives: -EINVAL },
    { name: 'no mapping at or above', call: register(BASE + all, PAGE_SIZE), gives: -ENOMEM },
    { name: 'a hole below a mapping', call: register(BASE - PAGE_SIZE, PAGE_SIZE), gives: -EINVAL },
    { name: 'a hole beside a mapping is allowed', call: register(BASE - PAGE_SIZE, 2 * PAGE_SIZE), gives: 0 },
    {
      name: 'another context has it',
      before: (b) => {
        const other = b.monitor.sys_userfaultfd();
        alone(b.monitor.userfaultfd_api(other, 0));
        alone(b.monitor.userfaultfd_register(other, BASE, all, MISSING));
      },
      call: register(BASE, all),
      gives: -EBUSY,
    },
    {
      name: '2018 refuses WP without VM_WRITE',
      kind: 'uffd-wp-2018',
      before: (b) => {
        b.vma.vm_flags &= ~VM_WRITE;
      },
      call: register(BASE, all, WP),
      gives: -EINVAL,
    },
    {
      name: 'COPY where nothing is registered',
      call: (b) => b.monitor.userfaultfd_copy(b.ctx, BASE, PAGE_SIZE, content(1), MAIN),
      gives: -ENOENT,
    },
    {
      name: 'COPY over a page',
      before: (b) => {
        alone(b.vcpu.user_store(BASE, content(1)));
        b.register(MISSING);
      },
      call: (b) => b.monitor.userfaultfd_copy(b.ctx, BASE, PAGE_SIZE, content(1), MAIN),
      gives: -EEXIST,
    },
    {
      name: 'COPY that stops half-way',
      before: (b) => {
        alone(b.vcpu.user_store(plus(BASE, PAGE_SIZE), content(1)));
        b.register(MISSING);
      },
      call: (b) => b.monitor.userfaultfd_copy(b.ctx, BASE, all, content(1), MAIN),
      gives: -EAGAIN,
    },
    {
      name: 'COPY while the address space changes',
      before: (b) => {
        b.register(MISSING);
        b.ctx.mmap_changing = true;
      },
      call: (b) => b.monitor.userfaultfd_copy(b.ctx, BASE, PAGE_SIZE, content(1), MAIN),
      gives: -EAGAIN,
    },
    {
      name: 'mainline has no WRITEPROTECT',
      call: (b) => b.monitor.userfaultfd_writeprotect(b.ctx, BASE, PAGE_SIZE, MAIN),
      gives: -EINVAL,
    },
    {
      name: 'WP and DONTWAKE exclude each other',
      kind: 'uffd-wp-2018',
      before: (b) => b.register(),
      call: (b) => b.monitor.userfaultfd_writeprotect(b.ctx, BASE, PAGE_SIZE, { wp: true, dontwake: true }),
      gives: -EINVAL,
    },
    {
      name: '2018: WRITEPROTECT of what is not registered',
      kind: 'uffd-wp-2018',
      call: (b) => b.monitor.userfaultfd_writeprotect(b.ctx, BASE, PAGE_SIZE, { wp: true, dontwake: false }),
      gives: -EINVAL,
    },
    {
      name: '5.7: WRITEPROTECT of what is not registered',
      kind: 'uffd-wp-bit',
      call: (b) => b.monitor.userfaultfd_writeprotect(b.ctx, BASE, PAGE_SIZE, { wp: true, dontwake: false }),
      gives: -ENOENT,
    },
  ];
  test.each(rows)('$name: $gives', ({ kind, before, call, gives }) => {
    const b = new Bench(kind ?? 'linux-4.19');
    before?.(b);
    expect(alone(call(b))).toBe(gives);
  });

  test('a context must shake hands first', () => {
    const b = new Bench('linux-4.19');
    const raw = b.monitor.sys_userfaultfd();
    expect(alone(b.monitor.userfaultfd_register(raw, BASE, PAGE_SIZE, MISSING))).toBe(-EINVAL);
    expect(alone(b.monitor.userfaultfd_read_nonblock(raw))).toBe(-EINVAL);
    expect(alone(b.monitor.userfaultfd_api(raw, mainline.UFFD_FEATURE_PAGEFAULT_FLAG_WP))).toBe(-EINVAL);
    expect(alone(b.monitor.userfaultfd_api(raw, mainline.UFFD_FEATURE_EVENT_FORK))).toBe(0);
  });

  test('registering a part splits the mapping, unregistering it merges it again', () => {
    const b = new Bench('linux-4.19');
    const part = plus(BASE, PAGE_SIZE);
    expect(alone(b.monitor.userfaultfd_register(b.ctx, part, PAGE_SIZE, MISSING))).toBe(0);
    expect(b.mm.mmap.map(({ vm_flags }) => (vm_flags & VM_UFFD_MISSING) !== 0)).toEqual([false, true, false]);
    expect(alone(b.monitor.userfaultfd_unregister(b.ctx, BASE, all))).toBe(0);
    // The offset that the kernel passes is that of the mapping, so the part merges with the one before and after it.
    expect(b.mm.mmap.map(({ vm_start, vm_end }) => [vm_start, vm_end])).toEqual([[BASE, BASE + all]]);
  });

  test.each([
    { kind: 'uffd-wp-2018', flags: VM_UFFD_MISSING | VM_UFFD_WP, because: 'modes add up' },
    { kind: 'uffd-wp-bit', flags: VM_UFFD_WP, because: 'the new mode replaces the old' },
  ] as const)('$kind: registering again, $because', ({ kind, flags: wanted }) => {
    const b = new Bench(kind);
    b.register(MISSING);
    b.register(WP);
    expect(b.vma.vm_flags & (VM_UFFD_MISSING | VM_UFFD_WP)).toBe(wanted);
  });
});

describe('a fault on a write-protected page', () => {
  const protectedPage = (kind: Kind): Bench => {
    const b = new Bench(kind);
    alone(b.vcpu.user_store(BASE, content(1)));
    b.register();
    expect(b.protect(true)).toBe(0);
    return b;
  };

  test('55 becomes 71: one retry, and the second time nobody may wait', () => {
    const b = protectedPage('dirty-accountable-false');
    const store = b.blockedStore();
    expect(b.read()).toMatchObject({ event: 'pagefault', address: BASE, flags: 3 });
    expect(store.result()).toBeUndefined();
    expect(b.protect(false)).toBe(0);
    expect(store.result()).toBe('SIGBUS');
    expect(b.seen.filter((h) => h.kind === 'fault').map((h) => h.flags.toString(16))).toEqual(['55', '55']);
    expect(b.m.log.at(-1)!.text).toBe('FAULT_FLAG_ALLOW_RETRY missing 71');
  });

  test('from a system call it is 31, and EFAULT', () => {
    const b = protectedPage('dirty-accountable-false');
    const copy = new Blocked(b.vcpu.copy_to_user(BASE, content(7)));
    expect(b.protect(false)).toBe(0);
    expect(copy.result()).toBe(-flags.EFAULT);
    expect(b.m.log.at(-1)!.text).toBe('FAULT_FLAG_ALLOW_RETRY missing 31');
    expect(b.seen.some((h) => h.kind === 'signal')).toBe(false);
  });

  test.each(['uffd-wp-2018', 'uffd-wp-bit'] as const)(
    '%s: a dirty page is written after the answer',
    (kind) => {
      const b = protectedPage(kind);
      const store = b.blockedStore();
      expect(b.protect(false)).toBe(0);
      expect(store.result()).toBe('ok');
      expect(alone(b.vcpu.user_load(BASE))).toBe(7);
      expect(b.m.cost.events).toBe(1);
    },
  );

  test('the log has what the reporter saw', () => {
    const b = protectedPage('uffd-wp-2018');
    b.protect(false);
    const said = b.m.log.map(({ text }) => text.replace(/^.*newprot/, 'newprot'));
    expect(said).toEqual([
      'newprot=8000000000000025 changed 1 pages, wp=1',
      'newprot=8000000000000025 changed 1 pages, wp=0',
    ]);
  });

  test('while it sleeps it holds nothing', () => {
    const b = protectedPage('uffd-wp-2018');
    b.blockedStore();
    expect(b.vcpu.task.inKernel).toBe(false);
    expect(b.mm.mmap_sem.readers).toEqual([]);
  });

  test('ptrace cannot wait', () => {
    const b = protectedPage('uffd-wp-2018');
    const poke = b.monitor.access_remote_vm(b.mm, BASE, content(9), flags.FOLL_FORCE);
    expect(alone(poke)).toBe(-flags.EIO);
    expect(b.m.log.at(-1)!.text).toBe('FAULT_FLAG_ALLOW_RETRY missing 81');
  });
});

describe('messages', () => {
  test.each([
    { access: 'a write to a missing page', store: true, gives: 1 },
    { access: 'a read of a missing page', store: false, gives: 0 },
  ])('$access: flags $gives', ({ store, gives }) => {
    const b = new Bench('linux-4.19');
    b.register(MISSING);
    const va = vaddr(BASE + 8);
    new Blocked(store ? b.vcpu.user_store(va, content(1)) : b.vcpu.user_load(va));
    expect(b.read()).toEqual({ event: 'pagefault', address: BASE, flags: gives, to: 0, len: 0 });
    expect(b.read()).toBe(-EAGAIN);
  });

  test('faults come before events, each kind in order', () => {
    const b = new Bench('linux-4.19', VM_READ | VM_WRITE, mainline.UFFD_FEATURE_EVENT_REMOVE);
    b.register(MISSING);
    const third = b.kernelOf(b.m.newTask('third', b.mm));
    new Blocked(
      third.userfaultfd_event_wait_completion(b.ctx, {
        event: 'remove',
        address: BASE,
        flags: 0,
        to: 0,
        len: 0,
      }),
    );
    b.blockedStore();
    expect(b.read()).toMatchObject({ event: 'pagefault' });
    expect(b.read()).toMatchObject({ event: 'remove' });
  });

  test('with FEATURE_SIGBUS there are none', () => {
    const b = new Bench('linux-4.19', VM_READ | VM_WRITE, mainline.UFFD_FEATURE_SIGBUS);
    b.register(MISSING);
    expect(b.blockedStore().result()).toBe('SIGBUS');
    expect(b.m.cost.events).toBe(0);
  });
});

describe('waking', () => {
  const second = plus(BASE, PAGE_SIZE);
  type Wake = (b: Bench) => Run<unknown>;
  const rows: { name: string; kind?: Kind; mode?: typeof WP; wake: Wake; wakes: boolean }[] = [
    {
      name: 'WAKE of the page',
      wake: (b) => b.monitor.userfaultfd_wake(b.ctx, BASE, PAGE_SIZE),
      wakes: true,
    },
    {
      name: 'WAKE of the next',
      wake: (b) => b.monitor.userfaultfd_wake(b.ctx, second, PAGE_SIZE),
      wakes: false,
    },
    { name: 'closing', wake: (b) => b.monitor.userfaultfd_release(b.ctx), wakes: true },
    {
      name: 'UNREGISTER of a WP-only mapping',
      wake: (b) => b.monitor.userfaultfd_unregister(b.ctx, BASE, PAGES * PAGE_SIZE),
      wakes: false,
    },
    {
      name: 'UNREGISTER of a mapping with MISSING',
      mode: { missing: true, wp: true },
      wake: (b) => b.monitor.userfaultfd_unregister(b.ctx, BASE, PAGES * PAGE_SIZE),
      wakes: true,
    },
    {
      name: '2018: protecting again',
      wake: (b) => b.monitor.userfaultfd_writeprotect(b.ctx, BASE, PAGE_SIZE, { wp: true, dontwake: false }),
      wakes: true,
    },
    {
      name: '5.7: protecting again',
      kind: 'uffd-wp-bit',
      wake: (b) => b.monitor.userfaultfd_writeprotect(b.ctx, BASE, PAGE_SIZE, { wp: true, dontwake: false }),
      wakes: false,
    },
    {
      name: 'un-protecting with DONTWAKE',
      wake: (b) => b.monitor.userfaultfd_writeprotect(b.ctx, BASE, PAGE_SIZE, { wp: false, dontwake: true }),
      wakes: false,
    },
  ];
  test.each(rows)('$name: $wakes', ({ kind, mode, wake, wakes }) => {
    const b = new Bench(kind ?? 'uffd-wp-2018');
    alone(b.vcpu.user_store(BASE, content(1)));
    b.register(mode ?? WP);
    b.protect(true);
    const store = b.blockedStore();
    alone(wake(b));
    expect(b.seen.some((h) => h.kind === 'wake')).toBe(wakes);
    expect(store.result() !== undefined).toBe(wakes);
  });

  test('a filled page wakes who waits for it, and nobody waits for a page that is there', () => {
    const b = new Bench('linux-4.19');
    b.register(MISSING);
    const store = b.blockedStore();
    expect(alone(b.monitor.userfaultfd_copy(b.ctx, BASE, PAGE_SIZE, content(5), MAIN))).toBe(0);
    expect(store.result()).toBe('ok');
    expect(alone(b.monitor.userfaultfd_must_wait(b.ctx, BASE, 0, VM_UFFD_MISSING))).toBe(false);
    expect(alone(b.monitor.userfaultfd_must_wait(b.ctx, second, 0, VM_UFFD_MISSING))).toBe(true);
  });

  test('ZEROPAGE wakes, and the write then copies', () => {
    const b = new Bench('linux-4.19');
    b.register(MISSING);
    const store = b.blockedStore();
    expect(alone(b.monitor.userfaultfd_zeropage(b.ctx, BASE, PAGE_SIZE, false))).toBe(0);
    expect(store.result()).toBe('ok');
    expect(b.m.pages.contentOf(b.m.zeroPage)).toBe(0);
  });
});

test('COPY into shared anonymous memory is refused', () => {
  const b = new Bench('linux-4.19', VM_READ | VM_WRITE | VM_SHARED);
  b.register(MISSING);
  expect(alone(b.monitor.userfaultfd_copy(b.ctx, BASE, PAGE_SIZE, content(1), MAIN))).toBe(-EINVAL);
});
