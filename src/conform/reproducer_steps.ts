/** A step of a fixture as a call of a C function, one of the parts of conform/reproducer/parts.c. */
import { FixtureError, type Protection, type UserStep, type Workload } from '../workload/index';
import { storedBy } from './reproducer_watch';

export const identifier = (name: string): string => name.replace(/\W/g, '_');

/** A call, and the parts that it needs. */
export interface Call {
  readonly text: string;
  readonly parts: readonly string[];
}

const cannot: Readonly<Record<string, string>> = {
  numa_scan: 'when NUMA balancing scans cannot be told from user space',
  tlb_fill: 'the CPU does it when it likes',
  tlb_drop: 'the CPU does it when it likes',
  swapoff: 'a test must not turn off the swap space of a machine',
  ksm_run: 'the settings of KSM belong to the whole machine; `faultline conform` runs it',
  ksm_unmerge: 'the settings of KSM belong to the whole machine; `faultline conform` runs it',
  khugepaged: 'the settings of khugepaged belong to the whole machine; `faultline conform` runs it',
};

/** @throws FixtureError for what a program cannot do */
export function refuse(workload: Workload, step: UserStep, reason: string): never {
  const { line, column } = step.place;
  throw new FixtureError(
    workload.fixture.file,
    line,
    column,
    `${step.verb} is no step of a C program: ${reason}; allowed: a fixture without it`,
  );
}

const NAMED_LIMIT = 2 ** 20;

/** A value in the program's words. */
export function valueText(value: number): string {
  if (value < NAMED_LIMIT) return String(value);
  return `STORED(${Math.floor(value / NAMED_LIMIT) - 1}, ${value % NAMED_LIMIT})`;
}

export const uffdText = (name: string | null): string =>
  name === null || name === 'uffd'
    ? 'UFFD'
    : name === 'forked'
      ? 'FORKED'
      : `UFFD_${identifier(name).toUpperCase()}`;

export function protText(word: Protection | string): string {
  const names = { r: 'PROT_READ', w: 'PROT_WRITE', x: 'PROT_EXEC' };
  const bits = word === 'none' ? [] : [...word].map((letter) => names[letter as keyof typeof names]);
  return bits.length > 0 ? bits.join(' | ') : 'PROT_NONE';
}

export const adviceText = (word: string): string => `MADV_${word.toUpperCase()}`;

export interface Context {
  readonly workload: Workload;
  /** The number of the step. */
  readonly id: number;
  /** It is the one that opens the userfaultfd that it names. */
  readonly opens: boolean;
  /** By process. */
  readonly processes: readonly string[];
}

const featureNames: Readonly<Record<string, string>> = {
  fork: 'UFFD_FEATURE_EVENT_FORK',
  remap: 'UFFD_FEATURE_EVENT_REMAP',
  remove: 'UFFD_FEATURE_EVENT_REMOVE',
  unmap: 'UFFD_FEATURE_EVENT_UNMAP',
  sigbus: 'UFFD_FEATURE_SIGBUS',
  wp_unpopulated: '1 << 13 /* UFFD_FEATURE_WP_UNPOPULATED */',
  wp_async: '1 << 15 /* UFFD_FEATURE_WP_ASYNC */',
};

/** The first address of the pages of a step, and their number. */
function placeOf(step: UserStep): { at: string; pages: number } {
  if (step.onFault || step.on === null) return { at: 'FAULT', pages: 1 };
  const { region, first, last } = step.on;
  const base = `${identifier(region)}_at`;
  return { at: first === 0 ? base : `${base} + ${first} * PAGE`, pages: last - first + 1 };
}

const either = (...flags: (string | false)[]): string => flags.filter(Boolean).join(' | ') || '0';

/** The verbs that are one call with plain arguments. */
export function callOf(step: UserStep, context: Context): Call {
  const { workload } = context;
  if (cannot[step.verb]) refuse(workload, step, cannot[step.verb]!);
  if (step.value !== null && step.value >= NAMED_LIMIT) {
    refuse(workload, step, `values are below ${NAMED_LIMIT}`);
  }
  const call = step.verb.startsWith('uffd_') ? uffdCall(step, context) : plainCall(step, context);
  return step.onFault ? { ...call, parts: [...call.parts, 'fault'] } : call;
}

const one = (part: string, ...args: (string | number)[]): Call => ({
  text: `${part}(${args.join(', ')})`,
  parts: [part],
});

function plainCall(step: UserStep, context: Context): Call {
  const { workload, id, processes } = context;
  const { at, pages } = placeOf(step);
  const value = step.value === null ? valueText(storedBy(id, 0)) : String(step.value);
  const owner = (): string => {
    const { process } = workload.regions.get(step.on!.region)!.spec;
    return `shared->process[${processes.indexOf(process)}]`;
  };
  switch (step.verb) {
    case 'write':
      return one('store', at, pages, value, step.value === null ? 1 : 0);
    case 'read':
      return one('load', id, at, pages);
    case 'sys_read':
      return one('read_into', at, value);
    case 'sys_write':
      return one('write_from', id, at);
    case 'poke':
      return one('poke', owner(), at, value);
    case 'peek':
      return one('peek', id, owner(), at);
    case 'gup_write':
      return one('store_in', owner(), at, value);
    case 'mmap':
      return { text: `map_${identifier(step.on!.region)}()`, parts: [] };
    case 'munmap':
      return one('unmap', at, pages);
    case 'mremap':
      return one('move', at, pages, `${identifier(step.to!)}_at`);
    case 'mprotect':
      return one('protect', at, pages, protText(step.word!));
    case 'madvise':
      return adviceCall(step, workload);
    default:
      return otherCall(step, value, context);
  }
}

function adviceCall(step: UserStep, workload: Workload): Call {
  const { at, pages } = placeOf(step);
  const isPrivate = workload.regions.get(step.on!.region)!.spec.file === null;
  if (step.word === 'pageout' && isPrivate) return one('page_out', at, pages);
  return one('advise', at, pages, adviceText(step.word!));
}

function otherCall(step: UserStep, value: string, { workload, id, processes }: Context): Call {
  const { at, pages } = placeOf(step);
  const name = identifier(step.name ?? '');
  switch (step.verb) {
    case 'fork':
      return one('fork_child', processes.indexOf(step.name!), `actor_${name}`);
    case 'exit':
      return { text: `(end(${id}, 0), _exit(0), 0)`, parts: [] };
    case 'post':
      return one('post', `SEMAPHORE_${name.toUpperCase()}`);
    case 'wait':
      return one('wait_for', `SEMAPHORE_${name.toUpperCase()}`);
    case 'migrate':
      return one('migrate', at, pages, step.node ?? -1);
    case 'fsync':
      return one('synchronize', `file_${name}`);
    case 'file_write':
      return one('write_file', `file_${name}`, step.filePage!, value);
    case 'clear_refs':
      return one('clear_refs', `"${step.word}"`);
    case 'pagemap':
      return one('pagemap', id, at, pages);
    default:
      return refuse(workload, step, 'nobody has written it in C');
  }
}

function uffdCall(step: UserStep, { opens }: Context): Call {
  const { at, pages } = placeOf(step);
  const uffd = uffdText(step.verb === 'uffd_open' ? step.name : step.uffd);
  const has = (flag: string): boolean => step.flags.includes(flag);
  const wake = (mode: string): string | false => has('dontwake') && `UFFDIO_${mode}_MODE_DONTWAKE`;
  switch (step.verb) {
    case 'uffd_open':
      return one('open_uffd', uffd, either(...step.features.map((feature) => featureNames[feature]!)));
    case 'uffd_register': {
      const missing = has('missing') && 'UFFDIO_REGISTER_MODE_MISSING';
      const wp = (has('wp') || !missing) && 'UFFDIO_REGISTER_MODE_WP';
      const call = one('uffd_register', uffd, at, pages, either(missing, wp));
      if (!opens) return call;
      return { text: `open_uffd(${uffd}, 0) ?: ${call.text}`, parts: ['open_uffd', ...call.parts] };
    }
    case 'uffd_protect':
      return one(
        'uffd_writeprotect',
        uffd,
        at,
        pages,
        either('UFFDIO_WRITEPROTECT_MODE_WP', wake('WRITEPROTECT')),
      );
    case 'uffd_unprotect':
      return one('uffd_writeprotect', uffd, at, pages, either(wake('WRITEPROTECT')));
    case 'uffd_copy':
      return one(
        'uffd_copy',
        uffd,
        at,
        step.value ?? 0,
        either(has('wp') && 'UFFDIO_COPY_MODE_WP', wake('COPY')),
      );
    case 'uffd_zeropage':
      return one('uffd_zeropage', uffd, at, pages, either(wake('ZEROPAGE')));
    case 'uffd_close':
      return one('uffd_close', uffd);
    case 'uffd_wait':
    case 'uffd_poll':
      return one('receive', uffd, String(step.verb === 'uffd_wait'));
    case 'uffd_serve': {
      const manner = either(step.word === 'snapshot' && 'SNAPSHOT', step.word === 'zeropage' && 'ZEROPAGE');
      return one('serve', uffd, manner, ...(step.on ? [at, pages] : [0, 0]));
    }
    default:
      return one(step.verb, uffd, at, pages);
  }
}
